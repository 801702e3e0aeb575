"""Quick plain steps of many runs: one thread takes a step of each with one commit.

A thread whose steps were quick lately holds several of them (`hands`): it executes a step of each
run in turn, records all in one statement, and goes on with the steps that follow. More runs that
wait where the first one did join it, as long as there is room: more threads would only take turns
with the interpreter's lock, each with a commit of its own. A round of steps takes no longer than
one slow step, so nobody waits long behind others; and what waits behind a step that turns out slow
is left to other threads.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from django.db import Error, connection

from workflows_app.definition import Node, registry
from workflows_app.engine import express, hands, paces
from workflows_app.engine.claim import claim_like
from workflows_app.engine.claims import Claim
from workflows_app.engine.execute import Done
from workflows_app.engine.recover import let_go
from workflows_app.planner.outcomes import Outcome

#: Seconds that the steps of one round may take together.
ROUND: Final = 0.004
#: Seconds for which what waits is gathered before a thread looks for it.
PAUSE: Final = 0.01
#: Seconds after which it looks though it was told of nothing.
UNTOLD: Final = 0.2

logger = logging.getLogger(__name__)

_lock = threading.Lock()
#: The shifts of this process, by the place where runs wait for them.
_shifts: Final[dict[int, set["_Shift"]]] = {}


def takes(place: int) -> bool:
    """Return whether a thread is at work that takes what waits at this place before long.

    So nobody else needs to be woken for it. See `express.place`.
    """
    return any(shift.takes() for shift in _at(place))


def give(held: Claim) -> bool:
    """Give a claim to a thread that works on others like it; return whether one had room."""
    if not is_for(held):
        return False
    place = express.place(held.workflow_id, held.path, held.queue)
    return any(shift.hand.offer(held) for shift in _at(place))


def _at(place: int) -> list["_Shift"]:
    with _lock:
        return list(_shifts.get(place, ()))


def is_for(held: Claim) -> bool:
    """Return whether a claim is of a step so quick and plain that a round may begin with it."""
    if _share(held) == 1 or not express.is_lane(held):
        return False
    return _may_share(registry.get(held.workflow_id).tree.nodes[held.base_path])


def _may_share(node: Node) -> bool:
    """Return whether a step may be recorded with others: an atomic one has its own transaction."""
    return node.step is not None and not node.step.atomic


def _share(held: Claim) -> int:
    pace = paces.of(held.workflow_id, held.base_path)
    return 1 if pace >= paces.QUICK else min(int(ROUND / max(pace, 1e-6)), hands.MOST)


def work(first: Claim, is_over: Callable[[], bool]) -> None:
    """Work on a claim, on others like it, and on what follows, as long as that is quick and plain.

    `is_over` says whether what follows is to be left to others. Raises what `execute` raises,
    once all that has ended is recorded and the rest is free again.
    """
    shift = _Shift(first, is_over)
    with _lock:
        _shifts.setdefault(shift.place, set()).add(shift)
    try:
        shift.work()
    finally:
        with _lock:
            _shifts[shift.place].discard(shift)


def _put_down(ended: Sequence[hands.Ended]) -> None:
    for held, outcome in ended:
        hands.settle_alone(held, Done(outcome, []), go_on=False)


class _Shift(hands.Shift):
    """One thread's work on a step of each of several runs, and on those that follow."""

    def __init__(self, first: Claim, is_over: Callable[[], bool]) -> None:
        super().__init__(hands.Hand([first], _put_down), is_over)
        #: Where runs wait, as far as this thread knows.
        self._like = first
        self.place = express.place(first.workflow_id, first.path, first.queue)
        #: How many runs wait there, as far as it was told since it looked.
        self._waiting = 0
        self._looked_at = time.monotonic()

    def takes(self) -> bool:
        """Note that there is more at its place; return whether it will be looked for soon."""
        self._waiting += 1
        return self.hand.awaits()

    def is_plain(self, held: Claim, outcome: Outcome) -> bool:
        """Return whether it is a plain success of a plain step."""
        graph = registry.get(held.workflow_id).tree
        return express.is_possible(graph.nodes[held.base_path], held, outcome)

    def record_alone(self, held: Claim, done: Done) -> None:
        """Record another, and leave what follows to anybody."""
        hands.settle_alone(held, done, go_on=False)

    def record(self) -> None:
        """Record what has ended, hold what follows, and fill up with other runs."""
        ended = self.hand.take_ended()
        if not ended:
            return
        go_on = not self.is_over()
        following = []
        try:
            for (held, outcome), (is_done, claim) in zip(
                ended, self._settled(ended, go_on=go_on), strict=True
            ):
                if not is_done:
                    hands.settle_alone(held, Done(outcome, []), go_on=False)
                elif claim is not None:
                    following.append(claim)
        finally:
            for held, _ in ended:
                let_go(held)
        self.hand.add(following)
        if go_on and self.hand.count():
            self._fill_up()

    def _fill_up(self) -> None:
        """Hold more runs that wait where the first one did, once it is worth the look."""
        now = time.monotonic()
        missing = _share(self._like) - self.hand.count()
        pause = PAUSE if self._waiting else UNTOLD
        is_due = self._waiting >= missing or now - self._looked_at > pause
        if missing < 1 or not is_due:
            return
        self._waiting = 0
        self._looked_at = now
        try:
            found = claim_like(self._like, missing)
        except Error:
            # What is in hand is recorded, or waits for the database, as if there were no others.
            connection.close()
            return
        if len(found) == missing:
            self._waiting = missing  # there may be more
        self.hand.add(found)

    def _settled(
        self, ended: Sequence[hands.Ended], *, go_on: bool
    ) -> list[tuple[bool, Claim | None]]:
        def is_kept(held: Claim, node: Node) -> bool:
            is_quick = paces.of(held.workflow_id, node.path) < paces.QUICK
            return go_on and is_quick and _may_share(node)

        try:
            return express.settle_together(ended, is_kept)
        except Exception as error:
            for held, _ in ended:
                held.session.forget()
            if isinstance(error, Error):
                connection.close()
            else:
                logger.exception("Steps are recorded one by one.")
            return [(False, None)] * len(ended)
