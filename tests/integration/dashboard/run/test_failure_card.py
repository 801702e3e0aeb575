"""The card of a failure says where it was, with what, in which line, and what can be done."""

import html

import pytest

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


def test_the_card_shows_the_errors_of_a_group_and_the_notes(pages):
    def fails(_data):
        wrong = ValueError("no number")
        wrong.add_note("in row 17")
        group = ExceptionGroup("two rows", [wrong, KeyError("total")])
        group.add_note("while the file was read")
        raise group

    run = Workflow("failure-group").then(step(fails)).commit().create_run()
    run.start(1)

    card = card_of(pages, run)

    for word in ("two rows (2 sub-exceptions)", "while the file was read", "no number",
                 "in row 17", "KeyError"):  # fmt: skip
        assert word in card
    report = card.partition('id="report"')[2].partition("</pre>")[0]
    assert "in row 17" in report
    assert "In it ValueError: no number" in report


def test_a_step_that_waits_for_a_person_after_it_was_lost_is_shown_as_lost(pages):
    def leaves(_data):
        raise SystemExit("out")

    flow = Workflow("failure-lost", auto_restart=False).then(step(leaves)).commit()
    run = flow.create_run()
    with pytest.raises(SystemExit):
        run.start(1)
    page = html.unescape(pages.get(f"/runs/{run.run_id}/").content.decode())
    assert "No sign of life from the worker that runs leaves" in page
    assert pages.get(f"/runs/{run.run_id}/steps/leaves/").status_code == 200
    assert pages.get("/").status_code == 200
    assert pages.get("/workers/").status_code == 200
