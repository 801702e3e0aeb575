"""One table of what the pages know about each action on a schedule.

`workflows_app.actions` says which exist, who may perform them, and why one is not possible now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from django.utils.translation import gettext

from workflows_app import actions, errors, get_workflow, languages
from workflows_app.actions import Action, Offer, Person
from workflows_app.engine.verbs import schedules
from workflows_app.languages import gettext_lazy
from workflows_app.models import Schedule
from workflows_app.schedules import WorkflowSchedule

from ..same import Call
from .page import ScheduleRow

NOT_HERE: Final = gettext_lazy(
    "The code of this workflow is not in this process, so its schedules cannot "
    "be changed from here. Open a process that has it, or name its module in "
    "WORKFLOWS_MODULES."
)


@dataclass(frozen=True)
class SentForm:
    """What the form of an action on a schedule sent."""

    actor: Any
    door: str
    #: The id of the run that is started.
    key: str
    note: str = ""


@dataclass(frozen=True)
class ScheduleAct:
    """One action on a schedule, as pages offer it."""

    action: Action
    question: str
    #: What it would do now, and what it would not do, in sentences.
    says: Callable[[ScheduleRow], tuple[list[str], list[str]]]
    #: Performs it and returns the message afterwards. Raises what the verb raises.
    perform: Callable[[WorkflowSchedule, SentForm], str]
    #: The name of the verb in Python.
    verb: str
    takes_note: bool = False
    #: Whether it starts a run. The form then holds the new run's id, so that sending it twice
    #: starts one run.
    starts_a_run: bool = False

    @property
    def name(self) -> str:
        """The name in its address and of its button."""
        return self.action.name.removesuffix("-schedule")

    def call(self, item: ScheduleRow) -> Call:
        """Return the same action as it is called over HTTP."""
        return Call(f"schedules/{quote(item.row.pk, safe='')}/{self.name}")

    def python(self, item: ScheduleRow) -> str:
        """Return the same action as a call in Python."""
        return (
            f"schedules = get_workflow({item.row.workflow_id!r}).schedules()\n"
            f"schedule = next(one for one in schedules if one.id == {item.row.pk!r})\n"
            f"schedule.{self.verb}()"
        )


def offer_of(action: Action, person: Person, row: Schedule | None, workflow_id: str) -> Offer:
    """Return whether the person may do this; without a row, only the person is checked.

    Schedules also need the permission that starting the workflow needs.
    """
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        refused = actions.offer(action, person, None)
        return refused if row is None or not refused.is_possible else Offer(action, str(NOT_HERE))
    return actions.offer(action, person, row, [defined.permission] if defined.permission else [])


def offers_of(person: Person, row: Schedule) -> list[Offer]:
    """Return what may be done with a schedule now; of pause and unpause, only the one that fits."""
    unfit = actions.PAUSE_SCHEDULE if row.status == schedules.PAUSED else actions.UNPAUSE_SCHEDULE
    fitting = (act.action for act in ACTS.values() if act.action is not unfit)
    return [offer_of(action, person, row, row.workflow_id) for action in fitting]


def _first(item: ScheduleRow) -> str:
    if not item.upcoming:
        return ""
    first = item.upcoming[0]
    return f"{languages.day(first)} {first:%H:%M:%S %Z}"


def _says_pause(item: ScheduleRow) -> tuple[list[str], list[str]]:
    first = _first(item)
    stops = gettext("It no longer fires.")
    if first:
        stops = gettext("It no longer fires: {first} passes without a run.").format(first=first)
    return [
        stops,
        gettext("It stays paused, even after a deploy, until somebody unpauses it."),
    ], [
        gettext("Runs that it has started go on."),
        gettext("Times that pass while it is paused are not made up for."),
    ]


def _says_unpause(item: ScheduleRow) -> tuple[list[str], list[str]]:
    first = _first(item)
    when = (
        gettext("It fires again, first at {first}.").format(first=first)
        if first
        else gettext("There are no more times.")
    )
    return [when, gettext("The note of the pause is removed; the audit trail keeps it.")], [
        gettext("Times that passed while it was paused are not made up for."),
        gettext("No run starts at once."),
    ]


def _says_trigger(item: ScheduleRow) -> tuple[list[str], list[str]]:
    will = [gettext("One run starts at once, with what the schedule gives it.")]
    if item.last_status and item.last_status not in ("success", "failed", "canceled"):
        will.append(gettext("The previous run has not ended: they run side by side."))
    will_not = [gettext("Its next times stay as they are.")]
    if item.is_paused:
        will_not.append(gettext("The schedule stays paused."))
    return will, will_not


def _pause(handle: WorkflowSchedule, sent: SentForm) -> str:
    handle.pause(sent.note, actor=sent.actor, door=sent.door)
    return gettext("The schedule is paused.")


def _unpause(handle: WorkflowSchedule, sent: SentForm) -> str:
    handle.unpause(actor=sent.actor, door=sent.door)
    return gettext("The schedule fires again.")


def _trigger(handle: WorkflowSchedule, sent: SentForm) -> str:
    run = handle.run_now(actor=sent.actor, door=sent.door, run_id=sent.key)
    return gettext("The run {run_id} was started.").format(run_id=run.run_id)


#: By their names in addresses, in the order in which the page offers them.
ACTS: Final[Mapping[str, ScheduleAct]] = {
    act.name: act
    for act in (
        ScheduleAct(
            actions.TRIGGER_SCHEDULE,
            gettext_lazy("Start a run of it now?"),
            _says_trigger,
            _trigger,
            "run_now",
            starts_a_run=True,
        ),
        ScheduleAct(
            actions.PAUSE_SCHEDULE,
            gettext_lazy("Pause this schedule?"),
            _says_pause,
            _pause,
            "pause",
            takes_note=True,
        ),
        ScheduleAct(
            actions.UNPAUSE_SCHEDULE,
            gettext_lazy("Unpause this schedule?"),
            _says_unpause,
            _unpause,
            "unpause",
        ),
    )
}
