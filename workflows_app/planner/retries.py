"""How often a step is retried, and how long it waits before each attempt."""

import math
from dataclasses import dataclass

from workflows_app.definition import Builder, Graph, Kind, Node, exhausted


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Extra attempts after an exception, seconds before the first one, and the growth factor."""

    retries: int = 0
    delay_seconds: float = 0.0
    backoff: float = 1.0
    #: Whether somebody is asked when the attempts are used up, instead of failing the step.
    asks: bool = False

    def delay_before(self, retry_count: int) -> float:
        """Return the seconds to wait before the retry with this number, counted from 1.

        Infinite if a float cannot hold them, because the caller limits the delay.
        """
        if not self.delay_seconds:
            return 0.0
        try:
            return float(self.delay_seconds * self.backoff ** (retry_count - 1))
        except OverflowError:
            return math.inf


NEVER = RetryPolicy()


def policy_of(graph: Graph, node: Node) -> RetryPolicy:
    """Return the step's own policy, else that of its workflow. Glue is never retried."""
    step = node.step
    if step is None:
        return NEVER
    workflow = owner(graph, node)
    retries = workflow.retry_attempts if step.retries is None else step.retries
    delay = workflow.retry_delay if step.retry_delay is None else step.retry_delay
    asks = (step.on_exhausted or workflow.on_exhausted) == exhausted.ASK
    return RetryPolicy(retries, delay, step.retry_backoff, asks)


def owner(graph: Graph, node: Node) -> Builder:
    """Return the definition of the workflow in which this entry was written."""
    while node.parent:
        node = graph.nodes[node.parent]
        if node.kind is Kind.WORKFLOW and node.workflow is not None:
            return node.workflow
    return graph.workflow
