"""The page of a workflow: its versions, and how its runs go."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.lists.filters import first_key
from dashboard.overview import page as overview_page
from dashboard.workflows import speeds
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Run, Schedule, Workflow, WorkflowVersion


def test_it_says_how_its_latest_runs_went(pages):
    started(amount=5)
    started(title="break")

    page = pages.get(f"/workflows/{flows.approval.id}/").content.decode()

    assert "50 %" in page
    assert "Half within" in page


@pytest.mark.parametrize("number", [1, 2, 3, 4, 20, 21])
def test_it_and_the_overview_agree_on_how_long_half_of_the_runs_took(db, number):
    began = timezone.now() - timedelta(minutes=5)
    for seconds in range(number):
        run = row_of(started(flows.open_flow))
        ended = began + timedelta(seconds=seconds + 1)
        Run.objects.filter(pk=run.pk).update(started_at=began, ended_at=ended)

    pace = speeds.of_late([flows.open_flow.id], timezone.now())[flows.open_flow.id]
    (slow,) = overview_page.slowest_since(began - timedelta(hours=1))

    assert (pace.half, pace.most) == (slow.p50, slow.p95)
    assert pace.half == timedelta(seconds=(number + 1) // 2)


def test_the_newest_runs_of_a_day_are_looked_at_and_others_are_not(db, monkeypatch):
    monkeypatch.setattr(speeds, "MOST_RUNS", 3)
    now = timezone.now()
    old = row_of(started(title="break"))
    before = uuid.UUID(int=first_key(now - timedelta(hours=25)).int + 1)
    Run.objects.filter(pk=old.pk).update(id=before)
    started()
    started(title="break")
    for _ in range(2):
        started(amount=5)

    found = speeds.of_late([flows.approval.id, flows.open_flow.id], now)

    assert list(found) == [flows.approval.id]
    pace = found[flows.approval.id]
    assert (pace.runs, pace.ended, pace.succeeded, pace.failed) == (3, 3, 2, 1)
    assert (pace.share, pace.is_capped) == (66, True)


def test_a_workflow_of_which_nothing_has_ended_says_so(pages):
    started()

    pace = speeds.of_late([flows.approval.id], timezone.now())[flows.approval.id]
    page = pages.get("/workflows/").content.decode()

    assert (pace.runs, pace.share, pace.half, pace.most) == (1, None, None, None)
    assert "<dt>Succeeded</dt>" in page
    assert "?workflow=pages-approval&amp;window=24h" in page


def test_without_recent_runs_the_page_shows_the_latest_ones(pages):
    run = row_of(started(amount=5))
    key = uuid.UUID(int=first_key(timezone.now() - timedelta(days=3)).int + 1)
    Run.objects.filter(pk=run.pk).update(id=key)

    page = pages.get(f"/workflows/{flows.approval.id}/").content.decode()

    assert "No run of the last 24 h: these are its latest runs that ended" in page
    assert "100 %" in page


def test_the_next_start_by_a_schedule_is_shown(pages):
    started(amount=5)
    soon = timezone.now() + timedelta(hours=2, minutes=5)
    for number, status in enumerate(("active", "active", "paused")):
        Schedule.objects.create(
            pk=f"s{number}",
            workflow_id=flows.approval.id,
            hash="x",
            status=status,
            next_fire_at=soon + timedelta(hours=number) if number < 2 else timezone.now(),
        )

    for address in ("/workflows/", f"/workflows/{flows.approval.id}/"):
        page = pages.get(address).content.decode()
        assert "Next start" in page
        assert "in 2 h" in page


def test_lists_of_workflows_cost_the_same_however_many_there_are(pages):
    def asked(address):
        pages.get(address)
        with CaptureQueriesContext(connection) as queries:
            pages.get(address)
        said.append([query["sql"][:300] for query in queries])
        return len(queries)

    said: list[list[str]] = []
    started(amount=5)
    few = asked("/workflows/"), asked(f"/workflows/{flows.approval.id}/")
    graph = WorkflowVersion.objects.get(workflow=flows.approval.id).graph
    for number in range(30):
        known = Workflow.objects.create(pk=f"gone-{number}")
        WorkflowVersion.objects.create(workflow=known, hash=f"{number}", graph=graph)
        started(amount=5)
    many = asked("/workflows/"), asked(f"/workflows/{flows.approval.id}/")

    assert few == many, "\n".join(sorted(set(said[3]) ^ set(said[1])))
    assert max(many) <= 12


def test_versions_are_listed_with_what_changed_and_each_can_be_looked_at(pages):
    started(amount=5)
    present = WorkflowVersion.objects.get(workflow=flows.approval.id)
    graph = {**present.graph, "entries": present.graph["entries"][:1]}
    old = WorkflowVersion(workflow_id=flows.approval.id, hash="0ld" + "0" * 61, graph=graph)
    old.pk = present.pk - 1 if present.pk > 1 else present.pk + 1
    old.save(force_insert=True)

    page = pages.get(f"/workflows/{flows.approval.id}/").content.decode()
    before = pages.get(f"/workflows/{flows.approval.id}/?version={old.hash}").content.decode()

    assert f"?version={old.hash}" in page
    assert "present" in page
    assert "which new runs no longer begin with" in before
    assert 'id="step-check"' in before
    assert 'id="step-pay"' not in before
