"""Group commit: plain moves of many runs that are made at the same time are one statement."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from django.db import Error

from workflows_app.engine.together import Together
from workflows_app.models import grouped

_Writer = Callable[[Sequence[grouped.Record]], set[Any]]


def _write(write: _Writer, records: Sequence[grouped.Record]) -> list[bool]:
    # In the same order everywhere: two processes that meet at two runs wait, and do not lock up.
    ordered = sorted(records, key=lambda record: str(record["run"]))
    try:
        written = write(ordered)
    except Error:
        raise
    except Exception:
        if len(records) == 1:
            raise
        return [_is_written(write, record) for record in records]
    return [record["run"] in written for record in records]


def _is_written(write: _Writer, record: grouped.Record) -> bool:
    """Write one record by itself: of several, one could not be encoded."""
    try:
        return record["run"] in write([record])
    except Error:
        raise
    except Exception:  # noqa: BLE001 - its thread takes the long way, and meets it there
        return False


_settled: Final = Together(partial(_write, grouped.settle), grouped.MOST)
_started: Final = Together(partial(_write, grouped.start), grouped.MOST)


def settle(**values: Any) -> bool:
    """Write the end of a step; return whether its run was still at the revision that it names.

    Raises what the database raised: then it is not known what was written.
    """
    return _brought(_settled, values)


def settle_all(many: Sequence[dict[str, Any]]) -> list[bool]:
    """Write the ends of steps of different runs; return and raise what `settle` does, of each."""
    return _write(grouped.settle, [grouped.record(**values) for values in many]) if many else []


def start(**values: Any) -> bool:
    """Write the start of a run; return and raise what `settle` does."""
    return _brought(_started, values)


def _brought(together: Together[grouped.Record, bool], values: dict[str, Any]) -> bool:
    record = grouped.record(**values)
    return together.get(record, record["run"])
