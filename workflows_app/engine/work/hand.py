"""The claims that one thread holds: it works on them in turn and records several at once.

A commit costs more than a step that does almost nothing, so a thread holds several claims of quick
steps. If one of them turns out to be slow, those that have not begun are left to other threads.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from workflows_app.engine.host import clock, ports, timers
from workflows_app.engine.record.recorder import Ended
from workflows_app.engine.record.settle import until_recorded
from workflows_app.engine.run import performing
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work.recover import hold, let_go, put_back
from workflows_app.models.sqltext import connection_here

logger = logging.getLogger(__name__)

#: The most claims that a thread holds.
MOST: Final = 16
#: How long outcomes wait for others before they are recorded, in seconds.
GATHERING: Final = 0.005
#: How long a step may take before claims that have not begun are left to others, in seconds.
PATIENCE: Final = 0.05


class Hand:
    """The claims that a thread holds: those not begun, and outcomes that are not yet recorded."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        """Hold these claims."""
        self._lock = threading.Lock()
        self._left: deque[Claim] = deque()
        self._ended: list[Ended] = []
        #: How many outcomes were taken to be recorded; as many claims may follow them.
        self._followed = 0
        #: The claim whose step is being executed and since when; None if there is none.
        self._executing: Claim | None = None
        self._began_at: float | None = None
        #: Whether its item, which was part of a stretch, has been given a snapshot meanwhile.
        self._is_written_down = False
        self._timer: timers.Timer | None = None
        self._is_over = False
        self.add(claims)

    def add(self, claims: Sequence[Claim]) -> None:
        """Hold these claims, too."""
        for claim in claims:
            hold(claim)
        with self._lock:
            self._left.extend(claims)
            if len(self._left) > 1 or any(claim.stretch is not None for claim in claims):
                self._watch()

    def offer(self, claim: Claim) -> bool:
        """Hold a claim that another thread offers, if there is room; return whether there was."""
        hold(claim)
        with self._lock:
            is_taken = self._has_room()
            if is_taken:
                self._left.append(claim)
                self._watch()
        return is_taken

    def will_have_room(self) -> bool:
        """Note that somebody waits for room; return whether there will be some soon."""
        with self._lock:
            self._watch()
            return self._has_room()

    def _has_room(self) -> bool:
        began_at = self._began_at
        is_stuck = began_at is not None and time.monotonic() - began_at >= PATIENCE
        size = len(self._left) + len(self._ended) + self._followed + (began_at is not None)
        is_full = size >= MOST
        return not (self._is_over or is_stuck or is_full)

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = timers.after(PATIENCE, self._look)

    def next(self) -> Claim | None:
        """Return the claim to execute next; None if the hand is empty, and then it stays empty."""
        with self._lock:
            held = self._left.popleft() if self._left else None
            self._is_over = held is None
            self._executing, self._is_written_down = held, False
            self._followed = 0
            self._began_at = None if held is None else time.monotonic()
            return held

    def executed(self) -> bool:
        """Note that the step has ended; return whether its item was given a snapshot meanwhile."""
        with self._lock:
            self._executing = self._began_at = None
            return self._is_written_down

    def end(self, ended: Ended) -> None:
        """Keep an outcome, to be recorded with others."""
        with self._lock:
            self._ended.append(ended)

    def take_ended(self) -> list[Ended]:
        """Take out and return the outcomes that are to be recorded."""
        with self._lock:
            ended, self._ended = self._ended, []
            self._followed = len(ended)
        return ended

    def count(self) -> int:
        """Return how many claims have not begun."""
        return len(self._left)

    def _look(self) -> None:
        with self._lock:
            began_at = self._began_at
            self._timer = None
            if self._is_over:
                return
            is_stuck = began_at is not None and time.monotonic() - began_at >= PATIENCE
            if not is_stuck and (self._left or self._ended or began_at is not None):
                self._watch()
        if is_stuck:
            self.clear(is_stuck=True)
            ports.look_again()

    def clear(self, *, is_stuck: bool = False) -> None:
        """Record what has ended and leave the rest to others, in another thread.

        `is_stuck`: an item that is being executed gets its snapshot, so that people see it.
        """
        ended = self.take_ended()
        with self._lock:
            left = list(self._left)
            self._left.clear()
            slow = self._executing if is_stuck and not self._is_written_down else None
        slow = slow if slow is not None and slow.stretch is not None else None
        if ended or left or slow:
            threading.Thread(
                target=self._put_down, args=(ended, left, slow), name="signalbox-run-rest",
                daemon=True,
            ).start()  # fmt: skip

    def _put_down(self, ended: Sequence[Ended], left: Sequence[Claim], slow: Claim | None) -> None:
        try:
            if slow is not None:
                _try(partial(self._write_down, slow))
            for claim in left:
                _try(partial(put_back, claim, now=clock.now()))
            _try(partial(until_recorded, ended))
        finally:
            for claim in (*left, *(each.claim for each in ended)):
                let_go(claim)
            connection_here().close()

    def _write_down(self, slow: Claim) -> None:
        performing.write_down(slow.run, clock.now())
        with self._lock:
            self._is_written_down = self._executing is slow

    def close(self) -> None:
        """Stop holding claims: record what has ended, and leave the rest to others."""
        with self._lock:
            self._is_over = True
            self._began_at = None
            if self._timer is not None:
                self._timer.cancel()
        self.clear()


def _try(act: Callable[[], object]) -> None:
    """Do one part of putting claims down, so that a failure keeps no other part from being done."""
    try:
        act()
    except Exception:
        logger.exception("A claim could not be given back yet; the sweep will free it.")
