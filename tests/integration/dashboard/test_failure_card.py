"""The card of a failure says where it was, with what, in which line, and what can be done."""

import html

from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, step


@step
def parse(value: dict[str, str]) -> int:
    """Read a number."""
    try:
        return int(value["number"])
    except ValueError as error:
        try:
            raise LookupError("no such number") from error  # noqa: TRY301 - causes are the matter
        except LookupError as second:
            raise RuntimeError("the file is wrong") from second


parsing = Workflow("failure-parsing").then(parse).commit()


def card_of(pages, run, **query):
    page = pages.get(f"/runs/{run.run_id}/", query).content.decode()
    return html.unescape(page.partition('id="failure"')[2].partition("</section>")[0])


def test_the_card_names_step_attempt_input_line_and_every_cause(pages):
    run = parsing.create_run()
    run.start({"number": "seven-of-them"})

    card = card_of(pages, run)

    assert f'href="/runs/{run.run_id}/steps/parse/">parse</a>, attempt 1' in card
    assert "seven-of-them" in card
    assert 'raise RuntimeError("the file is wrong") from second</pre>' in card
    assert "test_failure_card.py, line" in card.partition("</figure>")[0]
    assert card.index("RuntimeError") < card.index("LookupError") < card.index("ValueError")
    assert "Copy report" in card
    report = card.partition('id="report"')[2].partition("</pre>")[0]
    for word in (run.run_id, "Step parse, attempt 1", "Caused by ValueError", "seven-of-them"):
        assert word in report
    assert ">Re-run from here</a>" in card


def test_the_card_offers_what_the_person_may_do_and_nothing_in_the_past(pages, person):
    run = started(title="break")
    _, client = person("view_run")

    assert "Re-run from here" in card_of(pages, run)
    assert "Re-run from here" not in card_of(client, run)
    run.retry()
    past = card_of(pages, run, timeline="1")
    assert "The <b>bank</b> said no." in past
    assert "Re-run" not in past
    assert row_of(run).timeline == 2
