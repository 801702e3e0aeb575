"""What an action would do to a run now, and what it would not, in sentences; and as a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count

from workflows_app import conf
from workflows_app.actions import Action
from workflows_app.models import Run
from workflows_app.planner.statuses import StepStatus

WAITING: Final = (StepStatus.QUEUED, StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.PAUSED)
#: Paths that are named one by one.
MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Consequences:
    """What a dialog says before anything happens."""

    question: str
    verb: str
    will: list[str]
    will_not: list[str] = field(default_factory=list)
    #: The way out, in words.
    keep: str = "Leave it as it is"


def of(action: Action, run: Run) -> Consequences:
    """Return what the action would do now."""
    return _SAYS[action.name](run)


def as_python(action: Action, run: Run) -> str:
    """Return the same act as a call from Python; both of them where the page offers two."""
    found = f"get_workflow({run.workflow_id!r}).get_run({run.run_id!r})"
    call = f"{found}.{action.name.replace('-', '_')}()"
    if action.name == "proceed":
        return f"{call}  # one step\n{found}.proceed(per_step=False)  # on to the end"
    return call


def _cancel(run: Run) -> Consequences:
    counted = _counted(run)
    running = counted.get(StepStatus.RUNNING, 0)
    waiting = sum(counted.get(status, 0) for status in WAITING)
    finished = counted.get(StepStatus.SUCCESS, 0)
    will = ["Nothing new starts."]
    if waiting:
        verb = _s(waiting, "waits becomes", "wait become")
        will.append(f"{_steps(waiting)} that {verb} canceled.")
    if run.suspended_count:
        will.append("What was asked can no longer be answered.")
    if running:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        will.append(
            f"{_steps(running)} now running {_s(running, 'is', 'are')} asked to stop. "
            f"What does not stop within {grace:g} s is given up, and its late result is dropped."
        )
    else:
        will.append("The run ends at once, as canceled. It cannot be undone.")
    will_not = []
    if finished:
        done = f"What {_steps(finished)} already did is not undone"
        will_not.append(f"{done}: rows written and messages sent stay.")
    will_not.append("Nothing is deleted: the run, its steps and its log stay to be read.")
    return Consequences("Cancel this run?", "Cancel run", will, will_not, "Keep it going")


def _retry(run: Run) -> Consequences:
    failed = _paths(run, StepStatus.FAILED)
    finished = _counted(run).get(StepStatus.SUCCESS, 0)
    will = [
        f"{failed} {'runs' if ',' not in failed else 'run'} again, with the input it had.",
        "A new timeline of this run begins; the one that failed stays to be read.",
        "The run then goes on to its end.",
    ]
    will_not = []
    if finished:
        will_not.append(
            f"{_steps(finished)} that succeeded {_s(finished, 'does', 'do')} not run again."
        )
    will_not.append(
        "What the failed step did before it failed is not undone, and may happen twice."
    )
    return Consequences(
        "Re-run from the failed step?", "Re-run from the failed step", will, will_not
    )


def _restart(run: Run) -> Consequences:
    counted = _counted(run)
    running = counted.get(StepStatus.RUNNING, 0)
    will = ["The run goes on from its last active steps, whoever holds them now."]
    if running:
        will.append(
            f"{_steps(running)} now running {_s(running, 'begins', 'begin')} again from the start; "
            "what the worker before returns is dropped."
        )
    will_not = [
        "Steps that have succeeded do not run again.",
        "What a step did before it was taken over is not undone, and may happen twice.",
    ]
    return Consequences("Restart this run?", "Restart", will, will_not)


def _proceed(run: Run) -> Consequences:
    waiting = _paths(run, StepStatus.PAUSED)
    will = [f"The next step runs: {waiting}." if waiting else "The next step runs."]
    will.append("Then the run is paused again, unless you let it go on to the end.")
    return Consequences("Continue this run?", "Run one step", will)


def _rerun(run: Run) -> Consequences:
    will = [
        "A new run of the workflow starts, with the same input, state and context as this one had.",
        "It runs under today's code.",
    ]
    will_not = ["This run is not touched.", "Nothing that this run did is undone."]
    return Consequences("Run again with the same input?", "Run again", will, will_not, "Do nothing")


def _delete(run: Run) -> Consequences:
    will = [
        f"The run, its {_steps(run.steps.count())} and its log are deleted for good.",
    ]
    if run.suspended_count:
        will.append("What it asks can no longer be answered.")
    will_not = [
        "What its steps did elsewhere is not undone.",
        "The audit trail keeps who did what to it, and that you deleted it.",
    ]
    return Consequences("Delete this run?", "Delete run", will, will_not, "Keep it")


_SAYS: Final[Mapping[str, Callable[[Run], Consequences]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "restart": _restart,
    "proceed": _proceed,
    "rerun": _rerun,
    "delete": _delete,
}


def _counted(run: Run) -> dict[str, int]:
    steps = run.steps.current().filter(kind="step").order_by()
    return dict(steps.values_list("status").annotate(Count("pk")))


def _paths(run: Run, status: StepStatus) -> str:
    """Return the steps with a status by name, the first few of them."""
    steps = run.steps.current().filter(kind="step", status=status).order_by("pk")
    found = list(steps.values_list("path", flat=True)[: MOST_NAMED + 1])
    named = ", ".join(f"“{path}”" for path in found[:MOST_NAMED])
    return f"{named} and others" if len(found) > MOST_NAMED else named


def _steps(number: int) -> str:
    return f"{number} step{'' if number == 1 else 's'}"


def _s(number: int, one: str, many: str) -> str:
    return one if number == 1 else many
