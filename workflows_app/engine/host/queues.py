"""The SQL condition on queues in the queries that look for work."""

from collections.abc import Collection


def of_queues(queues: Collection[str] | None, column: str = "queue") -> tuple[str, list[str]]:
    """Return the condition that a step is in one of these queues, with its values; None: any."""
    if queues is None:
        return "", []
    return f" AND {column} IN ({', '.join(['%s'] * len(queues))})", sorted(queues)
