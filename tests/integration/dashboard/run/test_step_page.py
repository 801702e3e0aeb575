"""The page of one step: its attempts, what it wrote, what is inside it, its other timelines."""

import html
import re
from typing import Any

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from tests.integration.dashboard.run.test_playback_page import booking
from workflows_app import StepContext, Workflow, step
from workflows_app.engine.run import log
from workflows_app.models import RunEvent

PART = {"HX-Request": "true"}


@step(retries=2)
def flaky(value: Any, ctx: StepContext) -> Any:
    ctx.writer.write({"attempt": ctx.retry_count})
    ctx.writer.custom("data-note", "custom words")
    if ctx.retry_count < 2:
        raise ConnectionError(f"no line number {ctx.retry_count}")
    return value


inner = Workflow("step-page-inner").then(flaky).commit()
outer = (
    Workflow("step-page-outer")
    .then(inner, id="nested")
    .parallel([step(lambda v: v, id="left"), step(lambda v: v, id="right")])
    .commit()
)


def page_of(pages, run, path, **query):
    return pages.get(f"/runs/{run.run_id}/steps/{path}/", query).content.decode()


@pytest.fixture
def nested(db):
    run = outer.create_run()
    run.start(1)
    return run.refresh()


def test_a_step_tells_which_attempts_failed_and_what_it_wrote(pages, nested):
    page = page_of(pages, nested, "nested.flaky")

    attempts = page.partition('id="attempts-title"')[2].partition("</section>")[0]
    assert "ConnectionError" in attempts
    assert "no line number 0" in attempts
    assert "no line number 1" in attempts
    written = html.unescape(page.partition('id="written-title"')[2].partition("</section>")[0])
    assert '{"attempt":2}' in written
    assert "custom words" in written


@pytest.mark.parametrize(
    ("path", "inside"), [("nested", ["nested.flaky"]), ("parallel-1", ["left", "right"])]
)
def test_what_is_inside_a_step_is_listed(pages, nested, path, inside):
    page = page_of(pages, nested, path)

    listed = page.partition('id="items-title"')[2].partition("</section>")[0]
    assert re.findall(r'class="step-name"[^>]*>([^<]+)<', listed) == inside


def test_a_step_of_a_long_run_has_its_events_however_many_came_after(pages):
    run = started(amount=5)
    row = row_of(run)
    last = RunEvent.objects.filter(run=row).order_by("-first_seq").first()
    RunEvent.objects.bulk_create(
        RunEvent(run=row, first_seq=seq, last_seq=seq, at=last.at,
                 events=[{"type": "data-x", "payload": {"path": "other"}}])
        for seq in range(last.last_seq + 1, last.last_seq + 2500)
    )  # fmt: skip
    type(row).objects.filter(pk=row.pk).update(event_seq=last.last_seq + 2499)

    page = page_of(pages, run, "check")

    assert "workflow-step-result" in page
    assert "Nothing has happened yet" not in page


def test_a_step_can_be_seen_as_it_was_on_an_earlier_timeline(pages):
    run = booking.create_run()
    run.start({"a": 1}, request_context={"ledger": "closed"})
    run.retry(request_context={"ledger": "open"})

    now, then = page_of(pages, run, "book"), page_of(pages, run, "book", timeline=1)

    assert "later-success" in now
    assert "the ledger is closed" not in now
    assert f"/runs/{run.run_id}/steps/book/?timeline=1" in now
    assert "the ledger is closed" in then
    assert "later-success" not in then
    assert "as it was on timeline 1 of 2" in then
    assert pages.get(f"/runs/{run.run_id}/steps/after/?timeline=1").status_code == 404


def test_the_page_of_a_step_is_live_in_the_same_way_as_that_of_the_run(pages):
    run = started()

    page = page_of(pages, run, "manager")
    part = pages.get(f"/runs/{run.run_id}/steps/manager/", headers=PART).content.decode()

    assert 'data-run-page="' in page
    assert "data-pulse" in page
    assert part.lstrip().startswith('<div id="live"')
    assert "<html" not in part


def test_the_page_of_a_step_costs_a_handful_of_queries(
    pages, nested, django_assert_max_num_queries
):
    list_run = flows.items.create_run()
    list_run.start(list(range(1, 200, 3)))
    for run, path in ((nested, "nested.flaky"), (nested, "nested"), (list_run, "each")):
        page_of(pages, run, path)
        with django_assert_max_num_queries(12):
            page_of(pages, run, path)


def test_the_log_about_a_step_is_newest_first_and_of_its_own_time(nested):
    row = row_of(nested)
    found = log.read_about(row, "nested.flaky", since=row.started_at)

    assert [event["seq"] for event in found] == sorted(
        (event["seq"] for event in found), reverse=True
    )
    assert {event["payload"]["path"] for event in found} == {"nested.flaky"}
    retries = log.read_about(row, "nested.flaky", since=row.started_at, kind="workflow-step-retry")
    assert len(retries) == 2
