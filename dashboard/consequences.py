"""What an action would do to a run now, and what it would not do, in sentences."""

from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count
from django.utils.translation import gettext, ngettext

from workflows_app import conf, languages
from workflows_app.languages import gettext_lazy
from workflows_app.models import AcceptedStart, Hold, Run
from workflows_app.planner.statuses import RunStatus, StepStatus

WAITING: Final = (StepStatus.QUEUED, StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.PAUSED)
#: How many paths are named one by one.
MOST_NAMED: Final = 5


@dataclass(frozen=True)
class Consequences:
    """What a dialog says before anything happens."""

    question: str
    verb: str
    will: list[str]
    will_not: list[str] = field(default_factory=list)
    #: The label of the button that does nothing.
    keep: str = gettext_lazy("Leave it as it is")


def of_cancel(run: Run) -> Consequences:
    """Return what `cancel` would do to the run now."""
    counted = _counted(run)
    running = counted.get(StepStatus.RUNNING, 0)
    waiting = sum(counted.get(status, 0) for status in WAITING)
    will = [gettext("Nothing new starts.")]
    if waiting:
        will.append(
            ngettext(
                "{number} step that waits becomes canceled.",
                "{number} steps that wait become canceled.",
                waiting,
            ).format(number=languages.number(waiting))
        )
    if run.suspended_count:
        will.append(gettext("What was asked can no longer be answered."))
    if running:
        will.append(_stopping(running))
    else:
        will.append(gettext("The run ends at once, as canceled. It cannot be undone."))
    return Consequences(
        gettext("Cancel this run?"),
        gettext("Cancel run"),
        will,
        _not_by_cancel(counted.get(StepStatus.SUCCESS, 0)),
        gettext("Keep it going"),
    )


def _stopping(running: int) -> str:
    return ngettext(
        "{number} step now running is asked to stop. What does not stop within {grace} s is given "
        "up, and its late result is dropped.",
        "{number} steps now running are asked to stop. What does not stop within {grace} s is "
        "given up, and its late result is dropped.",
        running,
    ).format(
        number=languages.number(running),
        grace=languages.plain_number(conf.get("CANCEL_GRACE_SECONDS")),
    )


def _not_by_cancel(finished: int) -> list[str]:
    found = []
    if finished:
        found.append(
            ngettext(
                "What {number} step already did is not undone: rows written and messages sent "
                "stay.",
                "What {number} steps already did is not undone: rows written and messages sent "
                "stay.",
                finished,
            ).format(number=languages.number(finished))
        )
    found.append(gettext("Nothing is deleted: the run, its steps and its log remain readable."))
    return found


def of_retry(run: Run) -> Consequences:
    """Return what `retry` would do to the run now."""
    failed, number = _paths(run, StepStatus.FAILED)
    finished = _counted(run).get(StepStatus.SUCCESS, 0)
    will = [
        ngettext(
            "{failed} runs again, with the input it had.",
            "{failed} run again, with the input it had.",
            number,
        ).format(failed=failed),
        gettext("A new timeline of this run begins; the failed one remains readable."),
        gettext("The run then goes on to its end."),
    ]
    will_not = []
    if finished:
        will_not.append(
            ngettext(
                "{number} step that succeeded does not run again.",
                "{number} steps that succeeded do not run again.",
                finished,
            ).format(number=languages.number(finished))
        )
    will_not.append(
        gettext("What the failed step did before it failed is not undone, and may happen twice.")
    )
    return Consequences(
        gettext("Re-run from the failed step?"),
        gettext("Re-run from the failed step"),
        will,
        will_not,
    )


def of_restart(run: Run) -> Consequences:
    """Return what `restart` would do to the run now."""
    running = _counted(run).get(StepStatus.RUNNING, 0)
    will = [gettext("The run goes on from its last active steps, even if a worker holds them now.")]
    if running:
        will.append(
            ngettext(
                "{number} step now running begins again from the start; what the previous worker "
                "returns is dropped.",
                "{number} steps now running begin again from the start; what the previous worker "
                "returns is dropped.",
                running,
            ).format(number=languages.number(running))
        )
    will_not = [
        gettext("Steps that have succeeded do not run again."),
        gettext("What a step did before it was taken over is not undone, and may happen twice."),
    ]
    return Consequences(gettext("Restart this run?"), gettext("Restart"), will, will_not)


def of_pause(run: Run) -> Consequences:
    """Return what `pause` would do to the run now."""
    will_not = [gettext("Running steps are not interrupted, and nothing is undone.")]
    if run.suspended_count:
        will_not.append(
            gettext("Its questions stay open; an answer counts, and the step goes on later.")
        )
    if run.waiting_count:
        will_not.append(gettext("Its sleeps do not stop; what follows them waits."))
    return Consequences(
        gettext("Pause this run?"),
        gettext("Pause"),
        [
            gettext("Nothing of the run starts until somebody continues it, even after a deploy."),
            _when_paused(run),
        ],
        will_not,
        gettext("Let it run"),
    )


def _when_paused(run: Run) -> str:
    if run.status == RunStatus.PENDING:
        return gettext("A start of it is kept, and the run begins when somebody continues it.")
    running = _counted(run).get(StepStatus.RUNNING, 0)
    if not running:
        return gettext("The run is paused at once.")
    return ngettext(
        "{number} step now running ends first and is recorded. Then the run is paused.",
        "{number} steps now running end first and are recorded. Then the run is paused.",
        running,
    ).format(number=languages.number(running))


