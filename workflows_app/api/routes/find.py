"""What an address names: found for those who may know of it, and for nobody else."""

from __future__ import annotations

import uuid
from contextlib import suppress

from django.db.models import QuerySet

from workflows_app import Run as LiveRun
from workflows_app import Workflow, errors, get_workflow
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import EarlierQuestion, Run, Schedule, StepSnapshot
from workflows_app.models import Workflow as WorkflowRow


def workflow(call: Call) -> Workflow:
    """Return the workflow of the address, which this process has the code of."""
    workflow_id = call.path["workflow_id"]
    if not call.caller.knows_of(workflow_id):
        raise no_workflow(workflow_id)
    try:
        return get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        raise no_workflow(workflow_id) from None


def known_workflow(call: Call) -> str:
    """Return the id of the workflow of the address, also where only its runs are known."""
    workflow_id = call.path["workflow_id"]
    if not call.caller.knows_of(workflow_id):
        raise no_workflow(workflow_id)
    if not WorkflowRow.objects.filter(pk=workflow_id).exists():
        workflow(call)
    return workflow_id


def no_workflow(workflow_id: str) -> Refusal:
    """Return what is said of a workflow that is not there, or not for the caller."""
    return Refusal("WorkflowNotFound", f"There is no workflow {workflow_id!r} here.")


def run(call: Call) -> Run:
    """Return the run of the address, without its values."""
    run_id = call.path["run_id"]
    found = Run.objects.light().filter(run_id=run_id).first()
    if found is None or not call.caller.knows_of(found.workflow_id):
        raise Refusal("RunNotFound", f"There is no run {run_id!r}; it may have been deleted.")
    return found


def live(call: Call) -> LiveRun:
    """Return the run of the address, to act on. Raises WorkflowNotFound without its code."""
    row = run(call)
    return get_workflow(row.workflow_id).get_run(row.run_id)


def step(call: Call) -> tuple[Run, StepSnapshot]:
    """Return the run and the step of the address."""
    row = run(call)
    path = call.path["path"]
    found = StepSnapshot.objects.current().filter(run=row.pk, path=path).light().first()
    if found is None or found.status == "queued":
        raise Refusal(
            "StepNotFound", f"Run {row.run_id!r} has no record of a step {path!r}.", status=404
        )
    return row, found


def suspension(call: Call) -> StepSnapshot:
    """Return the step that asks, or asked, what the address names."""
    given = call.path["suspension"]
    refusal = Refusal("SuspensionNotFound", f"Nothing was ever asked as {given!r}.")
    try:
        key = uuid.UUID(given)
    except ValueError:
        raise refusal from None
    steps = StepSnapshot.objects.light().filter(kind="step").select_related("run")
    found = steps.filter(suspension=key).first() or _that_asked_before(steps, key)
    if found is None or not call.caller.knows_of(found.run.workflow_id):
        raise refusal
    return found


def asked_in(run: uuid.UUID, suspension: str) -> None:
    """Check that a run has ever asked this. Raises SuspensionNotFound."""
    with suppress(ValueError):
        key = uuid.UUID(suspension)
        steps = StepSnapshot.objects.filter(run=run, suspension=key)
        if steps.exists() or EarlierQuestion.objects.filter(run=run, pk=key).exists():
            return
    raise Refusal("SuspensionNotFound", f"This run never asked anything as {suspension!r}.")


def _that_asked_before(steps: QuerySet[StepSnapshot], key: uuid.UUID) -> StepSnapshot | None:
    """Return the step that asked this before its present question; marked as `is_earlier`."""
    asked = EarlierQuestion.objects.filter(pk=key).first()
    if asked is None:
        return None
    found = steps.filter(run=asked.run_id, path=asked.path, superseded_on=None).first()
    if found is not None:
        found.__dict__["is_earlier"] = True
    return found


def schedule(call: Call) -> Schedule:
    """Return the schedule of the address."""
    key = call.path["schedule_id"]
    found = Schedule.objects.filter(pk=key).first()
    if found is None:
        schedules.store_all(clock.now())  # it may be one of code that no process has stored yet
        found = Schedule.objects.filter(pk=key).first()
    if found is None or not call.caller.knows_of(found.workflow_id):
        raise Refusal("ScheduleNotFound", f"There is no schedule {key!r}.")
    return found
