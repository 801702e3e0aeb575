"""A shift: one thread takes several quick steps in turn and records them with one commit.

There are two kinds. A shift on a list takes items of one `foreach`, because all items of a list
wait for the lock of the same run. A shift on runs takes one step from each of several runs; other
runs that wait in the same lane join it, because more threads would only wait for the interpreter's
lock, each with its own commit. If a step turns out to be slow, the rest is left to other threads.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from django.db import Error

from workflows_app.definition import BODY, Node, registry
from workflows_app.engine.host import clock
from workflows_app.engine.record import chain, items
from workflows_app.engine.record.recorder import Ended
from workflows_app.engine.record.settle import until_recorded
from workflows_app.engine.run import failing
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work import attempts, hand, speeds
from workflows_app.engine.work.claim import claim_items, claim_like
from workflows_app.engine.work.execute import execute
from workflows_app.engine.work.hand import GATHERING, Hand
from workflows_app.engine.work.recover import let_go, lose, release
from workflows_app.errors import LostLease
from workflows_app.models.sqltext import connection_here
from workflows_app.planner import plain

logger = logging.getLogger(__name__)

#: How long the steps of several runs may take before they are recorded, in seconds.
BATCH: Final = 0.004
#: How long a thread lets runs gather that are known to wait before it takes them, in seconds.
PAUSE: Final = 0.01
#: How long until it looks for waiting runs although it knows of none, in seconds.
UNTOLD: Final = 0.2
#: One thread's share of a list is at most its concurrency divided by this: while one thread waits
#: for the database, the others have work.
SHARE: Final = 2
#: How many times a thread looks for items besides those that follow its own.
LOOKS: Final = 4

_lock = threading.Lock()
#: The shifts on runs in this process, by lane.
_shifts: Final[dict[int, set["_OnRuns"]]] = {}


def takes(lane: int) -> bool:
    """Return whether a thread will soon take what waits in this lane; see `chain.lane_key`.

    If so, no other thread needs to be woken for it.
    """
    return any(shift.takes() for shift in _at(lane))


def give(held: Claim) -> bool:
    """Give a claim to a thread that works on the same lane; return whether one had room."""
    if not is_on_runs(held):
        return False
    lane = chain.lane_key(held.workflow_id, held.path, held.queue)
    return any(shift.hand.offer(held) for shift in _at(lane))


def _at(lane: int) -> list["_OnRuns"]:
    with _lock:
        return list(_shifts.get(lane, ()))


def is_on_runs(held: Claim) -> bool:
    """Return whether a shift on runs may begin with this claim, because it is quick and plain."""
    if _share_of_runs(held) == 1 or not chain.is_possible_for(held):
        return False
    return _may_share(registry.get(held.workflow_id).tree.nodes[held.base_path])


def is_on_items(held: Claim) -> bool:
    """Return whether a shift on a list may begin with this claim."""
    found = plain.items_of(registry.get(held.workflow_id).tree, held.base_path)
    if found is None or held.is_resuming or not _may_share(found.body):
        return False
    return chain.commits_at_once()


def on_runs(first: Claim, is_over: Callable[[], bool]) -> None:
    """Work on a claim, on others of its lane, and on quick and plain steps that follow.

    `is_over` says whether what follows is to be left to others. Raises what `execute` raises, after
    everything that has ended is recorded and the rest is free again.
    """
    shift = _OnRuns(first, is_over)
    with _lock:
        _shifts.setdefault(shift.lane, set()).add(shift)
    try:
        shift.work()
    finally:
        with _lock:
            _shifts[shift.lane].discard(shift)


def on_items(first: Claim, is_over: Callable[[], bool]) -> Claim | None:
    """Work on an item and on those that follow it; return the claim that follows the list, if any.

    Takes and raises the same as `on_runs`. If the run is canceled, the items are left to others.
    """
    shift = _OnItems(first, is_over)
    with attempts.running(first.run) as watch:
        watch.signal.on_abort(shift.hand.clear)
        shift.work()
        return shift.after


def _may_share(node: Node) -> bool:
    """Return whether a step may be recorded with others; an atomic one has its own transaction."""
    return node.step is not None and not node.step.atomic


def _share_of_runs(held: Claim) -> int:
    """Return how many runs one thread may hold, given how quick their steps were lately."""
    speed = speeds.of(held.workflow_id, held.base_path)
    return 1 if speed >= speeds.QUICK else min(int(BATCH / max(speed, 1e-6)), hand.MOST)


def _share_of_items(held: Claim) -> int:
    """Return how many items one thread may hold, given how quick they were lately."""
    tree = registry.get(held.workflow_id).tree
    window = tree.nodes[held.base_path.removesuffix(BODY)].concurrency
    speed = speeds.of(held.workflow_id, held.base_path)
    if not isinstance(window, int) or speed >= speeds.QUICK:
        return 1
    return max(min(window // SHARE, int(BATCH / max(speed, 1e-6)), items.MOST), 1)


class _Shift(ABC):
    """One thread's work on the claims in its hand, and on what follows them."""

    def __init__(self, first: Claim, is_over: Callable[[], bool]) -> None:
        self.hand = Hand([first])
        self._is_over = is_over
        self._held: Claim | None = None

    def work(self) -> None:
        """Work until the hand is empty. Raises what `execute` raises, and leaves the rest then."""
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
                    self._record(self.hand.take_ended())
        except BaseException as error:
            self._give_up(error)
            raise
        finally:
            self.hand.close()

    def _execute_or_fail(self, held: Claim) -> None:
        """Execute a step; if our own code fails, the step fails with that error."""
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
        if self.hand.executed():
            held = held.but(stretch=None)
        speeds.note(held, time.monotonic() - began)
        ended = Ended(held, done.outcome, done.said, thread=threading.get_ident())
        if self.can_wait(ended):
            self.hand.end(ended)
        else:
            self._record([ended])

    def _record(self, ended: Sequence[Ended]) -> None:
        """Record what has ended, and hold the claims that follow."""
        if not ended:
            return
        is_over = self._is_over()
        keep = self.leaves if is_over else self.keeps
        try:
            following = until_recorded([each._replace(keep=keep) for each in ended])
        finally:
            for each in ended:
                let_go(each.claim)
        self.go_on(following)
        if not is_over and self.hand.count():
            self.fill_up()

    def leaves(self, _held: Claim, _following: Node) -> bool:
        """Leave what follows to others, because the turn is over."""
        return False

    @abstractmethod
    def can_wait(self, ended: Ended) -> bool:
        """Return whether an outcome can be recorded together with others."""

    @abstractmethod
    def keeps(self, held: Claim, following: Node) -> bool:
        """Return whether this thread takes what follows a claim."""

    @abstractmethod
    def go_on(self, following: Sequence[Claim]) -> None:
        """Hold the claims that follow."""

    @abstractmethod
    def fill_up(self) -> None:
        """Hold more claims of the same kind, if there are any waiting."""

    def _give_up(self, error: BaseException) -> None:
        """Free the step that was interrupted."""
        if self._held is None:
            return
        if isinstance(error, Exception):
            release(self._held, now=clock.now(), cause=error)
        else:
            lose(self._held, error, now=clock.now())
        let_go(self._held)


