"""Which queues this process serves, and whether it was asked to stop."""

import threading
from collections.abc import Sequence

from workflows_app.definition import registry
from workflows_app.planner.enter import DEFAULT_QUEUE


class Serving:
    """The queues that this process serves, until it is asked to stop."""

    def __init__(self) -> None:
        #: None: all queues.
        self.queues: frozenset[str] | None = None
        self._stop_asked = threading.Event()

    def begin(self, queues: Sequence[str] | None) -> None:
        """Serve only these queues; None: all of them."""
        self.queues = None if queues is None else frozenset(queues)
        self._stop_asked.clear()

    def ask_to_stop(self) -> None:
        """Ask every thread to take nothing new."""
        self._stop_asked.set()

    def is_stopping(self) -> bool:
        """Return whether this process was asked to stop."""
        return self._stop_asked.is_set()

    def named_queues(self) -> frozenset[str]:
        """Return the names of the served queues, whose hints are taken."""
        return known() if self.queues is None else self.queues

    def serves(self, queue: str) -> bool:
        """Return whether this process serves a queue."""
        return self.queues is None or queue in self.queues


def known() -> frozenset[str]:
    """Return the queues that the workflows of this process name, and the default queue."""
    steps = (node.step for definition in registry.all() for node in definition.tree.nodes.values())
    return frozenset(
        {DEFAULT_QUEUE, *registry.queues(), *(step.queue for step in steps if step is not None)}
    )
