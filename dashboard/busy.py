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
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q, Subquery

from dashboard.statements import RUN, SINCE, Listing, prepared
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import SETTLED, StepStatus

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
#: When an attempt failed, its number, and when the next may begin.
Attempt = tuple[datetime, int, datetime]


@dataclass(frozen=True)
class Busy:
    """When something of a run ran, and when something waited for a worker; in order, apart."""

    ran: Sequence[Span] = ()
    queued: Sequence[Span] = ()
    #: Whether all records were looked at.
    is_whole: bool = True
    #: When earlier attempts of steps ended, by path, each with its number and the earliest moment
    #: of the next; the latest of them.
    attempts: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    #: When steps waited for an answer, by path; the latest of these waits.
    asked: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def ran_for(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long at least one step ran between two moments."""
        return sum((last - first for first, last in cut(self.ran, start, end)), timedelta())

    def runs_at(self, moment: datetime) -> bool:
        """Return whether a step ran at a moment."""
        return any(first <= moment and (last is None or moment < last) for first, last in self.ran)

    def until(self, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return when something ran or waited for a worker, up to a moment."""
        return [(f, end if last is None else last) for f, last in (*self.ran, *self.queued)]


def of(run: Run) -> Busy:
    """Return when steps of a run ran; what did not change is not read again."""
    return _kept.get(run)


@dataclass(frozen=True)
class _Ended:
    """What plain records tell that have ended, which never changes: how many there are, and when.

    None are known of a run whose steps asked or were tried again: pauses lie within their time.
    """

    number: int = 0
    #: All of them ended before this moment.
    last: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    ran: Sequence[Span] = ()
    queued: Sequence[Span] = ()


def _read(run: Run, known: _Ended) -> tuple[Busy, _Ended]:
    """Return when steps of a run ran, and what of it need not be read again; one query or three.

    Only what is new is read, and counted: where that is not all, as when a record came after one
    that ended later, or was deleted, everything is read.
    """
    rows = _rows_of(run, known.last)
    if known.number:
        new = sum(row[_END] is not None for row in rows)
        is_all = bool(rows) and rows[0][0] == known.number + new
        if not is_all or any(map(_is_told, rows)):
            known = _Ended()
            rows = _rows_of(run, known.last)
    if known.number + len(rows) > MOST_RECORDS:
        return Busy(is_whole=False), _Ended()
    if any(map(_is_told, rows)):
        told = _told_of(run)
        spans = _spans_of(rows, told)
        return Busy(*spans, attempts=told.attempts, asked=told.asked), _Ended()
    # Those that ended last are read again: so there is always a row that tells the number.
    last = max((row[_END] for row in rows if row[_END] is not None), default=known.last)
    ended = [row for row in rows if row[_END] is not None and row[_END] < last]
    known = _Ended(known.number + len(ended), last, *_spans_of(ended, _Told(), known))
    rest = [row for row in rows if row[_END] is None or row[_END] >= last]
    return Busy(*_spans_of(rest, _Told(), known)), known


#: Where in a row of values stands when the step ended, and what tells that it paused.
_END: Final = 5
_PAUSED: Final = slice(6, 9)


def _is_told(row: Sequence[Any]) -> bool:
    return any(row[_PAUSED])


def _rows_of(run: Run, since: datetime) -> list[list[Any]]:
    """Return the records that have not ended, and those that ended at a moment or after it.

    Each with how many have ended in all.
    """
    given = {RUN: prepared(run.pk), SINCE: prepared(since)}
    return _rows_listing(connection.vendor).read(given)


@lru_cache(maxsize=4)
def _rows_listing(_vendor: str) -> Listing:
    rows = StepSnapshot.objects.filter(run_id=RUN, kind__in=LEAVES)
    rows = rows.exclude(status=StepStatus.PLANNED).order_by()
    ended = rows.filter(ended_at__isnull=False).values("run").annotate(number=Count("pk"))
    new = rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=SINCE))
    values = new.annotate(number=Subquery(ended.values("number"))).values_list(
        "number", "path", "status", "queued_at", "started_at", "ended_at", "suspended_at",
        "resumed_at", "retry_count",
    )  # fmt: skip
    return Listing(values[: MOST_RECORDS + 1], [RUN, SINCE])


