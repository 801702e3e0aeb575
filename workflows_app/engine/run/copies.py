"""Copies what a fork keeps of another run: the rows, and the values that they refer to."""

from datetime import datetime
from typing import Any, Final

from workflows_app.engine.run import payloads
from workflows_app.engine.run.claims import HOOK
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: Rows that are read and written at a time.
BATCH: Final = 500

#: Columns that are not copied, because they belong to the worker or the question of the first run.
_OWN: Final = {
    "id": None,
    "parent_id": None,
    "worker_id": None,
    "token": 0,
    "settled_token": None,
    "timeline": 1,
    "superseded_on": None,
    "suspension": None,
    "wake_at": None,
    "unknown_since": None,
}

_COLUMNS: Final = tuple(field.attname for field in StepSnapshot._meta.concrete_fields)  # noqa: SLF001 - documented API


def copy_kept(
    source: Run,
    target: Run,
    base_paths: frozenset[str],
    now: datetime,
    *,
    has_other_input: bool = False,
) -> None:
    """Copy the current snapshots at these places of the graph from one run to another.

    The copies are independent, so the first run may be deleted. The inputs of steps stay the same:
    if the new run `has_other_input`, a copy holds the first run's input itself.
    """
    kept = StepSnapshot.objects.current().filter(run=source.pk, base_path__in=sorted(base_paths))
    ended = kept.exclude(kind=HOOK).exclude(status__in=[StepStatus.QUEUED, StepStatus.RUNNING])
    copied: dict[int, int] = {}
    parents: dict[int, int] = {}
    keys = list(ended.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(keys), BATCH):
        rows = list(ended.filter(pk__in=keys[first : first + BATCH]).order_by("pk"))
        for row in rows:
            if has_other_input:
                _hold_input(row)
            copied[row.pk] = _copy(row, target, copied, now)
            if row.parent_id is not None:
                parents[copied[row.pk]] = row.parent_id
    for copy, parent in parents.items():
        if parent in copied:
            StepSnapshot.objects.filter(pk=copy).update(parent_id=copied[parent])


def _hold_input(row: StepSnapshot) -> None:
    """Put the run's input into a row that refers to it."""
    for field in ("payload", "output"):
        if getattr(row, f"{field}_from") == payloads.RUN_INPUT:
            setattr(row, field, payloads.run_input(row.run_id))
            setattr(row, f"{field}_from", "")


def _copy(row: StepSnapshot, target: Run, copied: dict[int, int], now: datetime) -> int:
    fields: dict[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    fields |= _OWN | {"run_id": target.pk, "queued_at": now}
    fields |= _value(row, "payload", row.payload_from, copied)
    if payloads.is_shared(row.output_from):
        fields |= _value(row, "output", row.output_from, copied)
    copy = StepSnapshot(**fields)
    copy.save(force_insert=True)
    return int(copy.pk)


def _value(row: StepSnapshot, field: str, source: str, copied: dict[int, int]) -> dict[str, Any]:
    """Return a value of a copy: a reference to another copy, else the text itself."""
    if not source or source == payloads.RUN_INPUT:
        return {}
    pk, dot, rest = source.partition(".")
    if int(pk) in copied:
        return {f"{field}_from": f"{copied[int(pk)]}{dot}{rest}"}
    text = payloads.resolve(row.run_id, {source})[source]
    return {field: text, f"{field}_from": ""}
