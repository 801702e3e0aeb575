"""The one registry of what a person may do to runs, schedules and workflows; every door reads it.

Buttons, menus and pages ask here whether an action is possible now, who may do it, and how to word
a refusal. The engine does not ask, because its verbs refuse by themselves. Nothing is written here:
the verbs keep the audit trail.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext

from workflows_app import why_not
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, Schedule, Workflow
from workflows_app.planner.statuses import RunStatus

APP: Final = "workflows_app"
VIEW: Final = f"{APP}.view_run"
GROUP: Final = "group:"
_GROUPS: Final = "_signalbox_groups"


Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Action:
    """One thing that a person may do: its name, its words and its permission."""

    name: str
    label: str
    permission: str
    #: The sentence for a person without the permission.
    need: str
    #: Why it is not possible now for this run, schedule or workflow; empty if it is possible.
    refusal: Callable[[Any], str]


@dataclass(frozen=True)
class Offer:
    """An action as one person sees it: possible, or with the reason why not."""

    action: Action
    why_not: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether the person may do it now."""
        return not self.why_not

    @property
    def is_dangerous(self) -> bool:
        """Whether it ends something, or cannot be undone."""
        return self.action.name in DANGEROUS


_STEER: Final = f"{APP}.steer_run"
_NEED_STEER: Final = gettext_lazy("You need the permission to steer runs.")
_NEED_START: Final = gettext_lazy("You need the permission to start runs.")


START: Final = Action(
    "start",
    gettext_lazy("Start"),
    f"{APP}.start_run",
    _NEED_START,
    why_not.no_start,
)
RESUME: Final = Action(
    "resume",
    gettext_lazy("Answer"),
    f"{APP}.resume_run",
    gettext_lazy("You need the permission to answer suspended steps."),
    why_not.no_resume,
)
RETRY: Final = Action(
    "retry",
    gettext_lazy("Re-run from the failed step"),
    _STEER,
    _NEED_STEER,
    why_not.no_retry,
)
PROCEED: Final = Action(
    "proceed", gettext_lazy("Continue"), _STEER, _NEED_STEER, why_not.no_proceed
)
PAUSE: Final = Action("pause", gettext_lazy("Pause"), _STEER, _NEED_STEER, why_not.no_pause)
SKIP_WAIT: Final = Action(
    "skip-wait", gettext_lazy("Go on now"), _STEER, _NEED_STEER, why_not.no_wait
)
GIVE_UP: Final = Action(
    "give-up", gettext_lazy("Give up the step"), _STEER, _NEED_STEER, why_not.no_wait
)
RESTART: Final = Action("restart", gettext_lazy("Restart"), _STEER, _NEED_STEER, why_not.no_restart)
RERUN: Final = Action(
    "rerun",
    gettext_lazy("Run again"),
    f"{APP}.start_run",
    _NEED_START,
    why_not.no_rerun,
)
TRAVEL: Final = Action(
    "time-travel", gettext_lazy("Time travel"), _STEER, _NEED_STEER, why_not.no_travel
)
FORK: Final = Action(
    "fork",
    gettext_lazy("Fork"),
    f"{APP}.start_run",
    _NEED_START,
    why_not.no_travel,
)
CANCEL: Final = Action(
    "cancel",
    gettext_lazy("Cancel run"),
    f"{APP}.cancel_run",
    gettext_lazy("You need the permission to cancel runs."),
    why_not.no_cancel,
)
DELETE: Final = Action(
    "delete",
    gettext_lazy("Delete run"),
    f"{APP}.delete_run",
    gettext_lazy("You need the permission to delete runs."),
    why_not.no_delete,
)

#: Every action by name, in the order in which doors list them.
ACTIONS: Final = {
    action.name: action
    for action in (
        START, RESUME, RETRY, PROCEED, RERUN, TRAVEL, FORK, SKIP_WAIT, GIVE_UP,
        PAUSE, RESTART, CANCEL, DELETE,
    )
}  # fmt: skip
#: Actions that cannot be undone, or that end something.
DANGEROUS: Final = frozenset({CANCEL.name, DELETE.name})
#: The action that most people want, by the status of the run.
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
    """Return the action to show as the main button; the others are in the menu.

    `is_lost`: the worker that holds a step of the run has fallen silent.
    """
    if is_lost and not why_not.no_restart(run):
        return RESTART
    if run.is_held and not why_not.no_proceed(run):
        return PROCEED
    return _LIKELY[RunStatus(run.status)]


