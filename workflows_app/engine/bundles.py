"""Quick items of a foreach: one thread takes several of them with one commit.

A commit costs more than a step that does next to nothing, and all items of a list take turns at
their run's row. So a thread whose items were quick holds a few at a time, works through them, and
records them together. Items that turn out slow are recorded one by one, and those that have not
begun after a moment are left to others; so are all when the run is being canceled.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from django.db import connection

from workflows_app.definition import BODY, Graph, Kind
from workflows_app.engine import attempts, clock, express, express_items, timers
from workflows_app.engine.claim import claim_items
from workflows_app.engine.claims import Claim
from workflows_app.engine.execute import Done, execute
from workflows_app.engine.recover import keep, let_go, release
from workflows_app.engine.settle import settle_items, settle_until_recorded
from workflows_app.engine.transactions import mend_connection
from workflows_app.errors import LostLease
from workflows_app.planner.outcomes import Outcome

_Ended = tuple[Claim, Outcome]

logger = logging.getLogger(__name__)

#: Seconds that an item of a list may take so that a thread holds several of them.
QUICK: Final = 0.002
#: Items at most that it holds, and the part of the list's concurrency that is its share.
MOST: Final = 16
SHARE: Final = 8
#: Seconds that items which have ended wait for others before they are recorded.
GATHERING: Final = 0.005
#: Seconds after which items that have not begun are left to others, because one takes so long.
PATIENCE: Final = 0.05
#: How often a thread looks for more items than follow those that it has ended.
LOOKS: Final = 4

#: Seconds that an item of a list took lately, by workflow and place: slow ones count at once.
_paces: Final[dict[tuple[str, str], float]] = {}


def is_possible(graph: Graph, held: Claim) -> bool:
    """Return whether a claim is a plain item of a foreach at the root, on PostgreSQL."""
    if not held.base_path.endswith(BODY) or "." in held.base_path or held.is_resuming:
        return False
    node = graph.nodes[held.base_path]
    container = graph.nodes[held.base_path.removesuffix(BODY)]
    is_plain = node.kind is Kind.STEP and node.step is not None and not node.step.atomic
    is_list = container.kind is Kind.FOREACH
    return is_plain and is_list and express.is_open and express.is_here()


class _Hand:
    """The items that a thread holds: those it has not begun with, those that wait for others."""

    def __init__(self, first: Claim) -> None:
        self._lock = threading.Lock()
        self._left: deque[Claim] = deque()
        self._ended: list[_Ended] = []
        #: When the item was begun that is being executed; None: none is.
        self._began_at: float | None = None
        self._timer: timers.Timer | None = None
        self._is_over = False
        self.add([first])

    def add(self, claims: Sequence[Claim]) -> None:
        """Hold these too."""
        for claim in claims:
            keep(claim)
        with self._lock:
            self._left.extend(claims)
            if self._timer is None and len(self._left) > 1:
                self._timer = timers.after(PATIENCE, self._look)

    def next(self) -> Claim | None:
        """Return the item to begin with."""
        with self._lock:
            held = self._left.popleft() if self._left else None
            self._began_at = None if held is None else time.monotonic()
            return held

    def executed(self) -> None:
        """Note that the item is not being executed any more."""
        self._began_at = None

    def end(self, held: Claim, outcome: Outcome) -> None:
        """Note what came of one, to be recorded with others."""
        with self._lock:
            self._ended.append((held, outcome))

    def take_ended(self) -> list[_Ended]:
        """Return what is to be recorded, which is not here any more."""
        with self._lock:
            ended, self._ended = self._ended, []
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
            if not is_stuck or not (self._left or self._ended):
                self._timer = timers.after(PATIENCE, self._look)
                return
        self.clear()

    def clear(self) -> None:
        """Have recorded what has ended, and leave the rest to others; keeps nobody waiting."""
        ended = self.take_ended()
        with self._lock:
            left = list(self._left)
            self._left.clear()
        if ended or left:
            threading.Thread(
                target=_put_down, args=(ended, left), name="signalbox-run-items", daemon=True
            ).start()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()
        self.clear()


def _put_down(ended: Sequence[_Ended], left: Sequence[Claim]) -> None:
    try:
        for claim in left:
            release(claim, now=clock.now())
        settle_items(ended, go_on=False)
    except Exception:
        logger.exception("Items could not be put down yet; the sweep frees them.")
    finally:
        for claim in (*left, *(held for held, _ in ended)):
            let_go(claim)
        connection.close()


def work(graph: Graph, first: Claim, is_over: Callable[[], bool]) -> Claim | None:
    """Work on an item and on those that follow it; return a claim to go on with that is no item.

    `is_over` says whether what follows is to be left to others. Raises what `execute` raises,
    once all that has ended is recorded and the rest is free again.
    """
    hand = _Hand(first)
    with attempts.running(first.run) as watch:
        watch.signal.on_abort(hand.clear)
        shift = _Shift(graph, hand, is_over)
        try:
            return shift.work()
        except BaseException:
            shift.give_up()
            raise
        finally:
            hand.close()


class _Shift:
    """One thread's work on the items of one list."""

    def __init__(self, graph: Graph, hand: _Hand, is_over: Callable[[], bool]) -> None:
        self._graph = graph
        self._hand = hand
        self._is_over = is_over
        self._held: Claim | None = None
        #: What follows the list.
        self._after: Claim | None = None
        self._looks = LOOKS

    def work(self) -> Claim | None:
        """Work until no item is left, and return what follows the list, if this thread has it."""
        gathering_since = None
        while (held := self._hand.next()) is not None:
            self._held = held
            began = time.monotonic()
            done = execute(self._graph, held)
            self._hand.executed()
            mend_connection()
            now = time.monotonic()
            _note(held, now - began)
            if done.said or not express_items.is_plain(self._graph, held, done.outcome):
                self._go_on([self._record_alone(held, done)])
            else:
                self._hand.end(held, done.outcome)
            self._held = None
            gathering_since = gathering_since or began
            if not self._hand.count() or now - gathering_since > GATHERING:
                gathering_since = None
                self._record()
        return self._after

    def _record_alone(self, held: Claim, done: Done) -> Claim | None:
        try:
            return settle_until_recorded(
                held, done.outcome, go_on=not self._is_over(), events=done.said
            )
        except LostLease as lost:
            logger.warning("%s", lost)
            return None
        finally:
            let_go(held)

    def _record(self) -> None:
        ended = self._hand.take_ended()
        if not ended:
            return
        go_on = not self._is_over()
        try:
            following = settle_items(ended, go_on=go_on)
        finally:
            for held, _ in ended:
                let_go(held)
        self._go_on(following)
        if go_on and self._looks and self._hand.count() > 0:
            self._look_for_more(ended[-1][0])

    def _go_on(self, following: Sequence[Claim | None]) -> None:
        items = [each for each in following if each is not None and is_possible(self._graph, each)]
        self._hand.add(items)
        for each in following:
            if each is not None and each not in items:
                self._after = each

    def _look_for_more(self, like: Claim) -> None:
        missing = _share(self._graph, like) - self._hand.count()
        if missing > 0:
            self._looks -= 1
            self._hand.add(claim_items(like, missing))

    def give_up(self) -> None:
        """Free the item that was interrupted."""
        if self._held is not None:
            release(self._held, now=clock.now())
            let_go(self._held)


def _share(graph: Graph, held: Claim) -> int:
    """Return how many items one thread may hold, as quick as they were lately."""
    window = graph.nodes[held.base_path.removesuffix(BODY)].concurrency
    pace = _paces.get((held.workflow_id, held.base_path), QUICK)
    if not isinstance(window, int) or pace >= QUICK:
        return 1
    return max(min(window // SHARE, MOST), 1)


def _note(held: Claim, seconds: float) -> None:
    key = (held.workflow_id, held.base_path)
    before = _paces.get(key, seconds)
    _paces[key] = max(seconds, 0.8 * before + 0.2 * seconds)