class _OnItems(_Shift):
    """One thread's work on the items of one list."""

    def __init__(self, first: Claim, is_over: Callable[[], bool]) -> None:
        super().__init__(first, is_over)
        self._like = first
        self._looks = LOOKS
        #: The claim that follows the list, if this thread has it.
        self.after: Claim | None = None

    def can_wait(self, ended: Ended) -> bool:
        """Return whether it is an item that has succeeded and did nothing else."""
        return items.is_plain(ended)

    def keeps(self, _held: Claim, _following: Node) -> bool:
        """Take the next item, or what follows the list."""
        return True

    def go_on(self, following: Sequence[Claim]) -> None:
        """Hold the items, and remember what follows the list."""
        mine = [each for each in following if is_on_items(each)]
        self.hand.add(mine)
        self.after = next((each for each in following if each not in mine), self.after)

    def fill_up(self) -> None:
        """Hold more waiting items, up to this thread's share."""
        missing = _share_of_items(self._like) - self.hand.count()
        if self._looks and missing > 0:
            found = claim_items(self._like, missing)
            self._looks = self._looks - 1 if len(found) == missing else 0
            self.hand.add(found)


class _OnRuns(_Shift):
    """One thread's work on one step from each of several runs, and on those that follow."""

    def __init__(self, first: Claim, is_over: Callable[[], bool]) -> None:
        super().__init__(first, is_over)
        #: The claim that says which other steps this thread takes.
        self._like = first
        self.lane = chain.lane_key(first.workflow_id, first.path, first.queue)
        #: How many runs have begun to wait in the lane since this thread looked.
        self._waiting = 0
        self._looked_at = time.monotonic()

    def takes(self) -> bool:
        """Note that one more run waits in the lane; return whether this thread takes it soon."""
        self._waiting += 1
        return self.hand.will_have_room()

    def can_wait(self, ended: Ended) -> bool:
        """Return whether it is a plain success of a plain step."""
        return not ended.said and chain.is_possible(ended.claim, ended.outcome)

    def keeps(self, held: Claim, following: Node) -> bool:
        """Take a step that is quick and may be recorded with others."""
        is_quick = speeds.of(held.workflow_id, following.path) < speeds.QUICK
        return is_quick and _may_share(following)

    def go_on(self, following: Sequence[Claim]) -> None:
        """Hold the claims that follow."""
        self.hand.add(following)

    def fill_up(self) -> None:
        """Hold more runs that wait in the same lane, if looking for them is worth it now."""
        now = time.monotonic()
        missing = _share_of_runs(self._like) - self.hand.count()
        pause = PAUSE if self._waiting else UNTOLD
        is_due = self._waiting >= missing or now - self._looked_at > pause
        if missing < 1 or not is_due:
            return
        self._waiting = 0
        self._looked_at = now
        try:
            found = claim_like(self._like, missing)
        except Error:
            # The claims in hand are not affected: recording them waits for the database.
            connection_here().close()
            return
        if len(found) == missing:
            self._waiting = missing  # there may be more
        self.hand.add(found)
