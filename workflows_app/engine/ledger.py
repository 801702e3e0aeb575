"""Group commit: plain steps that end at the same time are one statement and one commit."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import Error

from workflows_app.engine.together import Together
from workflows_app.models import grouped


def _write(records: Sequence[grouped.Record]) -> list[bool]:
    # In the same order everywhere: two processes that meet at two runs wait, and do not lock up.
    ordered = sorted(records, key=lambda record: str(record["run"]))
    try:
        written = grouped.settle(ordered)
    except Error:
        raise
    except Exception:
        if len(records) == 1:
            raise
        return [_is_written(record) for record in records]
    return [record["run"] in written for record in records]


def _is_written(record: grouped.Record) -> bool:
    """Write one record by itself: of several, one could not be encoded."""
    try:
        return record["run"] in grouped.settle([record])
    except Error:
        raise
    except Exception:  # noqa: BLE001 - its thread takes the long way, and meets it there
        return False


_settled: Final = Together(_write, grouped.MOST)


def settle(**values: Any) -> bool:
    """Write one; return whether the run was still at the revision that it names.

    Raises what the database raised: then it is not known what was written.
    """
    record = grouped.record(**values)
    return _settled.get(record, record["run"])
