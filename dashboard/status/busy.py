"""When steps of a run ran and when the whole run was idle, to tell run time from waiting time.

All records of the run are read, those of earlier timelines too. The log says when a step was idle
because it asked a question or waited for its next attempt. Time in which two steps ran counts once.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db.models import Count, DateTimeField, Q, Subquery, UUIDField

from workflows_app.models import Run, StepSnapshot
from workflows_app.models.queries import Parameter, TupleReader
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import SETTLED, StepStatus

from ..graph import graphs
from . import waits
from .spans import Span, left_of, length_in, merged, without
from .waits import FailedAttempt, Waits

#: Kinds of records that do something themselves.
LEAVES: Final = ("step", "map")
#: The kind of record that only waits for a time.
SLEEP: Final = "sleep"
#: The idle times of a run with more records are not worked out: reading them takes too long.
MOST_RECORDS: Final = 20_000
#: The number of runs whose times are kept in memory.
MOST_KEPT: Final = 64
#: A long run that is under way is read again after this many seconds at the earliest.
PAUSE: Final = 3.0
#: A run with more events than this is long.
LONG: Final = 4_000


@dataclass(frozen=True)
class Busy:
    """When something of a run ran, and when something waited for a worker.

    All stretches are in order and do not touch each other.
    """

    ran: Sequence[Span] = ()
    queued: Sequence[Span] = ()
    #: Whether all records were looked at.
    is_whole: bool = True
    #: The latest failed attempts of steps that were tried again, by path.
    attempts: Mapping[str, Sequence[FailedAttempt]] = field(default_factory=dict)
    #: The latest waits of steps for answers, by path.
    waits_for_answers: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    #: When nothing ran while a step slept or waited for its next attempt.
    timed_waits: Sequence[Span] = ()
    #: When something inside a container waited, also for an answer, and nothing inside ran: by the
    #: path of the container. The empty path is the run itself.
    idle_inside: Mapping[str, Sequence[Span]] = field(default_factory=dict)

    def waited_for_time(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long the run only waited for a sleep or a next attempt."""
        return length_in(self.timed_waits, start, end)

    def ran_for(self, start: datetime, end: datetime) -> timedelta:
        """Return for how long at least one step ran between two moments."""
        return length_in(self.ran, start, end)

    def runs_at(self, moment: datetime) -> bool:
        """Return whether a step ran at a moment."""
        return any(first <= moment and (last is None or moment < last) for first, last in self.ran)

    def until(self, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return when something ran or waited for a worker, up to a moment."""
        return [(f, end if last is None else last) for f, last in (*self.ran, *self.queued)]


#: The value for a run of which nothing is known.
NOTHING: Final = Busy()


class StepTimes(NamedTuple):
    """When one record of a run was queued, started, ended and paused."""

    path: str
    kind: str
    status: str
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    suspended_at: datetime | None
    resumed_at: datetime | None
    retry_count: int
    #: How many records of the run have ended; the same in every row that one statement reads.
    ended_in_run: int | None = None

    @property
    def has_paused(self) -> bool:
        """Whether the step asked a question or was tried again: the log says when it was idle."""
        return bool(self.suspended_at or self.resumed_at or self.retry_count)

    @property
    def has_waited(self) -> bool:
        """Whether it waited between its start and its end; a sleep does nothing else."""
        return self.has_paused or self.kind == SLEEP


def of(run: Run) -> Busy:
    """Return when steps of a run ran; records that did not change are not read again."""
    return _kept.get(run)


def of_records(sides: Sequence[tuple[Run, Sequence[StepSnapshot]]]) -> list[Busy]:
    """Return when these records of some runs ran and waited, one `Busy` a run; at most one query.

    `idle_inside` leaves forks out, because a fork without a record is not among the records.
    """
    found = [[_times_of(s) for s in steps if s.kind in (*LEAVES, SLEEP)] for _, steps in sides]
    if not any(row.has_waited for rows in found for row in rows):
        return [Busy(*_spans_of(rows, Waits())) for rows in found]
    logged = waits.of_runs(list({run.pk: run for run, _ in sides}.values()))
    return [
        _with_waits(rows, logged[run.pk], {}) for (run, _), rows in zip(sides, found, strict=True)
    ]


def _times_of(step: StepSnapshot) -> StepTimes:
    return StepTimes(
        path=step.path,
        kind=step.kind,
        status=step.status,
        queued_at=step.queued_at,
        started_at=step.started_at,
        ended_at=step.ended_at,
        suspended_at=step.suspended_at,
        resumed_at=step.resumed_at,
        retry_count=step.retry_count,
    )


@dataclass(frozen=True)
class _Ended:
    """The times of plain records that have ended, which never change again.

    Stays empty for a run whose steps asked or were tried again, because pauses are in their times.
    """

    number: int = 0
    #: All of them ended before this moment.
    last: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    ran: Sequence[Span] = ()
    queued: Sequence[Span] = ()


def _read(run: Run, known: _Ended) -> tuple[Busy, _Ended]:
    """Return when steps of a run ran, and which part need not be read again; one query or three.

    Only new records are read, and counted. If the count shows that some are missing, because a
    record came after one that ended later or was deleted, everything is read.
    """
    rows = _rows_of(run, known.last)
    if known.number:
        new = sum(row.ended_at is not None for row in rows)
        is_all = bool(rows) and rows[0].ended_in_run == known.number + new
        if not is_all or any(row.has_waited for row in rows):
            known = _Ended()
            rows = _rows_of(run, known.last)
    if known.number + len(rows) > MOST_RECORDS:
        return Busy(is_whole=False), _Ended()
    if any(row.has_waited for row in rows):
        forks = graphs.of_version(run.version_id).fork_of
        has_paused = any(row.has_paused for row in rows)
        logged = waits.of_runs([run])[run.pk] if has_paused else Waits()
        return _with_waits(rows, logged, forks), _Ended()
    # The records that ended last are read again, so that there is always a row with the number.
    last = max((row.ended_at for row in rows if row.ended_at is not None), default=known.last)
    ended = [row for row in rows if row.ended_at is not None and row.ended_at < last]
    known = _Ended(known.number + len(ended), last, *_spans_of(ended, Waits(), known))
    rest = [row for row in rows if row.ended_at is None or row.ended_at >= last]
    return Busy(*_spans_of(rest, Waits(), known)), known


def _rows_of(run: Run, since: datetime) -> list[StepTimes]:
    """Return the records that have not ended, and those that ended at a moment or later."""
    return _times_reader(connection_here().vendor).read(run=run.pk, since=since)


@lru_cache(maxsize=4)
def _times_reader(_vendor: str) -> TupleReader[StepTimes]:
    of_run = StepSnapshot.objects.filter(run_id=Parameter("run", UUIDField()))
    rows = of_run.filter(kind__in=(*LEAVES, SLEEP)).order_by()
    ended = rows.filter(ended_at__isnull=False).values("run").annotate(number=Count("pk"))
    since = Parameter("since", DateTimeField())
    new = rows.filter(Q(ended_at__isnull=True) | Q(ended_at__gte=since))
    counted = new.annotate(ended_in_run=Subquery(ended.values("number")))
    return TupleReader(counted[: MOST_RECORDS + 1], StepTimes)


def _spans_of(
    rows: Iterable[StepTimes], logged: Waits, known: _Ended | None = None
) -> tuple[Sequence[Span], Sequence[Span]]:
    """Return when one of these or of the known records ran, and when one waited for a worker."""
    ran: list[Span] = list(known.ran) if known else []
    queued: list[Span] = list(known.queued) if known else []
    for row in rows:
        if row.kind == SLEEP:
            continue
        if row.started_at is None:
            queued += [(row.queued_at, None)] if row.status == StepStatus.QUEUED else []
            continue
        if row.queued_at < row.started_at:
            queued.append((row.queued_at, row.started_at))
        ran += _ran_of(row, row.started_at, logged)
    return list(merged(ran)), list(merged(queued))


def _ran_of(row: StepTimes, started_at: datetime, logged: Waits) -> Iterator[Span]:
    """Yield when the step of a record that has started ran."""
    pauses = logged.idle.get(row.path, ())
    end = row.ended_at
    if end is None and row.status != StepStatus.RUNNING:
        is_asking = row.status == StepStatus.SUSPENDED and row.suspended_at
        end = row.suspended_at if is_asking else max([at for at, _ in pauses] + [started_at])
    yield from without((started_at, end), pauses)


def _with_waits(rows: Sequence[StepTimes], logged: Waits, forks: Mapping[str, str]) -> Busy:
    """Return when these records ran, and when the containers around them waited for them."""
    ran, queued = _spans_of(rows, logged)
    timed: list[Span] = [
        (failed.failed_at, failed.next_at)
        for attempts in logged.attempts.values()
        for failed in attempts
    ]
    timed += [
        (row.started_at, row.ended_at) for row in rows if row.kind == SLEEP and row.started_at
    ]
    return Busy(
        ran,
        queued,
        attempts=logged.attempts,
        waits_for_answers=logged.for_answers,
        timed_waits=list(left_of(merged(timed), ran)),
        idle_inside=_idle_inside(rows, logged, forks),
    )


def _idle_inside(
    rows: Sequence[StepTimes], logged: Waits, forks: Mapping[str, str]
) -> dict[str, Sequence[Span]]:
    """Return when something inside a container waited and nothing inside ran, by its path."""
    waited: dict[str, list[Span]] = {}
    for row in rows:
        spans: Sequence[Span] = logged.idle.get(row.path, ())
        if row.kind == SLEEP and row.started_at is not None:
            spans = [(row.started_at, row.ended_at)]
        for container in _containers_of(row.path, forks) if spans else ():
            waited.setdefault(container, []).extend(spans)
    ran: dict[str, list[Span]] = {container: [] for container in waited}
    for row in rows if waited else ():
        if row.kind == SLEEP or row.started_at is None:
            continue
        spans = list(_ran_of(row, row.started_at, logged))
        for container in _containers_of(row.path, forks) & waited.keys():
            ran[container] += spans
    return {
        container: list(left_of(merged(spans), list(merged(ran[container]))))
        for container, spans in waited.items()
    }


def _containers_of(path: str, forks: Mapping[str, str]) -> set[str]:
    """Return the paths of all containers of a step; the run as a whole has the empty path.

    `forks` has the path of the fork for each entry that is an arm of one.
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
    """Return the path of the fork that an entry is an arm of; empty if it is none."""
    fork = forks.get(re.sub(r"\[\d+\]", "[]", arm), "")
    around, _, _ = arm.rpartition(".")
    return f"{around}.{fork.rpartition('.')[2]}" if fork and around else fork


class _TimesCache:
    """The times of the runs that were looked at last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[uuid.UUID, _CachedTimes] = OrderedDict()

    def get(self, run: Run) -> Busy:
        """Return what was read of a run if it has not changed since; otherwise read it."""
        mark = (run.event_seq, run.revision, run.ended_at)
        with self._lock:
            known = self._found.get(run.pk)
        if known is not None:
            is_fresh = run.status not in SETTLED and time.monotonic() - known.at < PAUSE
            if known.mark == mark or (is_fresh and run.event_seq > LONG):
                return known.busy
        # A run that went on keeps its records; on a new timeline they change.
        is_same = known is not None and known.timeline == run.timeline
        found, ended = _read(run, known.ended if known is not None and is_same else _Ended())
        with self._lock:
            self._found[run.pk] = _CachedTimes(mark, run.timeline, time.monotonic(), found, ended)
            self._found.move_to_end(run.pk)
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        return found


@dataclass(frozen=True)
class _CachedTimes:
    """What was read of a run, with the mark, the timeline and the moment at which it was read."""

    mark: tuple[Any, ...]
    timeline: int
    at: float
    busy: Busy
    ended: _Ended


_kept: Final = _TimesCache()
