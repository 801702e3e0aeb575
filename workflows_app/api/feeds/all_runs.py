"""The events of all runs that somebody may see, in the order in which they were written.

A place in that order is the key of the last row that was read, and the keys before it that were
missing: of transactions that were open then, whose rows come when they are committed.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Max, Q

from workflows_app.api.entry import cursors
from workflows_app.api.entry.doorway import Call
from workflows_app.api.feeds import streams, watch
from workflows_app.api.feeds.streams import Batch, Reader
from workflows_app.api.shapes import events
from workflows_app.engine.host import ports
from workflows_app.engine.run import log
from workflows_app.models import RunEvent
from workflows_app.threads import in_thread

#: Rows that are read at a time; each holds the events of one transaction.
BATCH: Final = 100
#: Seconds between two looks: another process may have written, and its news may be lost.
PACE: Final = 2.0
#: Seconds for which events gather before they are read.
PAUSE: Final = 0.05
#: Seconds for which a row that was missing may still come, and how many are waited for.
PATIENCE: Final = 600.0
MOST_MISSING: Final = 200


@dataclass
class Place:
    """Up to which row somebody has read, and which before it may still come."""

    last: int = 0
    #: Until when each is waited for.
    missing: dict[int, float] = field(default_factory=dict)
    #: A row that was read in part, and the number of the last event of it that was.
    part: tuple[int, int] | None = None

    def note(self, key: int) -> None:
        """Take a row as read."""
        if key <= self.last:
            self.missing.pop(key, None)
            return
        until = time.monotonic() + PATIENCE
        gap = range(max(self.last + 1, key - MOST_MISSING), key) if self.last else ()
        self.missing |= dict.fromkeys(gap, until)
        self.last = key

    def forget_old(self) -> None:
        """Wait no longer for what will not come: its transaction was rolled back."""
        now = time.monotonic()
        kept = {key: until for key, until in self.missing.items() if until > now}
        self.missing = dict(itertools.islice(reversed(kept.items()), MOST_MISSING))

    def cursor(self, part: tuple[int, int] | None = None) -> str:
        """Return the place as a text; `part`: with what was read of the next row."""
        return cursors.write("events", {}, [self.last, sorted(self.missing), part])

    def seen_of(self, row: RunEvent) -> int:
        """Return the number of the last event of a row that was read; 0 for none."""
        return self.part[1] if self.part is not None and self.part[0] == row.pk else 0


def place_of(after: str | None) -> Place:
    """Return the place that a text names; without one it is where the log ends now.

    Raises InvalidCursor.
    """
    if after is None:
        return Place(RunEvent.objects.aggregate(last=Max("pk"))["last"] or 0)
    last, missing, part = cursors.read("events", after).last
    until = time.monotonic() + PATIENCE
    return Place(last, dict.fromkeys(missing, until), tuple(part) if part else None)


async def followed(reader: Reader, place: Place, workflow: str | None) -> AsyncIterator[Batch]:
    """Yield events of all runs after a place, for as long as somebody reads."""
    new = asyncio.Event()
    ring = watch.ringer(new)
    unsubscribe = await in_thread(lambda: ports.hub().subscribe_feed(lambda _: ring()))()
    silent_since = time.monotonic()
    try:
        while await reader.may_go_on():
            new.clear()
            batch, is_more = await in_thread(_read)(reader.call, place, workflow)
            if batch or time.monotonic() - silent_since > streams.SILENCE:
                silent_since = time.monotonic()
                yield batch
            if not is_more:
                await streams.is_soon(new, PACE)
                await asyncio.sleep(PAUSE)
    finally:
        unsubscribe()


def _read(
    call: Call, place: Place, workflow: str | None
) -> tuple[list[tuple[str | None, Any]], bool]:
    """Return what was written since, and whether there is more."""
    place.forget_old()
    wanted = Q(pk__gt=place.last) | Q(pk__in=list(place.missing))
    rows = RunEvent.objects.filter(wanted).order_by("pk").select_related("run")
    light = rows.only("id", "run", "first_seq", "timeline", "at", "events", "run__workflow_id")
    found: list[tuple[str | None, Any]] = []
    number = 0
    for row in light[:BATCH]:
        number += 1
        shown: list[dict[str, Any]] = []
        if _is_wanted(call, row.run.workflow_id, workflow):
            seen = place.seen_of(row)
            new = [event for event in log.referring([row]) if event["seq"] > seen]
            shown = events.listed(call, row.run_id, new)
        found += [(place.cursor((row.pk, each["seq"])), each) for each in shown[:-1]]
        place.note(row.pk)
        found += [(place.cursor(), each) for each in shown[-1:]]
    return found, number == BATCH


def _is_wanted(call: Call, workflow_id: str, workflow: str | None) -> bool:
    if workflow is not None and workflow_id != workflow:
        return False
    return call.caller.knows_of(workflow_id)
