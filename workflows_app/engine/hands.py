"""What a thread holds that works on several claims in turn, and records what came of them at once.

A commit costs more than a step that does next to nothing. So claims of quick steps are held
together; those of steps that turn out slow are recorded one by one, and what has not begun after a
moment is left to others.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from django.db import connection

from workflows_app.definition import registry
from workflows_app.engine import clock, failing, paces, ports, timers
from workflows_app.engine.claims import Claim
from workflows_app.engine.execute import Done, execute
from workflows_app.engine.recover import keep, let_go, lose, put_back, release
from workflows_app.engine.settle import settle_until_recorded
from workflows_app.errors import LostLease
from workflows_app.planner.outcomes import Outcome

Ended = tuple[Claim, Outcome]

logger = logging.getLogger(__name__)

#: Claims at most that a thread holds.
MOST: Final = 16
#: Seconds that outcomes wait for others before they are recorded.
GATHERING: Final = 0.005
#: Seconds after which what has not begun is left to others, because one step takes so long.
PATIENCE: Final = 0.05


class Hand:
    """The claims that a thread holds: those it has not begun with, those that wait for others."""

    def __init__(
        self, claims: Sequence[Claim], record: Callable[[Sequence[Ended]], object]
    ) -> None:
        """`record` records what ended while another step takes long; nothing goes on from it."""
        self._lock = threading.Lock()
        self._record = record
        self._left: deque[Claim] = deque()
        self._ended: list[Ended] = []
        #: How many have left and may be followed by as many.
        self._followed = 0
        #: When the step was begun that is being executed; None: none is.
        self._began_at: float | None = None
        self._timer: timers.Timer | None = None
        self._is_over = False
        self.add(claims)

    def add(self, claims: Sequence[Claim]) -> None:
        """Hold these too."""
        for claim in claims:
            keep(claim)
        with self._lock:
            self._left.extend(claims)
            if len(self._left) > 1:
                self._watch()

    def offer(self, claim: Claim) -> bool:
        """Hold this too, which another thread offers; return whether that was done."""
        keep(claim)
        with self._lock:
            is_taken = self._has_room()
            if is_taken:
                self._left.append(claim)
                self._watch()
        return is_taken

    def awaits(self) -> bool:
        """Note that somebody waits until there is room; return whether there will be soon."""
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
        """Return the claim to begin with; None: the hand is empty, and stays so."""
        with self._lock:
            held = self._left.popleft() if self._left else None
            self._is_over = held is None
            self._followed = 0
            self._began_at = None if held is None else time.monotonic()
            return held

    def executed(self) -> None:
        """Note that no step is being executed any more."""
        self._began_at = None

    def end(self, held: Claim, outcome: Outcome) -> None:
        """Note what came of one, to be recorded with others."""
        with self._lock:
            self._ended.append((held, outcome))

    def take_ended(self) -> list[Ended]:
        """Return what is to be recorded, which is not here any more."""
        with self._lock:
            ended, self._ended = self._ended, []
            self._followed = len(ended)
        return ended

    def count(self) -> int:
        """Return how many have not begun."""
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
            self.clear()
            ports.look_again()

    def clear(self) -> None:
        """Have recorded what has ended, and leave the rest to others; keeps nobody waiting."""
        ended = self.take_ended()
        with self._lock:
            left = list(self._left)
            self._left.clear()
        if ended or left:
            threading.Thread(
                target=self._put_down, args=(ended, left), name="signalbox-run-rest", daemon=True
            ).start()

    def _put_down(self, ended: Sequence[Ended], left: Sequence[Claim]) -> None:
        try:
            for claim in left:
                put_back(claim, now=clock.now())
            self._record(ended)
        except Exception:
            logger.exception("Steps could not be put down yet; the sweep frees them.")
        finally:
            for claim in (*left, *(held for held, _ in ended)):
                let_go(claim)
            connection.close()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            self._is_over = True
            self._began_at = None
            if self._timer is not None:
                self._timer.cancel()
        self.clear()


class Shift(ABC):
    """One thread's work on the claims in its hand, and on what follows them."""

    def __init__(self, hand: Hand, is_over: Callable[[], bool]) -> None:
        """`is_over` says whether what follows is to be left to others."""
        self.hand = hand
        self.is_over = is_over
        self._held: Claim | None = None

    def work(self) -> None:
        """Work until the hand is empty. Raises what `execute` raises; then the rest is put down."""
        gathering_since = None
        try:
            while (held := self.hand.next()) is not None:
                self._held = held
                began = time.monotonic()
                self._execute_or_fail(held)
                self._held = None
                gathering_since = gathering_since or began
                if not self.hand.count() or time.monotonic() - gathering_since > GATHERING:
                    gathering_since = None
                    self.record()
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self.hand.close()

    def _execute_or_fail(self, held: Claim) -> None:
        """Execute a step; one at which our own code fails does so with that error."""
        try:
            self._execute(held)
        except Exception as error:
            if failing.is_away(error):
                raise
            self.hand.executed()
            try:
                failing.fail(held, error)
            except LostLease as lost:
                logger.warning("%s", lost)
            let_go(held)

    def _execute(self, held: Claim) -> None:
        began = time.monotonic()
        done = execute(registry.get(held.workflow_id).tree, held)
        self.hand.executed()
        paces.note(held, time.monotonic() - began)
        if done.said or not self.is_plain(held, done.outcome):
            self.record_alone(held, done)
        else:
            self.hand.end(held, done.outcome)

    @abstractmethod
    def is_plain(self, held: Claim, outcome: Outcome) -> bool:
        """Return whether an outcome can be recorded together with others."""

    @abstractmethod
    def record_alone(self, held: Claim, done: Done) -> None:
        """Record what cannot wait for others."""

    @abstractmethod
    def record(self) -> None:
        """Record what has ended, and hold what follows it."""

    def _give_up(self, error: BaseException) -> None:
        """Free the step that was interrupted."""
        if self._held is None:
            return
        if isinstance(error, Exception):
            release(self._held, now=clock.now(), cause=error)
        else:
            lose(self._held, error, now=clock.now())
        let_go(self._held)


def settle_alone(held: Claim, done: Done, *, go_on: bool) -> Claim | None:
    """Record one outcome, and hold its claim no more; one whose lease was lost is dropped."""
    try:
        return settle_until_recorded(held, done.outcome, go_on=go_on, events=done.said)
    except LostLease as lost:
        logger.warning("%s", lost)
        return None
    finally:
        let_go(held)
