"""The one registry of what a person may do to a run or a schedule: every door reads it.

A button, a menu item, a page that refuses: all ask here whether an action is possible now, who
may do it, and with what words to say no. It decides nothing for the engine, whose verbs refuse by
themselves, and it writes nothing: the verbs keep the audit trail.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from workflows_app.models import Run, Schedule
from workflows_app.planner.statuses import ACTIVE, RunStatus

APP: Final = "workflows_app"
VIEW: Final = f"{APP}.view_run"
GROUP: Final = "group:"
_GROUPS: Final = "_signalbox_groups"


Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Action:
    """One thing that a person may do: its name everywhere, its words, and its permission."""

    name: str
    label: str
    permission: str
    #: What someone without the permission is told.
    need: str
    #: Why it is not possible for this run, or schedule, now; empty: it is possible.
    refusal: Callable[[Any], str]


@dataclass(frozen=True)
class Offer:
    """An action as it is offered to one person: to do, or with the reason why not."""

    action: Action
    why_not: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether the person may do it now."""
        return not self.why_not

    @property
    def is_dangerous(self) -> bool:
        """Whether it ends something, or cannot be taken back."""
        return self.action.name in DANGEROUS


def _why_no_start(run: Run) -> str:
    if run.status != RunStatus.PENDING:
        return "This run was started before; a run starts once."
    return ""


def _why_no_resume(run: Run) -> str:
    if run.is_ended:
        return f"This run has ended ({run.status}), so nothing waits for an answer any more."
    if not run.suspended_count:
        return "No step of this run waits for an answer."
    if run.is_canceling:
        return "This run is being canceled."
    return ""


def _why_no_cancel(run: Run) -> str:
    if run.is_ended:
        return f"This run has ended ({run.status}), so there is nothing to cancel."
    if run.is_canceling:
        return "This run is being canceled already: its running steps are asked to stop."
    return ""


def _why_no_restart(run: Run) -> str:
    if run.is_canceling:
        return "This run is being canceled, so nothing of it starts anew."
    if run.status not in ACTIVE:
        return f"This run is {run.status}; only one that is under way has steps to restart."
    return ""


def _why_no_retry(run: Run) -> str:
    if run.status != RunStatus.FAILED:
        return f"This run is {run.status}; only one that failed has something to run again."
    return ""


def _why_no_proceed(run: Run) -> str:
    if run.status != RunStatus.PAUSED:
        return f"This run is {run.status}; only one that is paused waits to be let on."
    return ""


def _why_no_rerun(run: Run) -> str:
    if run.started_at is None:
        return "This run was never started, so there is nothing to run again."
    return ""


def _why_no_travel(run: Run) -> str:
    if run.status in ACTIVE:
        return "This run is under way; cancel it or wait until it settles, then travel."
    return "" if run.started_at is not None else _why_no_rerun(run)


def _why_no_delete(run: Run) -> str:
    if run.status in ACTIVE:
        return "This run is under way; cancel it first, or wait until it settles."
    return ""


_STEER: Final = f"{APP}.steer_run"
_NEED_STEER: Final = "You need the permission to steer runs."
_NEED_START: Final = "You need the permission to start runs."


def _why_not_defined(schedule: Schedule) -> str:
    if not schedule.is_defined:
        return "The code has this schedule no more, so it does not fire; its history stays."
    return ""


def _why_no_pause(schedule: Schedule) -> str:
    if schedule.status == "paused":
        return "This schedule is paused already."
    return _why_not_defined(schedule)


def _why_no_unpause(schedule: Schedule) -> str:
    if schedule.status != "paused":
        return "This schedule is not paused."
    return _why_not_defined(schedule)


START: Final = Action("start", "Start", f"{APP}.start_run", _NEED_START, _why_no_start)
RESUME: Final = Action(
    "resume",
    "Answer",
    f"{APP}.resume_run",
    "You need the permission to answer suspended steps.",
    _why_no_resume,
)
RETRY: Final = Action("retry", "Re-run from the failed step", _STEER, _NEED_STEER, _why_no_retry)
PROCEED: Final = Action("proceed", "Continue", _STEER, _NEED_STEER, _why_no_proceed)
RESTART: Final = Action("restart", "Restart", _STEER, _NEED_STEER, _why_no_restart)
RERUN: Final = Action("rerun", "Run again", f"{APP}.start_run", _NEED_START, _why_no_rerun)
TRAVEL: Final = Action("time-travel", "Time travel", _STEER, _NEED_STEER, _why_no_travel)
FORK: Final = Action("fork", "Fork", f"{APP}.start_run", _NEED_START, _why_no_travel)
CANCEL: Final = Action(
    "cancel",
    "Cancel run",
    f"{APP}.cancel_run",
    "You need the permission to cancel runs.",
    _why_no_cancel,
)
DELETE: Final = Action(
    "delete",
    "Delete run",
    f"{APP}.delete_run",
    "You need the permission to delete runs.",
    _why_no_delete,
)

