"""Deleting runs: one by one, and by `manage.py prune`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from workflows_app import StepContext, Workflow, errors, step
from workflows_app.models import Action, Run, RunEvent, StepSnapshot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ends():
    """A workflow of which a run ends as its input says."""

    def work(how, ctx: StepContext):
        if how == "failed":
            raise ValueError
        if how == "suspended":
            ctx.suspend()
        return how

    flow = Workflow("ends").then(step(work, id="work")).foreach(step(str, id="e"), id="each")
    return flow.commit()


def old_runs(flow):
    """Make one run of each kind, as if they had ended 40 days ago."""
    made = {}
    for how in ("success", "failed", "suspended"):
        run = flow.create_run()
        run.start([how] if how == "success" else how)
        made[how] = run
    Run.objects.filter(ended_at__isnull=False).update(ended_at=Run.objects.get(
        pk=made["success"].pk).ended_at - timedelta(days=40))  # fmt: skip
    return made


def prune(*arguments):
    """Run the command and return what it said."""
    out = StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue().strip()


def test_old_ended_runs_are_deleted_with_all_that_is_known_of_them(ends, settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    made = old_runs(ends)
    fresh = ends.create_run()
    fresh.start(["new"])

    assert prune("--older-than", "30d", "--dry-run") == "2 runs would be deleted."
    assert Run.objects.count() == 4
    assert prune("--older-than", "30d", "--status", "failed") == "1 runs deleted."
    assert prune("--older-than=30d") == "1 runs deleted."
    left = {made["suspended"].pk, fresh.pk}
    assert set(Run.objects.values_list("pk", flat=True)) == left
    assert set(StepSnapshot.objects.values_list("run", flat=True)) == left
    assert set(RunEvent.objects.values_list("run", flat=True)) == left


def test_prune_refuses_runs_that_are_alive_and_invalid_ages(ends):
    with pytest.raises(CommandError, match="suspended"):
        prune("--older-than", "30d", "--status", "suspended")
    with pytest.raises(CommandError, match="not an age"):
        prune("--older-than", "soon")


def test_a_deleted_run_is_gone_and_its_audit_trail_stays(ends, admin_user, settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    run = ends.create_run()
    run.start(["x"], actor=admin_user)
    run.time_travel("each")
    run.delete()
    with pytest.raises(errors.RunNotFound):
        ends.get_run(run.run_id)
    assert [a.public_run_id for a in Action.objects.all()] == [run.run_id]
    suspended = ends.create_run()
    suspended.start("suspended")
    suspended.delete()
    assert Run.objects.count() == 0
