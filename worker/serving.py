"""Which queues this process serves."""

from collections.abc import Sequence

from workflows_app.definition import registry
from workflows_app.planner.enter import DEFAULT_QUEUE

_queues: frozenset[str] | None = None


def serve(queues: Sequence[str] | None) -> None:
    """Serve these queues alone; None: all of them."""
    global _queues  # noqa: PLW0603 - one worker a process
    _queues = None if queues is None else frozenset(queues)


def queues() -> frozenset[str] | None:
    """Return the queues that this process serves; None: all of them."""
    return _queues


def known() -> frozenset[str]:
    """Return the queues that the workflows of this process name, and the one without a name."""
    steps = (node.step for definition in registry.all() for node in definition.tree.nodes.values())
    return frozenset({DEFAULT_QUEUE, *(step.queue for step in steps if step is not None)})
