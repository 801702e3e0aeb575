"""The event log of a run: appended in the transaction that makes the change, read by number."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from workflows_app.engine.run import payloads
from workflows_app.engine.run.events import Event
from workflows_app.jsontext import dumps, loads_shown
from workflows_app.models import Run, RunEvent, statements

#: Replaces a large value that was not asked for.
LEFT_OUT: Final = "(large: it is shown with its step)"


class Log:
    """The events that one transaction adds to a run's log; they become one row."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events: list[Event] = []

    def add(self, *events: Event) -> int:
        """Append events and return the number of the last one."""
        self._events.extend(events)
        return self._run.event_seq + len(self._events)

    @property
    def events(self) -> Sequence[Event]:
        """What was added so far."""
        return self._events

    def row(self, at: datetime) -> RunEvent | None:
        """Return the row to insert, and let the run's counter follow; None without events."""
        if not self._events:
            return None
        first = self._run.event_seq + 1
        self._run.event_seq += len(self._events)
        return statements.new(
            RunEvent,
            run_id=self._run.pk,
            first_seq=first,
            last_seq=self._run.event_seq,
            timeline=self._run.timeline,
            at=at,
            events=self._events,
        )


#: Compiled once, because open pages read the log again and again.
_AFTER: Final = statements.Reader(
    RunEvent, "run", and_where=" AND last_seq > %s ORDER BY first_seq LIMIT %s"
)


def read(
    run: uuid.UUID, after: int = 0, limit: int = 1000, *, is_whole: bool = True
) -> list[Event]:
    """Return the run's events that follow number `after`, oldest first, about `limit` at most.

    A transaction's events stay together, so a few more than `limit` may come. With `is_whole=False`
    large values are not read; `LEFT_OUT` replaces them.
    """
    found = read_referring(run, after, limit)
    if is_whole:
        _resolve(run, found)
    else:
        for event in found:
            event["payload"].update(dict.fromkeys(event.pop("refs", {}), LEFT_OUT))
    return found


def read_referring(run: uuid.UUID, after: int, limit: int) -> list[Event]:
    """Return what `read` does, large values as they are referred to: under `refs`, by name."""
    found: list[Event] = []
    for row in _AFTER.all(run, after, limit):
        found += [event for event in _expand(row, _public_id(run)) if event["seq"] > after]
        if len(found) >= limit:
            break
    return found


def referring(rows: Sequence[RunEvent]) -> list[Event]:
    """Return the events of these rows, of any runs, with large values as they are referred to."""
    return [event for row in rows for event in _expand(row, _public_id(row.run_id))]


def read_each(
    asked: Sequence[tuple[uuid.UUID, int]], limit: int
) -> dict[tuple[uuid.UUID, int], list[Event]]:
    """Return what `read` returns, for many runs, each after a number, mostly in one query."""
    pairs = list(dict.fromkeys(asked))
    size = next((size for size in _SIZES if size >= len(pairs)), 0)
    if len(pairs) == 1 or not size:
        return {(run, after): read(run, after, limit) for run, after in pairs}
    # Few sizes, so that few statements are prepared; the last run is repeated to fill up.
    padded = pairs + pairs[-1:] * (size - len(pairs))
    rows: dict[uuid.UUID, dict[int, RunEvent]] = {run: {} for run, _ in pairs}
    for row in _AFTER.all_of_each([(run, after, limit) for run, after in padded]):
        rows[row.run_id][row.first_seq] = row
    return {(run, after): _events_in(rows[run], run, after, limit) for run, after in pairs}


#: Numbers of runs for which there is a statement.
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64)


def _events_in(rows: Mapping[int, RunEvent], run: uuid.UUID, after: int, limit: int) -> list[Event]:
    found: list[Event] = []
    for first in sorted(rows):
        if len(found) < limit:
            found += [e for e in _expand(rows[first], _public_id(run)) if e["seq"] > after]
    _resolve(run, found)
    return found


def read_about(
    run: Run, path: str, *, since: datetime, until: datetime | None = None, limit: int = 200,
    kind: str = "",
) -> list[Event]:  # fmt: skip
    """Return the events about the step at a path, newest first.

    Only transactions between two moments are read, and of these the last `limit` that name the
    step; with `kind`, only those with an event of that type. `LEFT_OUT` replaces large values.
    """
    rows = RunEvent.objects.filter(run=run.pk, at__gte=since)
    if until is not None:
        rows = rows.filter(at__lte=until)
    rows = rows.alias(text=payloads.as_text("events")).filter(text__contains=str(dumps(path)))
    if kind:
        rows = rows.filter(text__contains=kind)
    found: list[Event] = []
    for row in rows.order_by("-first_seq")[:limit]:
        events = [event for event in _expand(row, run.run_id) if _is_about(event, path)]
        found += [event for event in reversed(events) if kind in {"", event["type"]}]
    for event in found:
        event["payload"].update(dict.fromkeys(event.pop("refs", {}), LEFT_OUT))
    return found


def _is_about(event: Event, path: str) -> bool:
    return bool(event["payload"].get("path") == path)


@dataclass(frozen=True, slots=True)
class Plain:
    """One transaction's events as stored, without large values.

    The first of them has the number `first`, the others follow.
    """

    first: int
    timeline: int
    at: datetime
    events: list[Event]


def read_plain(run: uuid.UUID, until: int, after: int = 0) -> Iterator[Plain]:
    """Yield the run's transactions, oldest first, with event numbers in (`after`, `until`].

    The first may also hold earlier events, and the last later ones.
    """
    rows = RunEvent.objects.filter(run=run, first_seq__lte=until, last_seq__gt=after)
    found = rows.order_by("first_seq").values_list("first_seq", "timeline", "at", "events")
    for first, timeline, at, events in found.iterator(chunk_size=500):
        yield Plain(first, timeline, at, events)


@lru_cache(maxsize=4096)
def _public_id(run: uuid.UUID) -> str:
    """Return the public id of a run."""
    return Run.objects.values_list("run_id", flat=True).get(pk=run)


def _expand(row: RunEvent, public_id: str) -> Iterator[Event]:
    for offset, event in enumerate(row.events):
        yield {
            "type": event["type"],
            "run_id": public_id,
            "seq": row.first_seq + offset,
            "timeline": row.timeline,
            "at": row.at.isoformat().replace("+00:00", "Z"),
            "from": "WORKFLOW",
            "payload": event["payload"],
            **({"refs": event["refs"]} if "refs" in event else {}),
        }


def _resolve(run: uuid.UUID, events: list[Event]) -> None:
    """Replace references by the large values that they name."""
    wanted = {ref for event in events for ref in event.get("refs", {}).values()}
    if not wanted:
        return
    texts = payloads.resolve(run, wanted)
    for event in events:
        for name, ref in event.pop("refs", {}).items():
            event["payload"][name] = loads_shown(texts[ref])
