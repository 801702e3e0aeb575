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
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from workflows_app.engine import log
from workflows_app.models import Run

#: Later moments are not played back: folding all that came before would take seconds.
MOST_EVENTS: Final = 20_000

#: After so many events what they told is kept, and of so many of these points altogether.
EVERY: Final = 2_000
MOST_KEPT: Final = 40

Event = dict[str, Any]


class Known(NamedTuple):
    """What was known of one step; it never changes, so that points in time share it."""

    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


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
            began = known.started_at if known and known.status == "suspended" else self.at
            self.steps[path] = Known("running", began)
        elif known is not None or kind in {"result", "waiting", "suspended"}:
            known = known or Known("running", self.at)
            if kind == "result":
                known = known._replace(status=payload["status"], ended_at=self.at)
            elif kind in _STEP:
                known = known._replace(status=_STEP[kind])
            self.steps[path] = known


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


def _base(path: str | None) -> str:
    return re.sub(r"\[\d+\]", "[]", path or "")
