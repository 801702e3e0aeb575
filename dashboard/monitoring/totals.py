"""The counts of all runs: what is written down, and what came to the log since.

Nothing is counted where runs are worked on. Whoever is asked for the counts reads the records that
came since the last that was counted in, and lets a thread count many of them in for good.

A record may become visible after later ones, since its transaction took longer. So records are
counted in only once every transaction has ended that was open when they were there; until then each
reader counts them again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Final

from django.db.models import Max

from workflows_app.engine.host import transactions
from workflows_app.engine.run import payloads
from workflows_app.models import RunEvent, StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.enter import DEFAULT_QUEUE

from . import seeding
from .counting import START_TIME as START
from .counting import Began, Counts, Record, add_time, count, read, written
from .models import ONLY, Totals

logger = logging.getLogger(__name__)

#: Records that are read for one answer at most: of more, the others are in the next one.
MOST_READ: Final = 20_000
#: From so many on they are counted in for good.
MANY: Final = 200
#: Records that are counted in by one transaction.
BATCH: Final = 2000
#: Seconds for which the first answer waits for the counts of what was there before.
PATIENCE: Final = 1.0
#: Seconds between looks whether open transactions have ended, and after which they are passed over.
LOOK_SECONDS: Final = 1.0
PASSED_OVER: Final = 600.0
#: Looks that a thread takes before it leaves the rest to the next.
LOOKS: Final = 20


def current() -> Counts | None:
    """Return the counts as the database has them now; None while they are made the first time."""
    row = Totals.objects.filter(pk=ONLY).first() or _made()
    if row is None:
        return None
    counts = read(row.counts)
    number = 0
    records: list[Record] = []
    for _, record in _records(row.counted_to, MOST_READ):
        records.append(record)
        number += 1
    counts.update(_counted(records))
    if number >= MANY:
        folding.begin()
    return counts


def _made() -> Totals | None:
    """Make the row, for what was there before anybody asked."""
    if transactions.is_inside_testcase():
        seeding.seed()
    else:
        seeding_thread.begin().join(PATIENCE)
    return Totals.objects.filter(pk=ONLY).first()


def _counted(records: list[Record]) -> Counts:
    counts, began = count(records)
    queues = _queues(began)
    for first in began:
        queue = queues.get((first.run, first.path), DEFAULT_QUEUE)
        add_time(counts, START, queue, first.seconds)
    return counts


def _queues(began: list[Began]) -> dict[tuple[object, str], str]:
    """Return the queue of each first step, by run and path."""
    found: dict[tuple[object, str], str] = {}
    for start in range(0, len(began), 500):
        part = began[start : start + 500]
        steps = StepSnapshot.objects.filter(
            run__in=[first.run for first in part],
            path__in={first.path for first in part},
            superseded_on__isnull=True,
        ).exclude(queue=DEFAULT_QUEUE)
        for run, path, queue in steps.order_by().values_list("run", "path", "queue"):
            found[run, path] = queue
    return found


def _records(after: int, limit: int, until: int | None = None) -> Iterator[tuple[int, Record]]:
    """Yield the records that follow one, with their keys, in the order of their keys."""
    rows = RunEvent.objects.filter(pk__gt=after)
    if until is not None:
        rows = rows.filter(pk__lte=until)
    fields = ("run", "run__workflow", "first_seq", "at")
    known = ("run__started_at", "run__idle")
    found = rows.annotate(text=payloads.as_text("events")).order_by("pk")
    for pk, run, workflow, first, at, text, started_at, idle in found.values_list(
        "pk", *fields, "text", *known
    )[:limit]:
        yield pk, Record(run, workflow, first, at, text, started_at, idle)


def fold(until: int) -> int:
    """Count the next records in for good, up to this key; return how many there were.

    One process does it at a time: the row is locked.
    """
    with transactions.atomic():
        row = Totals.objects.select_for_update().filter(pk=ONLY).first()
        if row is None:
            return 0
        pairs = list(_records(row.counted_to, BATCH, until))
        if pairs:
            counts = read(row.counts)
            counts.update(_counted([record for _, record in pairs]))
            row.counts, row.counted_to = written(counts), pairs[-1][0]
            row.save()
    return len(pairs)


class Horizon:
    """Up to which key no record can come any more."""

    def __init__(self) -> None:
        #: A key, the first transaction that began after it was seen, and when that was.
        self._seen: tuple[int, int, float] | None = None

    def reached(self) -> int | None:
        """Return the key, if it is known by now; None: some transactions are still open."""
        if connection_here().vendor != "postgresql":
            return self._last()  # one writes at a time, so keys come in order
        if self._seen is None:
            last = self._last()
            time.sleep(LOOK_SECONDS)  # a key is given a moment before its transaction has a number
            self._seen = last, self._transactions()[1], time.monotonic()
        last, first_after, at = self._seen
        if self._transactions()[0] < first_after and time.monotonic() - at < PASSED_OVER:
            return None
        self._seen = None
        return last

    def _last(self) -> int:
        return RunEvent.objects.aggregate(last=Max("pk"))["last"] or 0

    def _transactions(self) -> tuple[int, int]:
        """Return the oldest transaction that is open, and the one that will come next."""
        with connection_here().cursor() as cursor:
            cursor.execute(
                "SELECT pg_snapshot_xmin(now)::text::bigint, pg_snapshot_xmax(now)::text::bigint "
                "FROM pg_current_snapshot() AS now"
            )
            oldest, following = cursor.fetchone()
        return int(oldest), int(following)


class Background:
    """Work that is done in a thread, by one thread at a time, whoever asks for it."""

    def __init__(self, name: str) -> None:
        self._name = f"signalbox-{name}"
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> threading.Thread:
        """Start the thread, unless it runs; return it."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - the next who asks tries again
            logger.warning("Totals could not be written (%s); trying again when asked.", error)
        finally:
            connection_here().close()

    def work(self) -> None:
        """Do it."""
        raise NotImplementedError


class Seeding(Background):
    """Counts what was there before anybody asked."""

    def work(self) -> None:
        """Make the row of totals."""
        seeding.seed()


class Folding(Background):
    """Counts records in for good."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._horizon = Horizon()

    def work(self) -> None:
        """Count in what can be, and wait a while for what cannot yet."""
        for _ in range(LOOKS):
            until = self._horizon.reached()
            if until is not None:
                while fold(until):
                    pass
                return
            time.sleep(LOOK_SECONDS)


seeding_thread: Final = Seeding("totals-seed")
folding: Final = Folding("totals")
