"""What the pages of schedules show: rows with their next times, and what came of earlier ones.

The same number of queries for a page, however many schedules or triggers there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboard import paging
from dashboard.forms.wording import humanised
from dashboard.paging import Page, Place
from workflows_app import actions, errors, get_workflow
from workflows_app.actions import Action, Offer, Person
from workflows_app.engine import clock, schedules
from workflows_app.models import Run, Schedule, Trigger

#: Times to come that a page shows.
UPCOMING: Final = 5
#: Characters of a note: what the audit trail can show of it.
LONGEST_NOTE: Final = 500

NOT_HERE: Final = (
    "The code of this workflow is not in this process, so its schedules cannot be changed from "
    "here. Open a process that has it, or name its module in WORKFLOWS_MODULES."
)
OVERLAPS: Final = {
    "allow": "Another run starts beside it.",
    "skip": "The time is skipped, and recorded as skipped.",
    "queue": "The time waits until that run has ended.",
}
DOINGS: Final = (
    actions.TRIGGER_SCHEDULE,
    actions.PAUSE_SCHEDULE,
    actions.UNPAUSE_SCHEDULE,
)


@dataclass(frozen=True)
class Item:
    """One schedule as the pages show it."""

    row: Schedule
    title: str
    status: str
    #: The next times, in the zone of the schedule; those of a paused one if it went on now.
    upcoming: list[datetime] = field(default_factory=list)
    #: Why there are none, when the stored expression cannot be read here.
    problem: str = ""
    #: Status of the run it started last; empty when there is none, or it was deleted.
    last_status: str = ""

    @property
    def is_paused(self) -> bool:
        """Whether a person paused it."""
        return self.status == schedules.PAUSED

    @property
    def overlap(self) -> str:
        """What happens at a time when the run before has not ended."""
        return OVERLAPS.get(self.row.definition.get("overlap", ""), "")

    @property
    def ends_at(self) -> datetime | None:
        """After when it does not fire any more."""
        said = self.row.definition.get("end_at")
        return datetime.fromisoformat(said) if said else None


@dataclass(frozen=True)
class Past:
    """One time that a schedule came, and the run that it started."""

    trigger: Trigger
    #: How late it was seen; None where lateness means nothing.
    drift: timedelta | None
    run_status: str
    error: str


def listed(after: str) -> tuple[list[Item], str]:
    """Return a page of schedules by id, and the query of the next page, if there is one."""
    rows = Schedule.objects.select_related("workflow").order_by("pk")
    if after:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: paging.PAGE + 1])
    shown = found[: paging.PAGE]
    more = paging.link({"after": shown[-1].pk}) if len(found) > paging.PAGE else ""
    statuses = _statuses(row.last_run_id for row in shown)
    now = clock.now()
    return [_item(row, statuses, now) for row in shown], more


def find(schedule_id: str) -> Item | None:
    """Return one schedule, or None."""
    if "\x00" in schedule_id:
        return None
    row = Schedule.objects.select_related("workflow").filter(pk=schedule_id).first()
    if row is None:
        return None
    return _item(row, _statuses([row.last_run_id]), clock.now())


def _item(row: Schedule, statuses: dict[str, str], now: datetime) -> Item:
    title = row.workflow.title or humanised(row.workflow_id)
    status = row.status if row.is_defined else "stopped"
    last = statuses.get(row.last_run_id, "")
    if not row.is_defined:
        return Item(row, title, status, last_status=last)
    try:
        zone = ZoneInfo(row.timezone)
        times = [at.astimezone(zone) for at in schedules.upcoming(row, now, UPCOMING)]
    except (errors.WorkflowError, LookupError, ValueError, TypeError) as problem:
        return Item(row, title, status, problem=str(problem), last_status=last)
    return Item(row, title, status, times, last_status=last)


def _statuses(run_ids: Iterable[str]) -> dict[str, str]:
    wanted = {run_id for run_id in run_ids if run_id}
    return dict(Run.objects.filter(run_id__in=wanted).values_list("run_id", "status"))


def history(row: Schedule, place: Place) -> tuple[list[Past], Page[Trigger]]:
    """Return one page of the times that a schedule came, the last recorded first."""
    page = paging.page_of(Trigger.objects.filter(schedule=row.pk), place)
    statuses = _statuses(trigger.run_id for trigger in page.rows)
    return [_past(trigger, statuses) for trigger in page.rows], page


def _past(trigger: Trigger, statuses: dict[str, str]) -> Past:
    is_timed = trigger.kind != "manual" and trigger.outcome != "skipped"
    drift = trigger.fired_at - trigger.scheduled_at if is_timed else None
    return Past(trigger, drift, statuses.get(trigger.run_id, ""), _message(trigger.error))


def _message(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    kind, message = str(error.get("type") or ""), str(error.get("message") or "")
    return message if kind in ("Skipped", "") else f"{kind}: {message}"


def offer(action: Action, person: Person, row: Schedule | None, workflow_id: str) -> Offer:
    """Return whether the person may do this; without a row only the person is asked about.

    The permission that starting the workflow needs is needed for its schedules, too.
    """
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        refused = actions.offer(action, person, None)
        return refused if row is None or not refused.is_possible else Offer(action, NOT_HERE)
    return actions.offer(action, person, row, [defined.permission] if defined.permission else [])


def offers(person: Person, row: Schedule) -> list[Offer]:
    """Return what may be done with a schedule now: of pause and unpause the one that fits it."""
    unfit = actions.PAUSE_SCHEDULE if row.status == schedules.PAUSED else actions.UNPAUSE_SCHEDULE
    return [offer(action, person, row, row.workflow_id) for action in DOINGS if action is not unfit]


def as_python(action: Action, item: Item) -> str:
    """Return the same act as a call from Python."""
    verb = {"trigger-schedule": "run_now"}.get(action.name, action.name.partition("-")[0])
    return (
        f"schedules = get_workflow({item.row.workflow_id!r}).schedules()\n"
        f"schedule = next(one for one in schedules if one.id == {item.row.pk!r})\n"
        f"schedule.{verb}()"
    )


def consequences(action: Action, item: Item) -> tuple[list[str], list[str]]:
    """Return, in sentences, what doing this to a schedule would do now, and what it would not."""
    first = f"{item.upcoming[0]:%Y-%m-%d %H:%M:%S %Z}" if item.upcoming else ""
    if action is actions.PAUSE_SCHEDULE:
        return [
            f"It does not fire any more{f': {first} passes without a run' if first else ''}.",
            "It stays paused, also after a deploy, until somebody unpauses it.",
        ], [
            "Runs that it has started go on.",
            "Times that come while it is paused are not made up for.",
        ]
    if action is actions.UNPAUSE_SCHEDULE:
        when = f"It fires again, first at {first}." if first else "No time comes any more."
        return [when, "The note of the pause goes; the audit trail keeps it."], [
            "Times that came while it was paused are not made up for.",
            "No run starts at once.",
        ]
    will = ["One run starts at once, with what the schedule gives it."]
    if item.last_status and item.last_status not in ("success", "failed", "canceled"):
        will.append("The run before has not ended: they run side by side.")
    will_not = ["The times to come stay as they are."]
    if item.is_paused:
        will_not.append("The schedule stays paused.")
    return will, will_not
