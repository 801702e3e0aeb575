"""Group commit: plain moves of many runs that are made at the same time share one commit."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from django.db import Error

from workflows_app.engine.host import transactions
from workflows_app.engine.host.together import Together
from workflows_app.models import grouped, moves

_Writer = Callable[[Sequence[grouped.Record]], set[Any]]


def _write(write: _Writer, records: Sequence[grouped.Record]) -> list[bool]:
    # Every process locks runs in this order, so two processes with the same runs cannot deadlock.
    ordered = sorted(records, key=lambda record: str(record["run"]))
    try:
        with transactions.of_one_move():
            written = write(ordered)
    except Error:
        raise
    except Exception:
        if len(records) == 1:
            raise
        return [_is_written(write, record) for record in records]
    return [record["run"] in written for record in records]


def _is_written(write: _Writer, record: grouped.Record) -> bool:
    """Write one record by itself, because one of several could not be encoded."""
    try:
        with transactions.of_one_move():
            return record["run"] in write([record])
    except Error:
        raise
    except Exception:  # noqa: BLE001 - its thread uses the reference, which reports the error
        return False


_ends: Final = Together(partial(_write, grouped.settle), grouped.MOST)
#: By the kind of move, since what one of them wrote stays if another is refused.
_starts: Final = {
    kind: Together(partial(_write, partial(grouped.start, move)), grouped.MOST)
    for kind, move in moves.STARTING.items()
}


def write_ends(many: Sequence[dict[str, Any]]) -> list[bool]:
    """Write the ends of steps of different runs; a single one shares a commit with other threads.

    Return for each whether its run was still at the revision that it names. Raises errors of the
    database; it is then not known what was written.
    """
    if len(many) == 1:
        return [_brought(_ends, many[0])]
    return _write(grouped.settle, [grouped.record(**values) for values in many]) if many else []


def write_start(*, is_made: bool, **values: Any) -> bool:
    """Write the start of a run; it returns and raises the same as `write_ends` for one record.

    `is_made`: the run has no row yet. With a `verb` the values also say who acted.
    """
    return _brought(_starts[is_made, "verb" in values], values)


def _brought(together: Together[grouped.Record, bool], values: dict[str, Any]) -> bool:
    record = grouped.record(**values)
    return together.get(record, record["run"])
