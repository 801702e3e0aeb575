"""How often rare things have happened in this process: lost races, late results, what was found.

They are counted where they happen and nowhere else, so that the usual way pays nothing. Each one
is right as it is; a path that is never taken is a path that nobody has tried.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final


class Rare(StrEnum):
    """What is counted, by the name under which it is reported."""

    #: A result came whose claim another worker had taken over, or whose run was gone.
    LATE_RESULT_DROPPED = "late_result_dropped"
    #: A result was brought again that its own claim had recorded already.
    RECORDED_BEFORE = "recorded_before"
    #: The run was written to since it was read: a change was made again under the lock.
    GUARD_REFUSED = "guard_refused"
    #: The same on the express lane: the caller takes the plain way.
    EXPRESS_REFUSED = "express_refused"
    #: Items of a foreach could not be recorded by their one statement.
    ITEMS_REFUSED = "items_refused"
    #: Outcomes that were to be recorded together were recorded one by one.
    RECORDED_APART = "recorded_apart"
    #: The database was away when a result was to be recorded: the worker keeps it, and waits.
    RESULT_KEPT = "result_kept"
    #: Somebody else was faster to claim a step.
    CLAIM_LOST = "claim_lost"
    #: A claim was given back before its attempt had begun.
    CLAIM_PUT_BACK = "claim_put_back"
    #: A claim was given back because its attempt was interrupted.
    CLAIM_RELEASED = "claim_released"
    #: A lost step was freed: its worker is known to have stopped, or was silent for a lease.
    RECOVERED_FROM_STOPPED = "recovered_from_stopped"
    RECOVERED_FROM_SILENT = "recovered_from_silent"
    #: A claim that the database had recorded, and that no thread knew, was freed.
    ORPHAN_FREED = "orphan_freed"
    #: A claim could not be handed over, or came too late.
    HANDOVER_LOST = "handover_lost"
    HANDOVER_LATE = "handover_late"
    #: A hint was older than a look that had found nothing.
    HINT_STALE = "hint_stale"
    #: A hint was given again by the sweep.
    HINT_REPEATED = "hint_repeated"


_lock: Final = threading.Lock()
_counts: Final[Counter[Rare]] = Counter()
_listeners: Final[list[Callable[[Rare, int], object]]] = []


def note(what: Rare, times: int = 1) -> None:
    """Count what has just happened; nothing where it happened 0 times. Never raises."""
    if times < 1:
        return
    with _lock:
        _counts[what] += times
    for listener in _listeners:
        with suppress(Exception):  # what it cannot count is no reason to stop what counts
            listener(what, times)


def counts() -> Mapping[Rare, int]:
    """Return how often each has happened since the process began; 0 for what never did."""
    with _lock:
        return {what: _counts[what] for what in Rare}


def listen(listener: Callable[[Rare, int], object]) -> None:
    """Have a function called at each of them, with how often; it must be quick."""
    _listeners.append(listener)