PAUSE_INTAKE: Final = Action(
    "pause-intake", gettext_lazy("Pause intake"), _STEER, _NEED_STEER, why_not.no_pause_intake
)
RESUME_INTAKE: Final = Action(
    "resume-intake", gettext_lazy("Resume intake"), _STEER, _NEED_STEER, why_not.no_resume_intake
)
#: Every action on a workflow by name.
WORKFLOW_ACTIONS: Final = {action.name: action for action in (PAUSE_INTAKE, RESUME_INTAKE)}


PAUSE_SCHEDULE: Final = Action(
    "pause-schedule",
    gettext_lazy("Pause"),
    f"{APP}.pause_schedule",
    gettext_lazy("You need the permission to pause schedules."),
    why_not.no_pause_of_schedule,
)
UNPAUSE_SCHEDULE: Final = Action(
    "unpause-schedule",
    gettext_lazy("Unpause"),
    f"{APP}.pause_schedule",
    gettext_lazy("You need the permission to pause and unpause schedules."),
    why_not.no_unpause_of_schedule,
)
TRIGGER_SCHEDULE: Final = Action(
    "trigger-schedule",
    gettext_lazy("Trigger now"),
    f"{APP}.trigger_schedule",
    gettext_lazy("You need the permission to trigger schedules."),
    why_not.not_defined,
)


CREATE_SCHEDULE: Final = Action(
    "create-schedule",
    gettext_lazy("Create schedule"),
    f"{APP}.add_schedule",
    gettext_lazy("You need the permission to create schedules."),
    lambda _: "",
)

#: Every action on a schedule by name.
SCHEDULE_ACTIONS: Final = {
    action.name: action
    for action in (CREATE_SCHEDULE, PAUSE_SCHEDULE, UNPAUSE_SCHEDULE, TRIGGER_SCHEDULE)
}


def offer(
    action: Action,
    person: Person,
    target: Run | Schedule | Workflow | None,
    specials: Iterable[str] = (),
) -> Offer:
    """Return the action for this person: possible now, or with the reason why not.

    `specials` are the permissions that the workflow or the step to answer also needs (see
    `permissions`): `app.codename` or `group:<name>`. Without a target, only the person's
    permissions are checked.
    """
    if not _has(person, action.permission):
        return Offer(action, str(action.need))
    if (special := missing(person, specials)) is not None:
        return Offer(action, _need_of(special))
    return Offer(action, action.refusal(target) if target is not None else "")


def missing(person: Person, specials: Iterable[str]) -> str | None:
    """Return the first of these permissions that the person lacks; None if they have all."""
    return next((name for name in specials if not holds(person, name)), None)


def may_view(person: Person) -> bool:
    """Whether the person may see runs at all."""
    return _has(person, VIEW)


def holds(person: Person, permission: str) -> bool:
    """Whether the person has `app.codename`, or is a member of the group in `group:<name>`."""
    if not permission.startswith(GROUP):
        return _has(person, permission)
    is_super = bool(getattr(person, "is_superuser", False))
    return person.is_active and (is_super or permission.removeprefix(GROUP) in _groups(person))


def _has(person: Person, permission: str) -> bool:
    check: Any = getattr(person, "has_perm", None)
    return bool(check and check(permission))


def note_groups(person: Person, names: frozenset[str]) -> None:
    """Remember the names of a person's groups, when another query has read them already."""
    setattr(person, _GROUPS, names)


def _groups(person: Person) -> frozenset[str]:
    """Return the names of the person's groups, read once per person object."""
    # Through the attribute, because the user of a request is a proxy with its own `__dict__`.
    known: frozenset[str] | None = getattr(person, _GROUPS, None)
    if known is None:
        groups: Any = getattr(person, "groups", None)
        known = frozenset(groups.values_list("name", flat=True)) if groups else frozenset()
        note_groups(person, known)
    return known


def named(permission: str) -> str:
    """Return what people call a permission that an action needs besides its own."""
    if permission.startswith(GROUP):
        return gettext("membership of the group '{group}'").format(
            group=permission.removeprefix(GROUP)
        )
    return gettext("the permission '{permission}'").format(permission=permission)


def _need_of(permission: str) -> str:
    if permission.startswith(GROUP):
        return gettext("Only members of the group “{permission}” may do this.").format(
            permission=permission.removeprefix(GROUP)
        )
    return gettext("You need the permission “{permission}” to do this.").format(
        permission=permission
    )
