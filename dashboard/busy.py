"""When steps of a run ran, and when all of it stood still: run time and waiting time apart.

Told by all records of the run, those of earlier timelines too; of steps that asked, or were tried
again, the log says when nothing of them ran. Time in which two steps ran counts once.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.db import connection
from django.db.models import Count, Q, Subquery

from dashboard import graphs
from dashboard.statements import RUN, SINCE, Listing, prepared
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import SETTLED, StepStatus

#: Kinds of records that do something themselves.
LEAVES: Final = ("step", "map")
#: The kind of record that only waits for a time.
SLEEP: Final = "sleep"
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
    #: When nothing ran while a step slept, or waited for its next attempt; in order, apart.
    held: Sequence[Span] = ()
    #: The same with waits for answers, inside what holds other steps, by its path; empty: the run.
    stood: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def held_for(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long only the time of a sleep or a next attempt was waited for."""
        return length_in(self.held, start, end)

    def ran_for(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long at least one step ran between two moments."""
        return length_in(self.ran, start, end)

    def runs_at(self, moment: datetime) -> bool:
        """Return whether a step ran at a moment."""
        return any(first <= moment and (last is None or moment < last) for first, last in self.ran)

    def until(self, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return when something ran or waited for a worker, up to a moment."""
        return [(f, end if last is None else last) for f, last in (*self.ran, *self.queued)]


#: Of a run of which nothing is known.
NOTHING: Final = Busy()


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
        forks = graphs.of_version(run.version_id).fork_of
        return _with_waits(rows, _told_of(run, rows), forks), _Ended()
    # Those that ended last are read again: so there is always a row that tells the number.
    last = max((row[_END] for row in rows if row[_END] is not None), default=known.last)
    ended = [row for row in rows if row[_END] is not None and row[_END] < last]
    known = _Ended(known.number + len(ended), last, *_spans_of(ended, _Told(), known))
    rest = [row for row in rows if row[_END] is None or row[_END] >= last]
    return Busy(*_spans_of(rest, _Told(), known)), known


#: Where in a row of values stands when the step ended, and what tells that it paused.
_START: Final = 4
_END: Final = 5
_PAUSED: Final = slice(6, 9)
_KIND: Final = 9


def _is_told(row: Sequence[Any]) -> bool:
    """Return whether a record waited for something in its time; of a sleep that is all it did."""
    return any(row[_PAUSED]) or row[_KIND] == SLEEP


def _rows_of(run: Run, since: datetime) -> list[list[Any]]:
    """Return the records that have not ended, and those that ended at a moment or after it.

    Each with how many have ended in all.
    """
    given = {RUN: prepared(run.pk), SINCE: prepared(since)}
    return _rows_listing(connection.vendor).read(given)


@lru_cache(maxsize=4)
def _rows_listing(_vendor: str) -> Listing:
    rows = StepSnapshot.objects.filter(run_id=RUN, kind__in=(*LEAVES, SLEEP))
    rows = rows.exclude(status=StepStatus.PLANNED).order_by()
    ended = rows.filter(ended_at__isnull=False).values("run").annotate(number=Count("pk"))
    new = rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=SINCE))
    values = new.annotate(number=Subquery(ended.values("number"))).values_list(
        "number", "path", "status", "queued_at", "started_at", "ended_at", "suspended_at",
        "resumed_at", "retry_count", "kind",
    )  # fmt: skip
    return Listing(values[: MOST_RECORDS + 1], [RUN, SINCE])


def _spans_of(
    rows: Iterable[Sequence[Any]], told: _Told, known: _Ended | None = None
) -> tuple[Sequence[Span], Sequence[Span]]:
    """Return when one of these records, or of those that are known, ran, and when one waited."""
    ran: list[Span] = list(known.ran) if known else []
    queued: list[Span] = list(known.queued) if known else []
    for row in rows:
        _, _, status, queued_at, started, *_ = row
        if row[_KIND] == SLEEP:
            continue
        if started is None:
            queued += [(queued_at, None)] if status == StepStatus.QUEUED else []
            continue
        if queued_at < started:
            queued.append((queued_at, started))
        ran += _ran_of(row, told)
    return list(merged(ran)), list(merged(queued))


def _ran_of(row: Sequence[Any], told: _Told) -> Iterator[Span]:
    """Yield when the step of a record that has started ran."""
    _, path, status, _, started, end, suspended, *_ = row
    pauses = told.idle.get(path, ())
    if end is None and status != StepStatus.RUNNING:
        is_asking = status == StepStatus.SUSPENDED and suspended
        end = suspended if is_asking else max([at for at, _ in pauses] + [started])
    yield from without((started, end), pauses)


