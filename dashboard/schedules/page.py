"""What the pages of schedules show: rows with their next times, and the outcome of earlier ones.

A page takes the same number of queries, however many schedules or triggers there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from workflows_app import engine_words, errors, refusal_words
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedule_times, schedules
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, Schedule, Trigger

from ..forms.wording import humanised
from ..lists import paging
from ..lists.paging import Cursor, ListPage
from ..values import sight

#: How many of the next times a page shows.
UPCOMING: Final = 5
#: The most characters of a note: as many as the audit trail can show.
LONGEST_NOTE: Final = 500

OVERLAPS: Final = {
    "allow": gettext_lazy("Another run starts beside it."),
    "skip": gettext_lazy("The time is skipped, and recorded as skipped."),
    "queue": gettext_lazy("The time waits until that run has ended."),
}


@dataclass(frozen=True)
class ScheduleRow:
    """One schedule as the pages show it."""

    row: Schedule
    title: str
    status: str
    #: The next times, in the zone of the schedule; for a paused one, those if it were unpaused now.
    upcoming: list[datetime] = field(default_factory=list)
    #: Why there are none, if the stored expression cannot be read here.
    problem: str = ""
    #: The status of the run that it started last; empty if there is none or it was deleted.
    last_status: str = ""

    @property
    def is_paused(self) -> bool:
        """Whether a person paused it."""
        return self.status == schedules.PAUSED

    @property
    def overlap(self) -> str:
        """What happens at a time when the previous run has not ended."""
        return OVERLAPS.get(self.row.definition.get("overlap", ""), "")

    @property
    def ends_at(self) -> datetime | None:
        """The time after which it no longer fires."""
        said = self.row.definition.get("end_at")
        return datetime.fromisoformat(said) if said else None


@dataclass(frozen=True)
class PastTrigger:
    """One time at which a schedule was due, and the run that it started."""

    trigger: Trigger
    #: How late that was noticed; None if lateness means nothing.
    drift: timedelta | None
    run_status: str
    error: str


def listed(after: str) -> tuple[list[ScheduleRow], str]:
    """Return a page of schedules by id, and the query of the next page, if there is one."""
    rows = sight.rows(Schedule.objects.select_related("workflow")).order_by("pk")
    if after:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: paging.PAGE + 1])
    shown = found[: paging.PAGE]
    more = paging.query_of({"after": shown[-1].pk}) if len(found) > paging.PAGE else ""
    statuses = _statuses(row.last_run_id for row in shown)
    now = clock.now()
    return [_item(row, statuses, now) for row in shown], more


def find(schedule_id: str) -> ScheduleRow | None:
    """Return one schedule, or None."""
    if "\x00" in schedule_id:
        return None
    rows = sight.rows(Schedule.objects.select_related("workflow"))
    row = rows.filter(pk=schedule_id).first()
    if row is None:
        return None
    return _item(row, _statuses([row.last_run_id]), clock.now())


def _item(row: Schedule, statuses: dict[str, str], now: datetime) -> ScheduleRow:
    title = row.workflow.title or humanised(row.workflow_id)
    status = row.status if row.is_defined else "stopped"
    last = statuses.get(row.last_run_id, "")
    if not row.is_defined:
        return ScheduleRow(row, title, status, last_status=last)
    try:
        zone = ZoneInfo(row.timezone)
        times = [at.astimezone(zone) for at in schedule_times.upcoming(row, now, UPCOMING)]
    except (errors.WorkflowError, LookupError, ValueError, TypeError) as problem:
        why = refusal_words.of(problem)
        return ScheduleRow(row, title, status, problem=why, last_status=last)
    return ScheduleRow(row, title, status, times, last_status=last)


def _statuses(run_ids: Iterable[str]) -> dict[str, str]:
    wanted = {run_id for run_id in run_ids if run_id}
    return dict(Run.objects.filter(run_id__in=wanted).values_list("run_id", "status"))


def history(row: Schedule, cursor: Cursor) -> tuple[list[PastTrigger], ListPage[Trigger]]:
    """Return one page of the times at which a schedule was due, the last recorded first."""
    page = paging.page_of(Trigger.objects.filter(schedule=row.pk), cursor)
    statuses = _statuses(trigger.run_id for trigger in page.rows)
    return [_past(trigger, statuses) for trigger in page.rows], page


def _past(trigger: Trigger, statuses: dict[str, str]) -> PastTrigger:
    is_timed = trigger.kind != "manual" and trigger.outcome != "skipped"
    drift = trigger.fired_at - trigger.scheduled_at if is_timed else None
    return PastTrigger(trigger, drift, statuses.get(trigger.run_id, ""), _message(trigger.error))


def _message(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    kind, message = str(error.get("type") or ""), str(error.get("message") or "")
    message = engine_words.retold(message)
    return message if kind in ("Skipped", "") else f"{kind}: {message}"
