"""Counts of rare events in this process: lost races, late results, recovered steps.

They are counted only where they happen, so that the usual path costs nothing. None of them is an
error, but a path that is never taken is a path that no test has tried.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final


class Rare(StrEnum):
    """What is counted, with the name in reports."""

    #: A result came whose claim another worker had taken over, or whose run was gone.
    LATE_RESULT_DROPPED = "late_result_dropped"
    #: A result came again that its own claim had recorded already.
    RECORDED_BEFORE = "recorded_before"
    #: The run had changed since it was read, so a change was made again under the lock.
    GUARD_REFUSED = "guard_refused"
    #: The same by a shortcut: the reference records it.
    SHORTCUT_REFUSED = "shortcut_refused"
    #: Items of a foreach could not be recorded by their one statement.
    ITEMS_REFUSED = "items_refused"
    #: Outcomes of several runs had to be recorded one by one.
    RECORDED_APART = "recorded_apart"
    #: The database was away, so the worker kept a result and waited.
    RESULT_KEPT = "result_kept"
    #: Another worker was faster to claim a step.
    CLAIM_LOST = "claim_lost"
    #: A claim was given back before its attempt had begun.
    CLAIM_PUT_BACK = "claim_put_back"
    #: A claim was given back because its attempt was interrupted.
    CLAIM_RELEASED = "claim_released"
    #: A lost step was freed, because its worker had stopped or was silent for a lease.
    RECOVERED_FROM_STOPPED = "recovered_from_stopped"
    RECOVERED_FROM_SILENT = "recovered_from_silent"
    #: A claim was freed that the database had recorded and no thread knew.
    ORPHAN_FREED = "orphan_freed"
    #: A claim could not be transferred, or arrived too late.
    TRANSFER_LOST = "transfer_lost"
    HANDOVER_LATE = "handover_late"
    #: A hint was older than a look for work that had found nothing.
    HINT_STALE = "hint_stale"
    #: A hint was given again by the sweep.
    HINT_REPEATED = "hint_repeated"


_lock: Final = threading.Lock()
_counts: Final[Counter[Rare]] = Counter()
_listeners: Final[list[Callable[[Rare, int], object]]] = []


def note(what: Rare, times: int = 1) -> None:
    """Count an event that has just happened, unless `times` is 0. Never raises."""
    if times < 1:
        return
    with _lock:
        _counts[what] += times
    for listener in _listeners:
        with suppress(Exception):  # a failed count must not stop the work
            listener(what, times)


def counts() -> Mapping[Rare, int]:
    """Return how often each has happened since the process began, 0 included."""
    with _lock:
        return {what: _counts[what] for what in Rare}


def listen(listener: Callable[[Rare, int], object]) -> None:
    """Call a function at each event, with the number of times; it must be quick."""
    _listeners.append(listener)