def _with_waits(rows: Sequence[Sequence[Any]], told: _Told, forks: Mapping[str, str]) -> Busy:
    """Return when these records ran, and when what they are in waited for them."""
    ran, queued = _spans_of(rows, told)
    held: list[Span] = [(at, again) for each in told.attempts.values() for at, _, again in each]
    held += [(row[_START], row[_END]) for row in rows if row[_KIND] == SLEEP and row[_START]]
    return Busy(
        ran,
        queued,
        attempts=told.attempts,
        asked=told.asked,
        held=list(left_of(merged(held), ran)),
        stood=_stood(rows, told, forks),
    )


def _stood(
    rows: Sequence[Sequence[Any]], told: _Told, forks: Mapping[str, str]
) -> dict[str, Sequence[Span]]:
    """Return when something inside waited and nothing inside ran, by what holds it."""
    waits: dict[str, list[Span]] = {}
    for row in rows:
        is_asleep = row[_KIND] == SLEEP and row[_START] is not None
        waited = [(row[_START], row[_END])] if is_asleep else told.idle.get(row[1], ())
        for holder in _holders_of(row[1], forks) if waited else ():
            waits.setdefault(holder, []).extend(waited)
    ran: dict[str, list[Span]] = {holder: [] for holder in waits}
    for row in rows if waits else ():
        if row[_KIND] == SLEEP or row[_START] is None:
            continue
        spans = list(_ran_of(row, told))
        for holder in _holders_of(row[1], forks) & waits.keys():
            ran[holder] += spans
    return {
        holder: list(left_of(merged(spans), list(merged(ran[holder]))))
        for holder, spans in waits.items()
    }


def _holders_of(path: str, forks: Mapping[str, str]) -> set[str]:
    """Return the paths of all that a step stands in; the run as a whole has the empty one.

    `forks` has the fork of each entry that is an arm of one.
    """
    found = {""}
    ends = [at for at, sign in enumerate(path) if sign in ".["]
    waiting = [path, *(path[:at] for at in ends)]
    while waiting:
        one = waiting.pop()
        if one != path:
            found.add(one)
        if (fork := _fork_of(one, forks)) and fork not in found:
            waiting.append(fork)
    return found


def _fork_of(arm: str, forks: Mapping[str, str]) -> str:
    """Return the path of the fork of which an entry is an arm; empty: it is none."""
    fork = forks.get(re.sub(r"\[\d+\]", "[]", arm), "")
    around, _, _ = arm.rpartition(".")
    return f"{around}.{fork.rpartition('.')[2]}" if fork and around else fork


@dataclass
class _Told:
    """What the log tells, by path: when a step waited, for an answer or for its next attempt."""

    idle: dict[str, list[Span]] = field(default_factory=dict)
    asked: dict[str, list[Span]] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)


def _told_of(run: Run, rows: Iterable[Sequence[Any]]) -> _Told:
    """Return when which step waited, and when its attempts failed; one query, if any."""
    return _told_in([run])[run.pk] if any(any(row[_PAUSED]) for row in rows) else _Told()


def of_records(
    sides: Sequence[tuple[Run, Sequence[StepSnapshot]]],
) -> list[Busy]:
    """Return when these records of each of some runs ran and waited; one query, if any.

    Forks are not told of: what has no record of its own is not among these.
    """
    found = [
        [
            [0, s.path, s.status, s.queued_at, s.started_at, s.ended_at, s.suspended_at,
             s.resumed_at, s.retry_count, s.kind]
            for s in steps if s.kind in (*LEAVES, SLEEP)
        ]
        for _, steps in sides
    ]  # fmt: skip
    if not any(_is_told(row) for rows in found for row in rows):
        return [Busy(*_spans_of(rows, _Told())) for rows in found]
    told = _told_in(list({run.pk: run for run, _ in sides}.values()))
    return [
        _with_waits(rows, told[run.pk], {}) for (run, _), rows in zip(sides, found, strict=True)
    ]


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


def left_of(spans: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    """Yield what is left of stretches without others; the others in order and apart."""
    begins = [begun for begun, _ in others]
    for first, last in spans:
        at: datetime | None = first
        for begun, until in others[max(bisect_right(begins, first) - 1, 0) :]:
            if last is not None and begun >= last:
                break
            if at is not None and begun > at:
                yield at, begun
            at = None if until is None else max(at or until, until)
            if at is None:
                break
        if at is not None and (last is None or at < last):
            yield at, last


def cut(
    spans: Iterable[Span], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of these stretches that lie between two moments."""
    for first, last in spans:
        begun, until = max(first, start), min(last or end, end)
        if begun < until:
            yield begun, until


def length_in(spans: Iterable[Span], start: datetime, end: datetime) -> timedelta:
    """Return how long these stretches are together, between two moments."""
    return sum((last - first for first, last in cut(spans, start, end)), timedelta())


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
