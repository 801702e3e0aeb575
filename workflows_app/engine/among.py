"""The condition that a step is of some queues, as the looks for work write it."""

from collections.abc import Collection


def of_queues(queues: Collection[str] | None, column: str = "queue") -> tuple[str, list[str]]:
    """Return the condition, and its values, that a step is of these queues; None: of any."""
    if queues is None:
        return "", []
    return f" AND {column} IN ({', '.join(['%s'] * len(queues))})", sorted(queues)
