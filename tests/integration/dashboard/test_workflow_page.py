"""The page of a workflow: its versions, and how its runs go."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard import catalogue, overview_page
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Run, WorkflowVersion


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

    paces = catalogue.paces_of(flows.open_flow.id)
    (slow,) = overview_page.slowest_since(began - timedelta(hours=1))

    assert (paces.half, paces.most) == (slow.p50, slow.p95)
    assert paces.half == timedelta(seconds=(number + 1) // 2)


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