def _spans_of(
    rows: Iterable[Sequence[Any]], told: _Told, known: _Ended | None = None
) -> tuple[Sequence[Span], Sequence[Span]]:
    """Return when one of these records, or of those that are known, ran, and when one waited."""
    ran: list[Span] = list(known.ran) if known else []
    queued: list[Span] = list(known.queued) if known else []
    for _, path, status, queued_at, started, ended, suspended, *_ in rows:
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
        ran += without((started, end), pauses)
    return list(merged(ran)), list(merged(queued))


@dataclass
class _Told:
    """What the log tells, by path: when a step waited, for an answer or for its next attempt."""

    idle: dict[str, list[Span]] = field(default_factory=dict)
    asked: dict[str, list[Span]] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)


def _told_of(run: Run) -> _Told:
    """Return when which step waited, and when its attempts failed; one query."""
    return _told_in([run])[run.pk]


def asked_in(runs: Iterable[Run]) -> dict[uuid.UUID, Mapping[str, Sequence[Span]]]:
    """Return when steps waited for answers, by run and path; one query."""
    return {key: told.asked for key, told in _told_in(list(runs)).items()}


def _told_in(runs: Sequence[Run]) -> dict[uuid.UUID, _Told]:
    told = Q()
    for kind in _TOLD:
        told |= Q(text__contains=kind)
    rows = RunEvent.objects.filter(run__in=[run.pk for run in runs])
    logged: Any = rows.alias(text=payloads.as_text("events")).filter(told).order_by("-first_seq")
    found = {run.pk: _Told() for run in runs}
    for key, at, events in reversed(logged.values_list("run", "at", "events")[:MOST_LOGGED]):
        for event in events:
            _note(found[key], at, event)
    return found


def _note(found: _Told, at: datetime, event: Mapping[str, Any]) -> None:
    kind, payload = event["type"], event["payload"]
    if kind == "workflow-step-suspended":
        for spans in (found.idle, found.asked):
            spans.setdefault(payload["path"], []).append((at, None))
    elif kind == "workflow-step-retry":
        again = datetime.fromisoformat(payload["next_attempt_at"])
        found.idle.setdefault(payload["path"], []).append((at, again))
        number = payload.get("retry_count", 1)
        found.attempts.setdefault(payload["path"], []).append((at, number, again))
    elif kind == "workflow-resumed":
        for path in [payload.get("path"), *payload.get("paths", [])]:
            for spans in (found.idle, found.asked):
                waits = spans.get(path or "")
                if waits and waits[-1][1] is None:
                    waits[-1] = (waits[-1][0], at)


def without(span: Span, pauses: Iterable[Span]) -> Iterator[Span]:
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


def merged(spans: Iterable[Span]) -> Iterator[Span]:
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


def cut(
    spans: Iterable[Span], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of these stretches that lie between two moments."""
    for first, last in spans:
        begun, until = max(first, start), min(last or end, end)
        if begun < until:
            yield begun, until


class _Kept:
    """What was told of the runs that were looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[uuid.UUID, _Known] = OrderedDict()

    def get(self, run: Run) -> Busy:
        """Return what was read of a run as it stands, or read it."""
        mark = (run.event_seq, run.revision, run.ended_at)
        with self._lock:
            known = self._found.get(run.pk)
        if known is not None:
            is_fresh = run.status not in SETTLED and time.monotonic() - known.at < PAUSE
            if known.mark == mark or (is_fresh and run.event_seq > LONG):
                return known.busy
        # A run that went on has its records still; one that was taken up again has them otherwise.
        is_same = known is not None and known.timeline == run.timeline
        found, ended = _read(run, known.ended if known is not None and is_same else _Ended())
        with self._lock:
            self._found[run.pk] = _Known(mark, run.timeline, time.monotonic(), found, ended)
            self._found.move_to_end(run.pk)
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        return found


@dataclass(frozen=True)
class _Known:
    """What was told of a run: as it stood at this mark, on this timeline, read at this moment."""

    mark: tuple[Any, ...]
    timeline: int
    at: float
    busy: Busy
    ended: _Ended


_kept: Final = _Kept()
