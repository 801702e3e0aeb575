"""The page of a workflow: its versions, and how its runs go."""

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app.models import WorkflowVersion


def test_it_says_how_its_latest_runs_went(pages):
    started(amount=5)
    started(title="break")

    page = pages.get(f"/workflows/{flows.approval.id}/").content.decode()

    assert "50 %" in page
    assert "Half within" in page


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
