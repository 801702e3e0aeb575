"""A fork on its pages: what its steps got, what was taken over or changed, and its own times."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.integration.dashboard.conftest import row_of
from workflows_app import Workflow, step
from workflows_app.models import Run, RunEvent

flow = (
    Workflow("pages-forked", title="Forked")
    .then(step(lambda d: {**d, "one": True}, id="one"))
    .then(step(lambda d: {**d, "two": True}, id="two"))
    .then(step(lambda d: {**d, "three": True}, id="three"))
    .commit()
)
LONG_AGO = timedelta(days=3)


@pytest.fixture
def source(db):
    """A run of three days ago, of which each step took an hour."""
    run = flow.create_run()
    run.start({"word": "as it was"})
    row = row_of(run)
    begun = timezone.now() - LONG_AGO
    row.steps.update(queued_at=begun, started_at=begun, ended_at=begun + timedelta(hours=1))
    Run.objects.filter(pk=row.pk).update(
        started_at=begun, ended_at=begun + timedelta(hours=3), settled_at=begun
    )
    RunEvent.objects.filter(run=row.pk).update(at=begun)
    return run


def read(pages, run, rest: str = "") -> str:
    return str(pages.get(f"/runs/{run.run_id}/{rest}").content.decode())


def card(page: str, path: str) -> str:
    return page.partition(f'<li id="step-{path}"')[2].partition("</li>")[0]


def test_its_steps_are_marked_as_reused_given_and_changed(pages, source):
    fork = source.fork(
        "three", input_data={"word": "new"}, context={"two": {"output": {"word": "given"}}}
    )

    page = read(pages, fork)

    assert ">reused</span>" in card(page, "one")
    assert ">result given</span>" in card(page, "two")
    assert ">input changed</span>" in card(page, "three")
    assert ">reused</span>" not in card(page, "three")


def test_a_fork_of_a_step_as_it_was_changes_nothing(pages, source):
    page = read(pages, source.fork("two"))

    assert "input changed" not in page
    assert ">reused</span>" in card(page, "one")
    assert read(pages, source).count(">reused</span>") == 0


@pytest.mark.parametrize("tab", ["", "?tab=data"])
def test_it_shows_the_input_that_its_steps_got(pages, source, tab):
    first = read(pages, source.fork("one", input_data={"word": "new"}), tab)
    later = read(pages, source.fork("two", input_data={"word": "new"}), tab)

    values = first.partition('id="values"')[2].partition("</section>")[0]
    assert values.index("Input of one, changed by the fork") < values.index("new")
    assert values.index("&quot;new&quot;") < values.index("Input of the run it was forked from")
    values = later.partition('id="values"')[2].partition("</section>")[0]
    assert values.index("as it was") < values.index("Input of two, changed by the fork")


def test_its_times_are_its_own(pages, source):
    fork = source.fork("three")

    page = read(pages, fork, "?tab=timeline")
    row = page.partition(">one</a>")[2].partition("</li>")[0]
    one = read(pages, fork, "steps/one/")

    assert "1 h" not in card(page, "one")
    assert ">reused</span>" in row
    assert "<rect" not in row.partition("</svg>")[0]
    assert "1 h" not in row
    assert "and did not run this step again" in one
    assert "<dt>Took</dt>" not in one
    assert "<dt>Queued</dt>" not in one
    assert "1 h" not in read(pages, fork, "?tab=timeline&group=step")
    assert (
        "1 h"
        not in pages.get("/runs/").content.decode().partition("</tr>")[2].partition("</tr>")[0]
    )


def test_a_comparison_does_not_take_the_times_of_the_other_run_for_its_own(pages, source):
    fork = source.fork("three")

    page = pages.get(f"/runs/compare/?a={source.run_id}&b={fork.run_id}&only=0").content.decode()
    row = page.partition('id="at-one"')[2].partition("</tbody>")[0]
    took = re.findall(r'data-label="(\w) took"[^>]*>(.*?)</td>', row)

    assert "1 h 0 min" in dict(took)["A"]
    assert "reused" in dict(took)["B"]


def test_related_says_what_was_reused_and_what_was_changed(pages, source):
    fork = source.fork("three", input_data={"word": "new"})

    page = read(pages, fork, "?tab=related")
    told = page.partition("<dt>Forked at</dt>")[2].partition("</dl>")[0]
    words = " ".join(re.sub(r"<[^>]+>", " ", told).split())

    assert words == "three Reused one , two Changed three (its input)"


def listed(pages, run) -> str:
    page = str(pages.get("/runs/").content.decode())
    return page.partition(f'href="/runs/{run.run_id}/"')[2].partition("</tr>")[0]


def values_of(page: str) -> str:
    return page.partition('id="values"')[2].partition("</section>")[0]


def test_the_list_shows_the_input_that_its_first_step_got(pages, source):
    first = source.fork("one", input_data={"word": "brand new"})
    later = source.fork("two", input_data={"word": "brand new"})
    same = source.fork("one")
    given = source.fork("two", context={"one": {"output": {"word": "given"}}})

    assert "brand new" in listed(pages, first)
    assert "as it was" not in listed(pages, first)
    for other in (later, same, given, source):
        assert "as it was" in listed(pages, other)
        assert "brand new" not in listed(pages, other)


def inputs_compared(pages, query: str):
    pairs = pages.get(f"/runs/compare/?{query}").context["found"].pairs
    return next(pair for pair in pairs if pair.label == "Input")


def test_a_comparison_shows_it_too(pages, source):
    fork = source.fork("one", input_data={"word": "brand new"})

    other = inputs_compared(pages, f"a={source.run_id}&b={fork.run_id}")
    same = inputs_compared(pages, f"a={source.run_id}&b={source.fork('one').run_id}")

    assert other.is_different
    assert ("as it was" in other.old.text, "brand new" in other.new.text) == (True, True)
    assert not same.is_different


def test_a_time_travel_in_place_is_marked_as_a_fork_is(pages, source):
    source.time_travel("two", input_data={"word": "brand new"})

    page = read(pages, source)

    assert ">input changed</span>" in card(page, "two")
    assert ">reused</span>" in card(page, "one")
    assert "earlier timeline" in card(page, "one")
    assert ">reused</span>" not in card(page, "two") + card(page, "three")
    assert "input changed" not in card(page, "three") + card(page, "one")
    assert "Input of two, changed by the time travel" in values_of(page)
    assert "as it was" in listed(pages, source)
    earlier = read(pages, source, "?timeline=1")
    assert "input changed" not in earlier
    assert ">reused</span>" not in earlier


def test_one_to_the_first_step_shows_what_it_got(pages, source):
    source.time_travel("one", input_data={"word": "brand new"})

    page = read(pages, source)
    values = values_of(page)
    compared = inputs_compared(pages, f"a={source.run_id}&at=1&b={source.run_id}&bt=2")

    assert ">input changed</span>" in card(page, "one")
    assert ">reused</span>" not in page
    assert values.index("Input of one, changed by the time travel") < values.index("brand new")
    assert values.index("brand new") < values.index("Input that the run was started with")
    assert values.index("Input that the run was started with") < values.index("as it was")
    assert "brand new" in listed(pages, source)
    assert ("as it was" in compared.old.text, "brand new" in compared.new.text) == (True, True)
    assert "brand new" not in values_of(read(pages, source, "?timeline=1"))


def test_a_time_travel_that_changes_nothing_says_what_it_kept(pages, source):
    source.time_travel("two")

    page = read(pages, source)

    assert "input changed" not in page
    assert ">reused</span>" in card(page, "one")
    assert "changed by the time travel" not in page


def test_a_retry_marks_nothing(pages, db):
    failing = {"now": True}

    def fail(value: dict[str, str]) -> dict[str, str]:
        if failing.pop("now", False):
            raise LookupError("once")
        return value

    again = (
        Workflow("pages-fork-retried")
        .then(step(lambda d: d, id="first"))
        .then(step(fail, id="failing"))
    )
    run = again.commit().create_run()
    run.start({"word": "as it was"})
    run.retry()

    page = read(pages, run)

    assert row_of(run).status == "success"
    assert ">reused</span>" not in page
    assert "input changed" not in page


def test_a_fork_says_who_started_it(pages, source, ana):
    fork = source.fork("two", actor=ana)
    alone = source.fork("two")
    compared = pages.get(f"/runs/compare/?a={alone.run_id}&b={fork.run_id}").content.decode()

    started = listed(pages, fork).partition('data-label="Started"')[2]
    assert "by ana" in started
    assert "by ana" not in listed(pages, alone)
    facts = read(pages, fork).partition("<dt>Started</dt>")[2].partition("</dd>")[0]
    assert "by ana" in facts
    sides = [part.partition("</dd>")[0] for part in compared.split("<dt>Started</dt>")[1:]]
    assert ["by ana" in side for side in sides] == [False, True]
    assert row_of(fork).started_by == ana


def test_a_fork_that_is_travelled_in_tells_of_both(pages, source):
    fork = source.fork("two", input_data={"word": "by the fork"})
    fork.time_travel("three", input_data={"word": "by the travel"})

    page = read(pages, fork)
    values = values_of(page)

    assert ">input changed</span>" in card(page, "two")
    assert ">input changed</span>" in card(page, "three")
    assert ">reused</span>" in card(page, "one")
    assert "Input of two, changed by the fork" in values
    assert "Input of three, changed by the time travel" in values
    assert "as it was" in listed(pages, fork)