#: Every action by name, in the order in which doors list them.
ACTIONS: Final = {
    action.name: action
    for action in (
        START, RESUME, RETRY, PROCEED, RERUN, TRAVEL, FORK, RESTART, CANCEL, DELETE,
    )
}  # fmt: skip
#: What cannot be taken back, or ends something.
DANGEROUS: Final = frozenset({CANCEL.name, DELETE.name})
#: The one action that most people want of a run as it stands.
_LIKELY: Final = {
    RunStatus.PENDING: START,
    RunStatus.RUNNING: CANCEL,
    RunStatus.WAITING: CANCEL,
    RunStatus.SUSPENDED: RESUME,
    RunStatus.PAUSED: PROCEED,
    RunStatus.FAILED: RETRY,
    RunStatus.SUCCESS: RERUN,
    RunStatus.CANCELED: RERUN,
}


def likely(run: Run, *, is_lost: bool = False) -> Action:
    """Return the action that stands out as a button; the others are in the menu.

    `is_lost`: a step of the run is held by a worker that gives no sign of life.
    """
    if is_lost and not _why_no_restart(run):
        return RESTART
    return _LIKELY[RunStatus(run.status)]


PAUSE_SCHEDULE: Final = Action(
    "pause-schedule",
    "Pause",
    f"{APP}.pause_schedule",
    "You need the permission to pause schedules.",
    _why_no_pause,
)
UNPAUSE_SCHEDULE: Final = Action(
    "unpause-schedule",
    "Unpause",
    f"{APP}.pause_schedule",
    "You need the permission to pause and unpause schedules.",
    _why_no_unpause,
)
TRIGGER_SCHEDULE: Final = Action(
    "trigger-schedule",
    "Trigger now",
    f"{APP}.trigger_schedule",
    "You need the permission to trigger schedules.",
    _why_not_defined,
)


CREATE_SCHEDULE: Final = Action(
    "create-schedule",
    "Create schedule",
    f"{APP}.add_schedule",
    "You need the permission to create schedules.",
    lambda _: "",
)

#: Every action on a schedule by name.
SCHEDULE_ACTIONS: Final = {
    action.name: action
    for action in (CREATE_SCHEDULE, PAUSE_SCHEDULE, UNPAUSE_SCHEDULE, TRIGGER_SCHEDULE)
}


def offer(
    action: Action, person: Person, target: Run | Schedule | None, specials: Iterable[str] = ()
) -> Offer:
    """Return whether `person` may do this now, and the sentence why not.

    `specials` are the permissions that the workflow, or the step to answer, asks for on top, as
    `permissions` says: `app.codename`, or `group:<name>`. Without a target, only the person is
    asked about.
    """
    if not _has(person, action.permission):
        return Offer(action, action.need)
    if (special := missing(person, specials)) is not None:
        return Offer(action, _need_of(special))
    return Offer(action, action.refusal(target) if target is not None else "")


def missing(person: Person, specials: Iterable[str]) -> str | None:
    """Return the first of these permissions that the person does not hold; None: all are held."""
    return next((name for name in specials if not holds(person, name)), None)


def may_view(person: Person) -> bool:
    """Whether the person may see runs at all."""
    return _has(person, VIEW)


def holds(person: Person, permission: str) -> bool:
    """Whether the person has `app.codename`, or is in the group of `group:<name>`."""
    if not permission.startswith(GROUP):
        return _has(person, permission)
    is_super = bool(getattr(person, "is_superuser", False))
    return person.is_active and (is_super or permission.removeprefix(GROUP) in _groups(person))


def _has(person: Person, permission: str) -> bool:
    check: Any = getattr(person, "has_perm", None)
    return bool(check and check(permission))


def note_groups(person: Person, names: frozenset[str]) -> None:
    """Take the names of a person's groups as known, where they were read with something else."""
    setattr(person, _GROUPS, names)


def _groups(person: Person) -> frozenset[str]:
    """Return the names of the person's groups, asked for once per person object."""
    # By attribute: a request's person stands behind a proxy with a dictionary of its own.
    known: frozenset[str] | None = getattr(person, _GROUPS, None)
    if known is None:
        groups: Any = getattr(person, "groups", None)
        known = frozenset(groups.values_list("name", flat=True)) if groups else frozenset()
        note_groups(person, known)
    return known


def _need_of(permission: str) -> str:
    if permission.startswith(GROUP):
        return f"Only members of the group “{permission.removeprefix(GROUP)}” may do this."
    return f"You need the permission “{permission}” to do this."
