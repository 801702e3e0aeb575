"""A page that is played back shows what was true then, and nothing that came later."""

import re
from typing import Any

import pytest

from dashboard.status import busy
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import StepContext, Workflow, step
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot


@step
def limit(value: Any) -> dict[str, Any]:
    return {"limit": "checked"}


@step
def book(value: Any, ctx: StepContext) -> dict[str, Any]:
    """Put it into the books."""
    if ctx.request_context.get("ledger") == "closed":
        raise RuntimeError("the ledger is closed")
    ctx.set_state({"booked": 7})
    return {"entry": "later-success"}


booking = (
    Workflow("playback-booking", title="Booking")
    .then(limit)
    .then(book)
    .then(step(lambda value: value, id="after"))
    .commit()
)


@pytest.fixture
def retried(db):
    """A run that failed, was retried, and then succeeded; and the number of its failure."""
    run = booking.create_run()
    run.start({"a": 1}, request_context={"ledger": "closed"})
    failure = row_of(run).event_seq
    run.retry(request_context={"ledger": "open"})
    return run.refresh(), failure


def at(pages, run, seq, tab="graph", **query):
    asked = {"tab": tab, "at": seq, **query}
    return pages.get(f"/runs/{run.run_id}/", asked).content.decode()


def event(run, kind, path="", number=0):
    found = [
        e.seq for e in run.events() if e.type == kind and (e.payload.get("path") or "") == path
    ]
    return found[number]


def rows(page):
    found = re.findall(
        r'class="time-row" id="time-\d+" data-key="\d+" data-status="(\w+)".*?title="([^"]+)"',
        page,
        re.DOTALL,
    )
    return [(path, status) for status, path in found]


def step_of(page, path):
    return page.partition(f'id="step-{path}"')[2].partition("</li>")[0]


def test_a_failure_before_a_retry_is_shown_as_it_was(pages, retried):
    run, failure = retried

    page = at(pages, run, failure)

    assert "the ledger is closed" in page.partition('id="failure"')[2]
    assert "later-success" not in page
    assert 'class="step" data-status="failed"' in page
    assert "the ledger is closed" in step_of(page, "book")
    assert re.search(r"<dt>Timeline</dt><dd>1 of 2", page)
    assert "<title>Booking failed at event" in page


def test_an_earlier_timeline_can_be_opened(pages, retried):
    run, failure = retried

    related = pages.get(f"/runs/{run.run_id}/?tab=related").content.decode()
    page = pages.get(f"/runs/{run.run_id}/?timeline=1").content.decode()

    assert f'href="/runs/{run.run_id}/?timeline=1"' in related
    assert f"event {failure} of" in page
    assert f"/runs/{run.run_id}/steps/book/?timeline=1" in page


def test_the_timeline_shows_what_had_run_by_then(pages, retried):
    run, failure = retried
    begun = event(run, "workflow-step-start", "limit")

    assert rows(at(pages, run, begun, "timeline")) == [("limit", "running")]
    assert rows(at(pages, run, failure, "timeline")) == [("limit", "success"), ("book", "failed")]
    errors = at(pages, run, failure, "timeline", errors="1")
    assert rows(errors) == [("book", "failed")]
    grouped = at(pages, run, failure, "timeline", group="step")
    assert rows(grouped) == [("limit", "success"), ("book", "failed")]


def test_a_moment_after_the_retry_does_not_show_what_failed_before_it(pages, retried):
    run, failure = retried
    begun = event(run, "workflow-step-start", "book", number=1)

    page = at(pages, run, begun)

    assert begun > failure
    assert 'class="step" data-status="running"' in page
    assert "the ledger is closed" not in page
    assert re.search(r"<dt>Timeline</dt><dd>2 of 2", page)


def test_what_a_time_travel_left_behind_is_not_known_after_it(pages):
    run = booking.create_run()
    run.start({"a": 1})
    run.time_travel("book", input_data={"b": 2})
    travelled = event(run, "workflow-time-travel", "book")

    page = at(pages, run, travelled)

    assert 'id="step-limit" class="step" data-status="success"' in page
    assert 'id="step-after" class="step" data-status="pending"' in page
    assert 'data-status="success"' not in step_of(page, "book")


def test_nothing_can_be_done_to_the_past(pages, retried):
    run, failure = retried

    page = at(pages, run, failure)

    assert "Run again" not in page.partition('id="notices"')[0]
    assert "Cancel run" not in page
    assert "Re-run from here" not in page
    assert "Back to now" in page


def test_state_audit_and_related_are_those_of_then(pages, ana):
    run = booking.create_run()
    run.start({"a": 1}, request_context={"ledger": "closed"}, actor=ana)
    failure = row_of(run).event_seq
    run.retry(request_context={"ledger": "open"}, actor=ana, door="page")

    assert "booked" not in at(pages, run, failure, "data")
    assert "booked" in pages.get(f"/runs/{run.run_id}/?tab=data").content.decode()
    audit = at(pages, run, failure, "audit").partition('id="panel"')[2]
    assert "<td>start</td>" in audit
    assert "<td>retry</td>" not in audit
    related = at(pages, run, failure, "related").partition('id="panel"')[2]
    assert "retry at" not in related


def test_an_arm_that_was_not_taken_says_so_in_the_past_too(pages):
    run = started(amount=5)
    begun = event(run, "workflow-step-start", "small")

    page = at(pages, run, begun)

    assert 'id="step-manager" class="step" data-status="untaken"' in page
    assert 'id="step-small" class="step" data-status="running"' in page


def test_a_foreach_is_counted_as_it_was(pages):
    run = flows.items.create_run()
    run.start([1, 2, 4])
    two = [e.seq for e in run.events() if e.type == "workflow-step-result"][1]

    page = at(pages, run, two)

    assert "2 success" in page
    assert "3 success" not in page


def test_a_fork_shows_what_it_took_over_from_its_first_event_on(pages):
    run = booking.create_run()
    run.start({"a": 1})
    forked = run.fork("book")

    page = at(pages, forked, 2)

    assert 'id="step-limit" class="step" data-status="success"' in page
    assert "Fork of" in page


def test_a_moment_that_is_too_late_says_so_and_offers_the_last_one(pages, monkeypatch, retried):
    run, _ = retried
    monkeypatch.setattr("dashboard.run.playback.MOST_EVENTS", 3)

    page = at(pages, run, 5)

    assert "The first 3 events of a run can be played back" in page
    assert "at=3" in page


def test_playback_costs_no_more_queries_than_a_page_may(
    pages, retried, django_assert_max_num_queries
):
    run, failure = retried
    for tab in ("graph", "timeline", "events", "data", "related", "audit"):
        at(pages, run, failure, tab)
        busy._kept._found.clear()
        with django_assert_max_num_queries(12):
            at(pages, run, failure, tab)


def test_the_time_of_a_past_moment_does_not_move(pages, retried):
    run, _ = retried
    StepSnapshot.objects.filter(run__run_id=run.run_id, path="limit").update(ended_at=None)
    begun = event(run, "workflow-step-start", "limit")

    page = at(pages, run, begun, "timeline")

    assert "data-since" not in page.partition('id="live"')[2]
    assert RunRow.objects.get(run_id=run.run_id).timeline == 2
