"""What must be true of one run, judged only by its events. Nothing here reads anything."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]

#: Events that say when a step may go on, and under which name.
_DUE = {"workflow-step-waiting": "resume_at", "workflow-step-retry": "next_attempt_at"}
#: Events that say when it did.
_WENT_ON = {"workflow-step-start": "started_at", "workflow-step-result": "ended_at"}


def has_gaps(events: Sequence[Event], last: int) -> bool:
    """Return whether a number is missing, or there twice, between 1 and `last`."""
    return [event["seq"] for event in events] != list(range(1, last + 1))


def recorded_twice(events: Iterable[Event]) -> list[str]:
    """Return the path of a step once for each result that it has beyond one on a timeline."""
    results = Counter(
        (event["timeline"], event["payload"]["path"])
        for event in events
        if event["type"] == "workflow-step-result"
    )
    return [path for (_, path), count in results.items() for _ in range(count - 1)]


def too_early(events: Iterable[Event]) -> list[str]:
    """Return the paths of sleeps and retries that went on before they were due."""
    due: dict[str, datetime] = {}
    found = []
    for event in events:
        kind, told = event["type"], event["payload"]
        if kind in _DUE:
            due[told["path"]] = datetime.fromisoformat(told[_DUE[kind]])
        elif kind in _WENT_ON and told.get("status") != "canceled":
            at = due.pop(told["path"], None)
            if at is not None and datetime.fromisoformat(told[_WENT_ON[kind]]) < at:
                found.append(told["path"])
    return found


def answered_twice(events: Iterable[Event]) -> list[str]:
    """Return the paths of steps that were answered without having asked since."""
    asking: set[str] = set()
    found = []
    for event in events:
        told = event["payload"]
        if event["type"] == "workflow-step-suspended":
            asking.add(told["path"])
        elif event["type"] == "workflow-resumed":
            paths = told.get("paths") or [told["path"]]
            found += [path for path in paths if path not in asking]
            asking -= set(paths)
    return found


def without_hook(events: Iterable[Event], called: Collection[int]) -> list[int]:
    """Return the numbers of settlings whose hook was never called."""
    finished = (event["seq"] for event in events if event["type"] == "workflow-finish")
    return [seq for seq in finished if seq not in called]
