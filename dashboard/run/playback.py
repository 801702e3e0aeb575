"""A run at one of its events, worked out from its log up to that event.

The log is complete and in order, so any past moment can be shown again, even of a running run.
Statuses and times come from the events, values from the rows if they were known by then. The state
of a run after every few thousand events is kept for a while: it never changes, and a person who
moves the slider asks for the next moment of the same run.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from workflows_app.engine.run import log
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

from ..status import standing

#: Later moments are not played back: reading all events before them would take seconds.
MOST_EVENTS: Final = 100_000

#: After how many events a point is kept, and how many points are kept altogether.
EVERY: Final = 2_000
MOST_KEPT: Final = 40

Event = dict[str, Any]


class KnownStep(NamedTuple):
    """What was known of one step; it never changes, so several points share it."""

    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: The timeline of its last event.
    timeline: int = 1
    #: How many attempts had failed and were followed by another.
    retries: int = 0
    suspended_at: datetime | None = None
    resumed_at: datetime | None = None
    #: When the next attempt may begin, while the step waits for it.
    again_at: datetime | None = None


@dataclass
class Moment:
    """A run at one event."""

    seq: int
    at: datetime | None = None
    status: str = "pending"
    timeline: int = 1
    event: str = ""
    #: By path; items of lists are included.
    steps: dict[str, KnownStep] = field(default_factory=dict)
    #: The state that was recorded last; None means the initial state.
    state: Mapping[str, Any] | None = None
    #: Why the run had failed, if it had.
    error: Mapping[str, Any] | None = None

    def of(self, path: str) -> KnownStep | None:
        """Return what was known of the step at this path."""
        return self.steps.get(path)

    def tell(self, seq: int, timeline: int, at: datetime, event: Event) -> None:
        """Apply the next event, with its number, its timeline and the moment it was written at."""
        payload = event["payload"]
        kind = str(event["type"]).removeprefix("workflow-")
        self.seq, self.at, self.event, self.timeline = seq, at, event["type"], timeline
        if kind.startswith("step-"):
            self._tell_step(kind.removeprefix("step-"), payload)
        elif kind in _RUN:
            self.status = _RUN[kind] or str(payload.get("status") or self.status)
            self.error = payload.get("error") if kind == "finish" else None
        if isinstance(payload.get("state"), dict):
            self.state = payload["state"]
        if kind in {"retried", "time-travel"}:
            again = {_base(path) for path in payload.get("paths", [])} | {
                _base(payload.get("path"))
            }
            self.steps = {
                path: known for path, known in self.steps.items() if _base(path) not in again
            }

    def _tell_step(self, kind: str, payload: dict[str, Any]) -> None:
        path = payload.get("path", "")
        known = self.steps.get(path)
        if kind == "start":
            self.status = "running"
            self.steps[path] = self._begun(known)
        elif known is not None or kind in {"result", "waiting", "suspended"}:
            known = (known or KnownStep("running", self.at))._replace(timeline=self.timeline)
            if kind == "result":
                known = known._replace(status=payload["status"], ended_at=self.at)
            elif kind in _STEP:
                known = known._replace(status=_STEP[kind])
            if kind == "suspended":
                known = known._replace(suspended_at=self.at)
            elif kind == "retry":
                retries = int(payload.get("retry_count") or 0)
                known = known._replace(retries=retries, again_at=_moment(payload))
            self.steps[path] = known

    def _begun(self, known: KnownStep | None) -> KnownStep:
        if known is not None and known.status == "suspended":
            return known._replace(status="running", resumed_at=self.at, timeline=self.timeline)
        retries = known.retries if known is not None and known.ended_at is None else 0
        return KnownStep("running", self.at, timeline=self.timeline, retries=retries)


#: The status of a run after an event; "" takes the status that the event names.
_RUN: Final = {
    "start": "running",
    "resumed": "running",
    "restarted": "running",
    "retried": "running",
    "time-travel": "running",
    "canceled": "canceled",
    "paused": "paused",
    "finish": "",
}
_STEP: Final = {"suspended": "suspended", "waiting": "waiting", "retry": "queued"}


def fold(plain: Iterable[log.Plain], until: int, since: Moment | None = None) -> list[Moment]:
    """Return the points to keep, and last the run after event number `until`.

    `since` is the run after all events before those of `plain`; it is not changed.
    """
    moment = _copy(since) if since else Moment(0)
    points = []
    for row in plain:
        for seq, event in enumerate(row.events, row.first):
            if moment.seq < seq <= until:
                moment.tell(seq, row.timeline, row.at, event)
                if seq % EVERY == 0:
                    points.append(_copy(moment))
    return [*points, moment]


def at(run: Run, seq: int) -> Moment | None:
    """Return a run at one of its events; None if too many events came before it."""
    if seq > MOST_EVENTS:
        return None
    since = _kept.latest(run.pk, seq)
    after = since.seq if since else 0
    *points, moment = fold(log.read_plain(run.pk, seq, after), seq, since)
    for point in points:
        _kept.keep(run.pk, point)
    return moment


def last_of(run: Run, timeline: int) -> int | None:
    """Return the number of the last event of a timeline; None if the run has no such timeline."""
    events = RunEvent.objects.filter(run=run.pk, timeline=timeline)
    last = events.order_by("-first_seq").values_list("last_seq", flat=True).first()
    return None if last is None else int(last)


def settle(moment: Moment, steps: Sequence[StepSnapshot]) -> None:
    """Let the run be waiting if everything open in it sleeps: the log says so only of steps."""
    if moment.status != RunStatus.RUNNING:
        return
    is_leaf = [
        s for s in steps if s.kind in {"step", "map", "sleep"} and s.status not in STEP_ENDED
    ]
    waits = (
        s.status == StepStatus.WAITING or standing.is_between_attempts(s, moment.at)
        for s in is_leaf
    )
    if is_leaf and all(waits):
        moment.status = RunStatus.WAITING.value


def _copy(moment: Moment) -> Moment:
    return replace(moment, steps=dict(moment.steps))


class _PointCache:
    """The points that were asked for last, of all runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: OrderedDict[tuple[uuid.UUID, int], Moment] = OrderedDict()

    def latest(self, run: uuid.UUID, seq: int) -> Moment | None:
        """Return the last point of a run that is not after an event; callers must not change it."""
        with self._lock:
            for number in range(seq // EVERY, 0, -1):
                key = (run, number * EVERY)
                if key in self._points:
                    self._points.move_to_end(key)
                    return self._points[key]
        return None

    def keep(self, run: uuid.UUID, point: Moment) -> None:
        """Keep a point, instead of the one that was not used for the longest time."""
        with self._lock:
            self._points[run, point.seq] = point
            while len(self._points) > MOST_KEPT:
                self._points.popitem(last=False)


_kept: Final = _PointCache()


def _moment(payload: Mapping[str, Any]) -> datetime | None:
    """Return when the next attempt may begin, from the event of a retry."""
    text = payload.get("next_attempt_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _base(path: str | None) -> str:
    return re.sub(r"\[\d+\]", "[]", path or "")
