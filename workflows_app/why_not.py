"""Why an action on a run, a schedule or a workflow is not possible now; empty if it is possible.

`actions` says which actions there are, and who may perform them.
"""

from django.utils.translation import gettext

from workflows_app import terms
from workflows_app.models import Run, Schedule, Workflow
from workflows_app.planner.statuses import ACTIVE, RunStatus


def no_start(run: Run) -> str:
    if run.waits_to_begin:
        return gettext(
            "This run has been started; it begins when the intake of its workflow is resumed."
        )
    if run.status != RunStatus.PENDING:
        return gettext("This run has already been started; a run starts only once.")
    return ""


def no_resume(run: Run) -> str:
    if run.is_ended:
        return gettext(
            "This run has ended ({status}), so nothing waits for an answer any more."
        ).format(status=terms.status(run.status))
    if not run.suspended_count:
        return gettext("No step of this run waits for an answer.")
    if run.is_canceling:
        return gettext("This run is being canceled.")
    return ""


def no_cancel(run: Run) -> str:
    if run.is_ended:
        return gettext("This run has ended ({status}), so there is nothing to cancel.").format(
            status=terms.status(run.status)
        )
    if run.is_canceling:
        return gettext("This run is being canceled already: its running steps are asked to stop.")
    return ""


def no_restart(run: Run) -> str:
    if run.is_canceling:
        return gettext("This run is being canceled, so none of its steps starts again.")
    if run.status not in ACTIVE:
        return gettext(
            "This run is {status}; only a run that is under way has steps to restart."
        ).format(status=terms.status(run.status))
    return ""


def no_retry(run: Run) -> str:
    if run.status != RunStatus.FAILED:
        return gettext(
            "This run is {status}; only a failed run has something to run again."
        ).format(status=terms.status(run.status))
    return ""


def no_pause(run: Run) -> str:
    if run.is_ended:
        return gettext("This run has ended ({status}), so there is nothing to pause.").format(
            status=terms.status(run.status)
        )
    if run.is_canceling or run.ending:
        return gettext("This run is ending, so nothing of it starts any more.")
    if run.is_held:
        return gettext("This run is paused already; it goes on when somebody continues it.")
    return ""


def no_proceed(run: Run) -> str:
    is_held = run.is_held and not run.is_ended
    if run.status != RunStatus.PAUSED and not is_held:
        return gettext("This run is {status}; only a paused run can proceed.").format(
            status=terms.status(run.status)
        )
    return ""


def no_wait(run: Run) -> str:
    if run.is_ended or run.status == RunStatus.PENDING:
        return gettext("This run is {status}, so no step of it waits by itself.").format(
            status=terms.status(run.status)
        )
    if run.is_canceling or run.ending:
        return gettext("This run is ending, so nothing of it waits.")
    return ""


def no_rerun(run: Run) -> str:
    if run.started_at is None:
        return gettext("This run was never started, so there is nothing to run again.")
    return ""


def no_travel(run: Run) -> str:
    if run.status in ACTIVE:
        return gettext("This run is under way; cancel it or wait until it settles, then travel.")
    return "" if run.started_at is not None else no_rerun(run)


def no_delete(run: Run) -> str:
    if run.status in ACTIVE:
        return gettext("This run is under way; cancel it first, or wait until it settles.")
    return ""


def not_defined(schedule: Schedule) -> str:
    if not schedule.is_defined:
        return gettext(
            "The code no longer has this schedule, so it does not fire; its history stays."
        )
    return ""


def no_pause_of_schedule(schedule: Schedule) -> str:
    if schedule.status == "paused":
        return gettext("This schedule is paused already.")
    return not_defined(schedule)


def no_unpause_of_schedule(schedule: Schedule) -> str:
    if schedule.status != "paused":
        return gettext("This schedule is not paused.")
    return not_defined(schedule)


def no_pause_intake(workflow: Workflow) -> str:
    if workflow.intake is not None:
        return gettext("The intake of this workflow is paused already.")
    return ""


def no_resume_intake(workflow: Workflow) -> str:
    if workflow.intake is None:
        return gettext("The intake of this workflow is not paused.")
    return ""
