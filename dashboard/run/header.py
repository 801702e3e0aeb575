"""What the head of a run's page shows: where the run came from, how long it ran and waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext

from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, Timeline
from workflows_app.planner.statuses import ENDED

from ..status.busy import Busy
from .playback import Moment

#: A shorter wait of a run that has ended is the engine's own and not worth showing.
SHORTEST_WAIT: Final = timedelta(seconds=1)
CAUSES: Final = {
    "retry": gettext_lazy("run again after a failure"),
    "time-travel": gettext_lazy("run again from a step"),
}


@dataclass(frozen=True)
class TimelineOrigin:
    """A timeline as the head shows it: its number, the verb that began it, where, by whom, when."""

    number: int
    cause: str
    step: str = ""
    actor: str = ""
    began_at: datetime | None = None

    @property
    def words(self) -> str:
        """What began it, in words."""
        return CAUSES.get(self.cause, gettext("from the start"))


@dataclass(frozen=True)
class Header:
    """The facts in the head of a run's page, now or at the moment that is played back."""

    version: str
    timeline: TimelineOrigin
    #: How it came from another run: `fork` or `rerun`; empty if it did not.
    lineage: str
    first: TimelineOrigin
    total: timedelta | None
    #: How long any step of it ran; None if it has too many records to tell.
    ran: timedelta | None
    is_running: bool
    is_ended: bool

    @property
    def waited(self) -> timedelta | None:
        """How long nothing of it ran; None if that is not worth showing."""
        if self.total is None or self.ran is None:
            return None
        waited = self.total - self.ran
        is_worth_it = waited >= SHORTEST_WAIT or not (self.is_ended or self.is_running)
        return waited if is_worth_it else None


def of(run: Run, moment: Moment | None, busy: Busy, earlier: Sequence[Timeline]) -> Header:
    """Return the facts of a run at a moment, or now.

    `earlier` are the timelines that it has left; they are needed if `needs_earlier` says so.
    """
    status = moment.status if moment else run.status
    is_ended = status in ENDED
    end = (moment.at if moment else run.ended_at) or timezone.now()
    total = None if run.started_at is None else max(end - run.started_at, timedelta())
    ran = busy.ran_for(run.started_at, end) if run.started_at and busy.is_whole else None
    number = moment.timeline if moment else run.timeline
    shown = _stretch(run, number, earlier)
    first = shown if number == 1 or not run.origin else _stretch(run, 1, earlier)
    lineage = ""
    if run.origin:
        lineage = "fork" if first.cause == "time-travel" else "rerun"
    is_running = not is_ended and (busy.runs_at(end) if busy.is_whole else status == "running")
    return Header(
        version=str(run.__dict__.get("version_hash", "")),
        timeline=shown,
        lineage=lineage,
        first=first,
        total=total,
        ran=ran,
        is_running=is_running,
        is_ended=is_ended,
    )


def needs_earlier(run: Run, moment: Moment | None) -> bool:
    """Return whether the head names a timeline that the run has left."""
    return run.timeline > 1 and (
        bool(run.origin) or (moment is not None and moment.timeline < run.timeline)
    )


def _stretch(run: Run, number: int, earlier: Sequence[Timeline]) -> TimelineOrigin:
    if number == run.timeline:
        began = run.timeline_started_at or run.started_at
        return TimelineOrigin(
            number, run.timeline_cause, run.timeline_step, run.timeline_actor, began
        )
    row = next((row for row in earlier if row.number == number), None)
    if row is None:
        return TimelineOrigin(number, "start")
    return TimelineOrigin(number, row.cause, row.step, row.actor, row.started_at)
