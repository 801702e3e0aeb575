"""What the head of a run's page says: where the run came from, how long it ran and waited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from dashboard.busy import Busy
from dashboard.playback import Moment
from workflows_app.models import Run, Timeline
from workflows_app.planner.statuses import ENDED

#: A shorter wait of a run that has ended is the engine's own, and not worth a word.
SHORTEST_WAIT: Final = timedelta(seconds=1)
CAUSES: Final = {"retry": "run again after a failure", "time-travel": "run again from a step"}


@dataclass(frozen=True)
class Stretch:
    """A timeline as the head tells of it: its number, what began it, where, by whom, when."""

    number: int
    cause: str
    step: str = ""
    actor: str = ""
    began_at: datetime | None = None

    @property
    def words(self) -> str:
        """What began it, in words."""
        return CAUSES.get(self.cause, "from the start")


@dataclass(frozen=True)
class Header:
    """The facts in the head of a run's page, now or at the moment that is played back."""

    version: str
    timeline: Stretch
    #: What the run that it came from gave to it: `fork` or `rerun`; empty: it came from none.
    lineage: str
    first: Stretch
    total: timedelta | None
    #: For how long a step of it ran; None: it has too many records to tell.
    ran: timedelta | None
    is_running: bool
    is_ended: bool

    @property
    def waited(self) -> timedelta | None:
        """For how long nothing of it ran; None where that is not worth a word."""
        if self.total is None or self.ran is None:
            return None
        waited = self.total - self.ran
        is_worth_it = waited >= SHORTEST_WAIT or not (self.is_ended or self.is_running)
        return waited if is_worth_it else None


def of(run: Run, moment: Moment | None, busy: Busy, earlier: Sequence[Timeline]) -> Header:
    """Return the facts of a run, as they stood at a moment or now.

    `earlier` are the timelines that it has left, if `needs_earlier` says so.
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
    """Return whether the head tells of a timeline that the run has left."""
    return run.timeline > 1 and (
        bool(run.origin) or (moment is not None and moment.timeline < run.timeline)
    )


def _stretch(run: Run, number: int, earlier: Sequence[Timeline]) -> Stretch:
    if number == run.timeline:
        began = run.timeline_started_at or run.started_at
        return Stretch(number, run.timeline_cause, run.timeline_step, run.timeline_actor, began)
    row = next((row for row in earlier if row.number == number), None)
    if row is None:
        return Stretch(number, "start")
    return Stretch(number, row.cause, row.step, row.actor, row.started_at)