def of_skip_wait(run: Run) -> Consequences:
    """Return what `skip_wait` would do to a waiting step of the run now."""
    text = gettext(
        "The step goes on now instead of at its time: a sleep ends, a failed step runs again."
    )
    if run.is_held:
        text = gettext(
            "The wait ends now. The run is paused, so the step goes on when it is continued."
        )
    return Consequences(
        gettext("End this wait now?"),
        gettext("Go on now"),
        [text],
        [
            gettext("Other steps that wait keep their times."),
            gettext("The attempts are counted as before."),
        ],
        gettext("Let it wait"),
    )


def of_give_up(run: Run) -> Consequences:
    """Return what `give_up` would do to a waiting step of the run now."""
    return Consequences(
        gettext("Give up this step?"),
        gettext("Give up the step"),
        [
            gettext("The step fails now with its last error; its next attempt does not begin."),
            gettext("The run fails with it, unless the step may fail."),
        ],
        [
            gettext("What its attempts did is not undone."),
            gettext("The run can be retried afterwards."),
        ],
        gettext("Let it wait"),
    )


def goes_per_step(run: Run) -> bool:
    """Return whether the run goes on step by step if nobody says otherwise."""
    if not run.is_held:
        return True  # what is paused and not held was stopped before its next step
    return Hold.objects.filter(run=run.pk, per_step=True).exists()


def of_proceed(run: Run) -> Consequences:
    """Return what `proceed` would do to the run now."""
    if run.is_held and not goes_per_step(run):
        return _of_letting_on(run)
    waiting, _ = _paths(run, StepStatus.PAUSED)
    will = [
        gettext("The next step runs: {waiting}.").format(waiting=waiting)
        if waiting
        else gettext("The next step runs.")
    ]
    will.append(gettext("Then the run is paused again, unless you let it go on to the end."))
    return Consequences(gettext("Continue this run?"), gettext("Run one step"), will)


def _of_letting_on(run: Run) -> Consequences:
    waiting, number = _paths(run, StepStatus.PAUSED)
    will = [gettext("The pause ends, and the run goes on as before.")]
    if run.status == RunStatus.PENDING:
        will.append(
            gettext("If it was started, it begins, unless the intake of its workflow is paused.")
        )
    elif waiting:
        text = ngettext("{steps} may start.", "{steps} may start.", number)
        will.append(text.format(steps=waiting))
    will_not = [gettext("Steps that have succeeded do not run again.")]
    return Consequences(gettext("Continue this run?"), gettext("Continue"), will, will_not)


def of_intake(workflow_id: str, *, is_pause: bool) -> Consequences:
    """Return what pausing or resuming the intake of a workflow would do now."""
    if not is_pause:
        return _of_resumed_intake(workflow_id)
    return Consequences(
        gettext("Pause the intake of this workflow?"),
        gettext("Pause intake"),
        [
            gettext(
                "Runs that are started from now on stay pending, however they are started: by "
                "people, programs, schedules, reruns or forks."
            ),
            gettext("They begin in order when the intake is resumed."),
        ],
        [
            gettext("Runs that have begun go on."),
            gettext("Schedules still fire; their runs wait, too."),
        ],
    )


def _of_resumed_intake(workflow_id: str) -> Consequences:
    waiting = AcceptedStart.objects.filter(workflow=workflow_id).count()
    begins = gettext("No run waits.")
    if waiting:
        begins = ngettext(
            "{number} run that waits begins now, in order.",
            "{number} runs that wait begin now, in order.",
            waiting,
        ).format(number=languages.number(waiting))
    return Consequences(
        gettext("Resume the intake of this workflow?"),
        gettext("Resume intake"),
        [gettext("New runs begin as soon as they are started."), begins],
        [gettext("A run that is paused by itself stays paused.")],
    )


def of_rerun(run: Run) -> Consequences:
    """Return what `rerun` would do to the run now."""
    will = [
        gettext(
            "A new run of the workflow starts, with the same input, state and context as this one "
            "had."
        ),
        gettext("It runs the present code."),
    ]
    will_not = [
        gettext("This run is not touched."),
        gettext("Nothing that this run did is undone."),
    ]
    return Consequences(
        gettext("Run again with the same input?"),
        gettext("Run again"),
        will,
        will_not,
        gettext("Do nothing"),
    )


def of_delete(run: Run) -> Consequences:
    """Return what `delete` would do to the run now."""
    steps = run.steps.count()
    will = [
        ngettext(
            "The run, its {number} step and its log are deleted for good.",
            "The run, its {number} steps and its log are deleted for good.",
            steps,
        ).format(number=languages.number(steps))
    ]
    if run.suspended_count:
        will.append(gettext("What it asks can no longer be answered."))
    will_not = [
        gettext("What its steps did elsewhere is not undone."),
        gettext("The audit trail keeps the actions on it, and that you deleted it."),
    ]
    return Consequences(
        gettext("Delete this run?"), gettext("Delete run"), will, will_not, gettext("Keep it")
    )


def _counted(run: Run) -> dict[str, int]:
    steps = run.steps.current().filter(kind="step").order_by()
    return dict(steps.values_list("status").annotate(Count("pk")))


def _paths(run: Run, status: StepStatus) -> tuple[str, int]:
    """Return the paths of the first few steps with a status, and how many there are at least."""
    steps = run.steps.current().filter(kind="step", status=status).order_by("pk")
    found = list(steps.values_list("path", flat=True)[: MOST_NAMED + 1])
    named = ", ".join(f"“{path}”" for path in found[:MOST_NAMED])
    if len(found) > MOST_NAMED:
        named = gettext("{named} and others").format(named=named)
    return named, len(found)
