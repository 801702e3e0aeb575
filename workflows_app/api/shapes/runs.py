"""Runs as JSON: a page of them costs the same few queries, however many there are."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.db.models import QuerySet

from workflows_app import why_waiting
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import errors, values
from workflows_app.api.shapes.values import Asked
from workflows_app.engine.run import deadlines, holds, payloads, step_paths
from workflows_app.models import Run, RunDeadline, StepSnapshot, persons
from workflows_app.models.queries import Parameter, QueryReader
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import StepStatus

#: The values of a run, by their names in an answer.
VALUES: Final = ("input", "result", "state", "request_context", "initial_state")
ALSO: Final = {"output": "result"}
#: Suspended steps of one page that are named: a run may have thousands.
MOST_SUSPENDED: Final = 2000


def asked(call: Call) -> Asked:
    """Return which values of runs a request asked for. Raises InvalidRequest."""
    query = call.query
    return values.asked(call.caller, query.include, VALUES, inline=query.inline, also=ALSO)


def rows(found: QuerySet[Run], wanted: Asked) -> QuerySet[Run]:
    """Return runs with all that their JSON needs of their own rows."""
    return _with_values(found, _names(wanted), wanted.most)


def _names(wanted: Asked) -> tuple[str, ...]:
    return tuple(name for name in VALUES if wanted.shows(name))


def _with_values(found: QuerySet[Run], names: Sequence[str], most: int) -> QuerySet[Run]:
    light = persons.joined_or_later(found.defer(*_HEAVY), "started_by")
    light = light.annotate(error_text=payloads.as_text("error"))
    return values.columns(light, names, most)


@cache
def _reader(_vendor: str, names: tuple[str, ...], most: int) -> QueryReader[Run]:
    """Return what reads one run as `rows` does."""
    by_key = Run.objects.filter(pk=Parameter("pk", Run._meta.pk))  # noqa: SLF001 - documented API
    return QueryReader(_with_values(by_key, names, most), is_prepared=True)


_HEAVY: Final = (
    "input", "state", "initial_state", "result", "error", "request_context",
    "initial_request_context", "tracing", "answers_ahead",
)  # fmt: skip


def listed(call: Call, found: Sequence[Run], wanted: Asked) -> list[dict[str, Any]]:
    """Return runs, which were read by `rows`, as JSON."""
    suspended = _suspended([run.pk for run in found if run.suspended_count])
    reasons = why_waiting.of_runs(found)
    waiting, halts = why_waiting.sentences(found, reasons), holds.of_runs(found)
    timed = deadlines.of_runs(found)
    return [
        _whole(
            _shown(call, run, wanted, suspended.get(run.pk, []), waiting.get(run.pk)),
            reasons.get(run.pk, []),
            halts.get(run.pk),
            timed.get(run.pk),
        )
        for run in found
    ]


def one(call: Call, pk: uuid.UUID, wanted: Asked) -> dict[str, Any]:
    """Return one run as it stands now. Raises `Run.DoesNotExist`."""
    found = _reader(connection_here().vendor, _names(wanted), wanted.most).read(pk=pk)
    if not found:
        raise Run.DoesNotExist
    (shown,) = listed(call, found, wanted)
    return shown


def begun(call: Call, run: Run, wanted: Asked) -> dict[str, Any]:
    """Return a run as the caller's start wrote it; a worker has its step, so it waits for nothing.

    Nothing is read but a deadline, and no value given.
    """
    if run.started_by_id == call.caller.user.pk:
        Run._meta.get_field("started_by").set_cached_value(run, call.caller.user)  # noqa: SLF001 - documented API
    return _whole(_shown(call, run, wanted, [], None), [], None, deadlines.of(run))


def _whole(
    shown: dict[str, Any],
    reasons: Sequence[why_waiting.Reason],
    halt: holds.Halt | None,
    deadline: RunDeadline | None,
) -> dict[str, Any]:
    more = {"hold": halted(halt), "deadline": _deadline(deadline)}
    return {**shown, "why_waiting": reasons, **more}


def _shown(
    call: Call, run: Run, wanted: Asked, suspended: list[list[str]], waiting: str | None
) -> dict[str, Any]:
    found = {
        "run_id": run.run_id,
        "workflow_id": run.workflow_id,
        "status": run.status,
        "is_canceling": run.is_canceling,
        "is_pausing": run.is_pausing,
        "resource_id": run.resource_id,
        "unique_key": run.unique_key,
        "tags": run.tags,
        "origin": run.origin,
        "timeline": run.timeline,
        "revision": run.revision,
        "trace_id": run.trace_id or None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "duration": _duration(run),
        "started_by": run.started_by.get_username() if run.started_by else None,
        "ended_reason": run.ended_reason or None,
        "error": errors.brief(getattr(run, "error_text", None)),
        "suspended": suspended,
        "waiting_for": waiting,
    }
    for name in VALUES:
        if wanted.shows(name):
            address = call.address("runs", run.run_id, "values", name)
            found[name] = values.given(values.of_column(run, name), address)
    if wanted.withheld:
        found["withheld"] = wanted.withheld
    return found


def halted(halt: holds.Halt | None) -> dict[str, Any] | None:
    """Return who stopped a run or an intake, as JSON."""
    if halt is None:
        return None
    return {"reason": halt.reason or None, "actor": halt.actor, "at": halt.at}


def _deadline(row: RunDeadline | None) -> dict[str, Any] | None:
    """Return the deadline of a run, and when what of it happens, as JSON."""
    if row is None:
        return None
    return {
        **deadlines.said_by(row).to_json(),
        "began_at": row.began_at,
        "warns_at": row.warns_at,
        "ends_at": row.ends_at,
        "warned_at": row.warned_at,
        "passed_at": row.passed_at,
    }


def _duration(run: Run) -> float | None:
    """Return the seconds that a run has worked, once it has settled."""
    until: datetime | None = run.ended_at or run.idle_since
    if run.started_at is None or until is None:
        return None
    return max((until - run.started_at - run.idle).total_seconds(), 0.0)


def _suspended(keys: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[list[str]]]:
    wanted = list(keys)
    if not wanted:
        return {}
    steps = StepSnapshot.objects.current().filter(run__in=wanted, status=StepStatus.SUSPENDED)
    found: dict[uuid.UUID, dict[tuple[str, ...], None]] = {}
    for run, path in steps.order_by("pk").values_list("run_id", "path")[:MOST_SUSPENDED]:
        found.setdefault(run, {})[tuple(step_paths.ids_of(path))] = None
    return {run: [list(ids) for ids in paths] for run, paths in found.items()}
