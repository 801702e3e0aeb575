"""Quick items of a foreach: one thread takes several of them with one commit.

All items of a list take turns at their run's row. So a thread whose items were quick holds a few at
a time (`hands`), works through them, and records them together. All are left to others when the run
is being canceled.
"""

from collections.abc import Callable, Sequence
from typing import Final

from workflows_app.definition import BODY, Graph, Kind
from workflows_app.engine import attempts, express, express_items, hands, paces
from workflows_app.engine.claim import claim_items
from workflows_app.engine.claims import Claim
from workflows_app.engine.execute import Done
from workflows_app.engine.recover import let_go
from workflows_app.engine.settle import settle_items
from workflows_app.planner.outcomes import Outcome

#: The part of the list's concurrency that is one thread's share.
SHARE: Final = 8
#: How often a thread looks for more items than follow those that it has ended.
LOOKS: Final = 4


def is_possible(graph: Graph, held: Claim) -> bool:
    """Return whether a claim is a plain item of a foreach at the root, on PostgreSQL."""
    if not held.base_path.endswith(BODY) or "." in held.base_path or held.is_resuming:
        return False
    node = graph.nodes[held.base_path]
    container = graph.nodes[held.base_path.removesuffix(BODY)]
    is_plain = node.kind is Kind.STEP and node.step is not None and not node.step.atomic
    is_list = container.kind is Kind.FOREACH
    return is_plain and is_list and express.is_open and express.is_here()


def work(graph: Graph, first: Claim, is_over: Callable[[], bool]) -> Claim | None:
    """Work on an item and on those that follow it; return a claim to go on with that is no item.

    `is_over` says whether what follows is to be left to others. Raises what `execute` raises,
    once all that has ended is recorded and the rest is free again.
    """
    hand = hands.Hand([first], lambda ended: settle_items(ended, go_on=False))
    with attempts.running(first.run) as watch:
        watch.signal.on_abort(hand.clear)
        shift = _Shift(graph, hand, is_over)
        shift.work()
        return shift.after


class _Shift(hands.Shift):
    """One thread's work on the items of one list."""

    def __init__(self, graph: Graph, hand: hands.Hand, is_over: Callable[[], bool]) -> None:
        super().__init__(hand, is_over)
        self._graph = graph
        self._looks = LOOKS
        #: What follows the list, if this thread has it.
        self.after: Claim | None = None

    def is_plain(self, held: Claim, outcome: Outcome) -> bool:
        """Return whether it is an item that has succeeded, and did nothing else."""
        return express_items.is_plain(self._graph, held, outcome)

    def record_alone(self, held: Claim, done: Done) -> None:
        """Record another, and go on with what follows."""
        self._go_on([hands.settle_alone(held, done, go_on=not self.is_over())])

    def record(self) -> None:
        """Record the items that have ended, and hold those that follow them."""
        ended = self.hand.take_ended()
        if not ended:
            return
        go_on = not self.is_over()
        try:
            following = settle_items(ended, go_on=go_on)
        finally:
            for held, _ in ended:
                let_go(held)
        self._go_on(following)
        if go_on and self._looks and self.hand.count() > 0:
            self._look_for_more(ended[-1][0])

    def _go_on(self, following: Sequence[Claim | None]) -> None:
        items = [each for each in following if each is not None and is_possible(self._graph, each)]
        self.hand.add(items)
        for each in following:
            if each is not None and each not in items:
                self.after = each

    def _look_for_more(self, like: Claim) -> None:
        missing = _share(self._graph, like) - self.hand.count()
        if missing > 0:
            self._looks -= 1
            self.hand.add(claim_items(like, missing))


def _share(graph: Graph, held: Claim) -> int:
    """Return how many items one thread may hold, as quick as they were lately."""
    window = graph.nodes[held.base_path.removesuffix(BODY)].concurrency
    if not isinstance(window, int) or paces.of(held.workflow_id, held.base_path) >= paces.QUICK:
        return 1
    return max(min(window // SHARE, hands.MOST), 1)
