"""A run as it stood at one of its events: what its log had told by then.

The log is complete and in order, so that any past moment can be shown again, the running ones
too. Statuses and moments come from the events; values from the rows, as far as they were known.
What a log told up to every so many events is kept for a while: it never changes, and who moves the
slider asks for the next moment of the same run.
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

from dashboard import standing
from workflows_app.engine import log
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import STEP_ENDED, RunStatus, StepStatus

#: Later moments are not played back: folding all that came before would take seconds.
MOST_EVENTS: Final = 100_000

#: After so many events what they told is kept, and of so many of these points altogether.
EVERY: Final = 2_000
MOST_KEPT: Final = 40

Event = dict[str, Any]


class Known(NamedTuple):
    """What was known of one step; it never changes, so that points in time share it."""

    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: On which timeline it was told last.
    timeline: int = 1
    #: How many attempts had failed and were followed by another.
    retries: int = 0
    suspended_at: datetime | None = None
    resumed_at: datetime | None = None
    #: When the next attempt may begin, while it waits for that.
    again_at: datetime | None = None


@dataclass
class Moment:
    """A run at one event."""

    seq: int
    at: datetime | None = None
    status: str = "pending"
    timeline: int = 1
    event: str = ""
    #: By path, items of lists among them.
    steps: dict[str, Known] = field(default_factory=dict)
    #: The state as it was told last; None: it is as it was at first.
    state: Mapping[str, Any] | None = None
    #: Why the run had failed, if it had.
    error: Mapping[str, Any] | None = None

    def of(self, path: str) -> Known | None:
        """Return what was known of a step, by its path."""
        return self.steps.get(path)

    def tell(self, seq: int, timeline: int, at: datetime, event: Event) -> None:
        """Take in the next event, which has this number, on this timeline, at this moment."""
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
            known = (known or Known("running", self.at))._replace(timeline=self.timeline)
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

    def _begun(self, known: Known | None) -> Known:
        if known is not None and known.status == "suspended":
            return known._replace(status="running", resumed_at=self.at, timeline=self.timeline)
        retries = known.retries if known is not None and known.ended_at is None else 0
        return Known("running", self.at, timeline=self.timeline, retries=retries)


#: What a run becomes by an event; "" takes the status that the event names.
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
    """Return the run as it stood after event number `until`, last, after the points to keep.

    `since` is what all events before those of `plain` told; it is left as it is.
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
    """Return a run as it stood at an event; None where too many came before it."""
    if seq > MOST_EVENTS:
        return None
    since = _kept.latest(run.pk, seq)
    after = since.seq if since else 0
    *points, moment = fold(log.read_plain(run.pk, seq, after), seq, since)
    for point in points:
        _kept.keep(run.pk, point)
    return moment


def last_of(run: Run, timeline: int) -> int | None:
    """Return the number of the last event of a timeline; None: the run has no such timeline."""
    told = RunEvent.objects.filter(run=run.pk, timeline=timeline)
    last = told.order_by("-first_seq").values_list("last_seq", flat=True).first()
    return None if last is None else int(last)


def settle(moment: Moment, steps: Sequence[StepSnapshot]) -> None:
    """Let the run be waiting where all that is open in it sleeps: the log says it of steps."""
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


class _Kept:
    """The points that were asked for last, of all runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: OrderedDict[tuple[uuid.UUID, int], Moment] = OrderedDict()

    def latest(self, run: uuid.UUID, seq: int) -> Moment | None:
        """Return the last point of a run that is not after an event; nobody may change it."""
        with self._lock:
            for number in range(seq // EVERY, 0, -1):
                key = (run, number * EVERY)
                if key in self._points:
                    self._points.move_to_end(key)
                    return self._points[key]
        return None

    def keep(self, run: uuid.UUID, point: Moment) -> None:
        """Keep a point, in the place of the one that was not asked for longest."""
        with self._lock:
            self._points[run, point.seq] = point
            while len(self._points) > MOST_KEPT:
                self._points.popitem(last=False)


_kept: Final = _Kept()


def _moment(payload: Mapping[str, Any]) -> datetime | None:
    """Return when the next attempt may begin, as the event of a retry tells it."""
    text = payload.get("next_attempt_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def _base(path: str | None) -> str:
    return re.sub(r"\[\d+\]", "[]", path or "")
