"""The event log of a run: appended in the transaction that makes the change, read by number."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from workflows_app.engine import payloads
from workflows_app.jsontext import Raw, dumps, loads_shown
from workflows_app.models import Run, RunEvent, statements

Event = dict[str, Any]

#: What stands for a large value where it was not asked for.
LEFT_OUT: Final = "(large: it is shown with its step)"


class Log:
    """The events that one transaction adds to a run's log; they become one row."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._events: list[Event] = []

    def add(self, kind: str, payload: Mapping[str, Any], refs: Mapping[str, str] = {}) -> int:
        """Append an event and return its number.

        A value of `payload` that is large is left out when `refs` says where else it stands.
        """
        event: Event = {"type": kind, "payload": dict(payload)}
        moved = {
            name: ref
            for name, ref in refs.items()
            if ref and isinstance(payload.get(name), Raw) and payloads.is_large(payload[name])
        }
        if moved:
            event["refs"] = moved
            for name in moved:
                del event["payload"][name]
        self._events.append(event)
        return self._run.event_seq + len(self._events)

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


#: Open pages read the log again and again, so that its statement is written once.
_AFTER: Final = statements.Reader(
    RunEvent, "run", and_where=" AND last_seq > %s ORDER BY first_seq LIMIT %s"
)


def read(
    run: uuid.UUID, after: int = 0, limit: int = 1000, *, is_whole: bool = True
) -> list[Event]:
    """Return the run's events that follow number `after`, oldest first, about `limit` at most.

    A transaction's events are never torn apart, so a few more than `limit` may come. With
    `is_whole=False` the words `LEFT_OUT` stand in the place of large values, which are not read.
    """
    found: list[Event] = []
    for row in _AFTER.all(run, after, limit):
        found += [event for event in _expand(row, _public_id(run)) if event["seq"] > after]
        if len(found) >= limit:
            break
    if is_whole:
        _resolve(run, found)
    else:
        for event in found:
            event["payload"].update(dict.fromkeys(event.pop("refs", {}), LEFT_OUT))
    return found


def read_each(
    asked: Sequence[tuple[uuid.UUID, int]], limit: int
) -> dict[tuple[uuid.UUID, int], list[Event]]:
    """Return what `read` does, for many runs at once, each after a number; mostly one query."""
    pairs = list(dict.fromkeys(asked))
    size = next((size for size in _SIZES if size >= len(pairs)), 0)
    if len(pairs) == 1 or not size:
        return {(run, after): read(run, after, limit) for run, after in pairs}
    # Few sizes, so that few statements are kept prepared; of the last run it is read again.
    padded = pairs + pairs[-1:] * (size - len(pairs))
    rows: dict[uuid.UUID, dict[int, RunEvent]] = {run: {} for run, _ in pairs}
    for row in _AFTER.all_of_each([(run, after, limit) for run, after in padded]):
        rows[row.run_id][row.first_seq] = row
    return {(run, after): _events_in(rows[run], run, after, limit) for run, after in pairs}


#: For so many runs at once there is a statement.
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
    """Return the events that tell of the step at a path, newest first, from some transactions.

    Only what was told between two moments is looked at, and of it the last `limit` transactions
    that name the step; with `kind`, those that hold an event of that type. The words `LEFT_OUT`
    stand in the place of large values.
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
    """One transaction's events as they stand: large values are left out.

    The first of them has the number `first`, the others follow.
    """

    first: int
    timeline: int
    at: datetime
    events: list[Event]


def read_plain(run: uuid.UUID, until: int, after: int = 0) -> Iterator[Plain]:
    """Yield the run's transactions, oldest first, whose events have numbers in (`after`, `until`].

    The last may hold later events, too, and the first earlier ones.
    """
    rows = RunEvent.objects.filter(run=run, first_seq__lte=until, last_seq__gt=after)
    found = rows.order_by("first_seq").values_list("first_seq", "timeline", "at", "events")
    for first, timeline, at, events in found.iterator(chunk_size=500):
        yield Plain(first, timeline, at, events)


@lru_cache(maxsize=4096)
def _public_id(run: uuid.UUID) -> str:
    """Return the id that a run has for ever."""
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
    """Put large values where their references stood."""
    wanted = {ref for event in events for ref in event.get("refs", {}).values()}
    if not wanted:
        return
    texts = payloads.resolve(run, wanted)
    for event in events:
        for name, ref in event.pop("refs", {}).items():
            event["payload"][name] = loads_shown(texts[ref])
