"""When steps of a run ran, and when all of it stood still: run time and waiting time apart.

Told by all records of the run, those of earlier timelines too; of steps that asked, or were tried
again, the log says when nothing of them ran. Time in which two steps ran counts once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q

from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: Kinds of records that do something themselves.
LEAVES: Final = ("step", "map")
#: With more records than this it is not told when nothing ran: reading them takes too long.
MOST_RECORDS: Final = 20_000
#: Transactions of the log in which questions and retries are looked for.
MOST_LOGGED: Final = 500
#: What is known of so many runs is kept.
MOST_KEPT: Final = 64
#: A long run that is under way is looked at anew after so many seconds at the earliest.
PAUSE: Final = 3.0
LONG: Final = 4_000

_TOLD: Final = ("workflow-step-suspended", "workflow-step-retry", "workflow-resumed")

#: From when to when; None: still.
Span = tuple[datetime, datetime | None]


@dataclass(frozen=True)
class Busy:
    """When something of a run ran, and when something waited for a worker; in order, apart."""

    ran: Sequence[Span] = ()
    queued: Sequence[Span] = ()
    #: Whether all records were looked at.
    is_whole: bool = True
    #: When earlier attempts of steps ended, by path, each with its number; the latest of them.
    attempts: Mapping[str, Sequence[tuple[datetime, int]]] = field(default_factory=dict)

    def ran_for(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long at least one step ran between two moments."""
        return sum((last - first for first, last in _cut(self.ran, start, end)), timedelta())

    def runs_at(self, moment: datetime) -> bool:
        """Return whether a step ran at a moment."""
        return any(first <= moment and (last is None or moment < last) for first, last in self.ran)

    def until(self, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return when something ran or waited for a worker, up to a moment."""
        return [(f, end if last is None else last) for f, last in (*self.ran, *self.queued)]


def of(run: Run) -> Busy:
    """Return when steps of a run ran; what did not change is not read again."""
    return _kept.get(run)


def _read(run: Run) -> Busy:
    rows = list(
        StepSnapshot.objects.filter(run=run.pk, kind__in=LEAVES)
        .exclude(status=StepStatus.PLANNED)
        .order_by()
        .values_list(
            "path", "status", "queued_at", "started_at", "ended_at", "suspended_at",
            "resumed_at", "retry_count",
        )[: MOST_RECORDS + 1]
    )  # fmt: skip
    if len(rows) > MOST_RECORDS:
        return Busy(is_whole=False)
    is_told = any(row[5] or row[6] or row[7] for row in rows)
    told = _told_of(run) if is_told else _Told()
    ran: list[Span] = []
    queued: list[Span] = []
    for path, status, queued_at, started, ended, suspended, *_ in rows:
        if started is None:
            queued += [(queued_at, None)] if status == StepStatus.QUEUED else []
            continue
        if queued_at < started:
            queued.append((queued_at, started))
        pauses = told.idle.get(path, ())
        end = ended
        if ended is None and status != StepStatus.RUNNING:
            is_asking = status == StepStatus.SUSPENDED and suspended
            end = suspended if is_asking else max([at for at, _ in pauses] + [started])
        ran += _without((started, end), pauses)
    return Busy(list(_merged(ran)), list(_merged(queued)), attempts=told.attempts)


@dataclass
class _Told:
    """What the log tells, by path: when a step waited, for an answer or for its next attempt."""

    idle: dict[str, list[Span]] = field(default_factory=dict)
    attempts: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)


def _told_of(run: Run) -> _Told:
    """Return when which step waited, and when its attempts failed; one query."""
    told = Q()
    for kind in _TOLD:
        told |= Q(text__contains=kind)
    rows = RunEvent.objects.filter(run=run.pk).alias(text=payloads.as_text("events"))
    logged = rows.filter(told).order_by("-first_seq").values_list("at", "events")[:MOST_LOGGED]
    found = _Told()
    for at, events in reversed(logged):
        for event in events:
            _note(found, at, event)
    return found


def _note(found: _Told, at: datetime, event: Mapping[str, Any]) -> None:
    kind, payload = event["type"], event["payload"]
    if kind == "workflow-step-suspended":
        found.idle.setdefault(payload["path"], []).append((at, None))
    elif kind == "workflow-step-retry":
        again = datetime.fromisoformat(payload["next_attempt_at"])
        found.idle.setdefault(payload["path"], []).append((at, again))
        number = payload.get("retry_count", 1)
        found.attempts.setdefault(payload["path"], []).append((at, number))
    elif kind == "workflow-resumed":
        for path in [payload.get("path"), *payload.get("paths", [])]:
            asked = found.idle.get(path or "")
            if asked and asked[-1][1] is None:
                asked[-1] = (asked[-1][0], at)


def _without(span: Span, pauses: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of a stretch without its pauses."""
    at, end = span
    for first, last in pauses:
        if first < at or (end is not None and first >= end):
            continue
        yield at, first
        if last is None:
            return
        at = last
    if end is None or at < end:
        yield at, end


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the stretches in order, those that touch as one."""
    begun: datetime | None = None
    until: datetime | None = None
    for start, end in sorted(spans, key=lambda span: span[0]):
        if begun is not None and (until is None or start <= until):
            until = None if until is None or end is None else max(until, end)
            continue
        if begun is not None:
            yield begun, until
        begun, until = start, end
    if begun is not None:
        yield begun, until


def _cut(
    spans: Iterable[Span], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    for first, last in spans:
        begun, until = max(first, start), min(last or end, end)
        if begun < until:
            yield begun, until


class _Kept:
    """What was told of the runs that were looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[uuid.UUID, tuple[tuple[Any, ...], float, Busy]] = OrderedDict()

    def get(self, run: Run) -> Busy:
        """Return what was read of a run as it stands, or read it."""
        mark = (run.event_seq, run.revision, run.ended_at)
        with self._lock:
            known = self._found.get(run.pk)
        if known is not None:
            is_fresh = not run.is_ended and time.monotonic() - known[1] < PAUSE
            if known[0] == mark or (is_fresh and run.event_seq > LONG):
                return known[2]
        found = _read(run)
        with self._lock:
            self._found[run.pk] = (mark, time.monotonic(), found)
            self._found.move_to_end(run.pk)
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        return found


_kept: Final = _Kept()
