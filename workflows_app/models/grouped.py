"""Statements that write plain moves of many runs at once, on PostgreSQL.

All values travel as JSON text: the driver converts one parameter, however many runs there are, and
the commit is shared. Of a single run they travel as they are, which PostgreSQL reads more quickly.
Each run is guarded by its revision: what stands in the answer was written, and of the others
nothing was.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import orjson

from workflows_app.models import sqltext, statements
from workflows_app.models.event import RunEvent
from workflows_app.models.run import Run
from workflows_app.models.step import StepSnapshot

#: Most runs that one statement writes.
MOST: Final = 32

Record = Mapping[str, Any]

_OF_RUN: Final = {
    "run": "uuid",
    "revision": "bigint",
    "first_seq": "bigint",
    "last_seq": "bigint",
    "timeline": "integer",
    "at": "timestamptz",
    "events": "text",
}
_SETTLED: Final = {
    **_OF_RUN,
    "is_end": "boolean",
    "step": "bigint",
    "token": "integer",
    "output": "text",
    "next": "bigint",
    "path": "text",
    "queue": "text",
    "payload_from": "text",
    "payload": "text",
    "metadata": "text",
    "next_status": "text",
    "next_token": "integer",
    "worker": "uuid",
    "started_at": "timestamptz",
}
_WOKEN: Final = {
    **_OF_RUN,
    "step": "bigint",
    "output": "text",
    "next": "bigint",
    "path": "text",
    "queue": "text",
    "metadata": "text",
    "payload": "text",
}
_STARTED: Final = {
    **_OF_RUN,
    "version": "bigint",
    "input": "text",
    "state": "text",
    "context": "text",
    "next": "bigint",
    "path": "text",
    "status": "text",
    "queue": "text",
    "payload_from": "text",
    "payload": "text",
    "metadata": "text",
    "worker": "uuid",
    "token": "integer",
    "started_at": "timestamptz",
}
_CLAIMED_RUNS: Final = {**_OF_RUN, "steps": "integer"}
_CLAIMED: Final = {
    "run": "uuid",
    "step": "bigint",
    "token": "integer",
    "worker": "uuid",
    "started_at": "timestamptz",
}

#: What becomes of a run whose last step this is.
_ENDS: Final = {
    "status": "'success'",
    "active_count": "0",
    "settled_at": "g.at",
    "ended_at": "g.at",
    "error": "NULL",
    "result": "g.output",
}
_BEGUN: Final = {
    "id": "g.next",
    "run_id": "g.run",
    "path": "g.path",
    "base_path": "g.path",
    "kind": "'step'",
    "status": "g.next_status",
    "timeline": "g.timeline",
    "queue": "g.queue",
    "payload_from": "g.payload_from",
    "payload": "g.payload",
    "metadata": "g.metadata",
    "worker_id": "g.worker",
    "token": "g.next_token",
    "queued_at": "g.at",
    "started_at": "g.started_at",
}
#: The same of a step that waits for a worker, after a sleep.
_QUEUED: Final = {
    name: _BEGUN[name]
    for name in (
        "id", "run_id", "path", "base_path", "kind", "timeline", "queue", "metadata", "queued_at",
    )
} | {"status": "'queued'", "payload": "g.payload"}  # fmt: skip
#: The same of the first step of a run, which a thread may hold at once.
_FIRST: Final = _BEGUN | {
    "status": "g.status",
    "token": "g.token",
}
_LOGGED: Final = {
    "run_id": "g.run",
    "first_seq": "g.first_seq",
    "last_seq": "g.last_seq",
    "timeline": "g.timeline",
    "at": "g.at",
    "events": "g.events",
}


def record(**values: Any) -> Record:
    """Return a record, its texts as plain strings: the encoder takes no other kind."""
    return {name: str(value) if isinstance(value, str) else value for name, value in values.items()}


def settle(records: Sequence[Record]) -> set[uuid.UUID]:
    """End plain steps in success, and begin or queue those that follow, or end their runs.

    Return the runs of which that was done: they were at the revision that their record names.
    """
    return _written(_settling, (_SETTLED, records))


def start(records: Sequence[Record]) -> set[uuid.UUID]:
    """Start pending runs whose first entry is a plain step, which is queued or held at once.

    Return the runs of which that was done.
    """
    return _written(_starting, (_STARTED, records))


def claim(runs: Sequence[Record], steps: Sequence[Record]) -> set[uuid.UUID]:
    """Claim plain queued steps, all that are named of a run or none; return the runs of those."""
    return _written(_claiming, (_CLAIMED_RUNS, runs), (_CLAIMED, steps))


def wake(records: Sequence[Record]) -> set[uuid.UUID]:
    """End plain sleeps, and queue the plain steps that follow; return the runs of those."""
    return _written(_waking, (_WOKEN, records))


def _written(
    statement: Callable[[bool], str], *lists: tuple[Mapping[str, str], Sequence[Record]]
) -> set[uuid.UUID]:
    """Run a statement for lists of records of these columns; return the runs it wrote."""
    is_one = all(len(records) == 1 for _, records in lists)
    if is_one:
        values = [records[0].get(name) for columns, records in lists for name in columns]
    else:
        values = [text_of(records) for _, records in lists]
    return {run for (run,) in statements.rows(statement(is_one), values)}


def text_of(records: Sequence[Record]) -> str:
    """Return the one value that a statement is given for a list of records."""
    return orjson.dumps(records).decode()


@cache
def _settling(is_one: bool) -> str:  # noqa: FBT001 - a key
    ends = "".join(
        f", {name} = CASE WHEN g.is_end THEN {value} ELSE r.{name} END"
        for name, value in _ENDS.items()
    )
    steps = sqltext.table_of(StepSnapshot)
    return _statement(
        _given("given", _SETTLED, "g.token", is_one=is_one),
        f"first AS ({_moving(ends)} RETURNING r.id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        f"ended AS (UPDATE {steps} AS s SET status = 'success', ended_at = g.at,"  # noqa: S608 - names of ours
        " worker_id = NULL, settled_token = g.token, output = g.output"
        " FROM written AS g WHERE s.id = g.step)",
        f"begun AS ({_inserting(StepSnapshot, _BEGUN)} WHERE g.next IS NOT NULL)",
        f"logged AS ({_inserting(RunEvent, _LOGGED)})",
    )


@cache
def _starting(is_one: bool) -> str:  # noqa: FBT001 - a key
    changes = (
        ", status = 'running', version_id = g.version, active_count = 1, started_at = g.at"
        ", input = g.input, state = g.state, initial_state = g.state"
        ", request_context = g.context, initial_request_context = g.context"
    )
    return _statement(
        _given("given", _STARTED, "g.token", is_one=is_one),
        f"first AS ({_moving(changes)} AND r.status = 'pending' RETURNING r.id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        f"begun AS ({_inserting(StepSnapshot, _FIRST)})",
        f"logged AS ({_inserting(RunEvent, _LOGGED)})",
    )


@cache
def _waking(is_one: bool) -> str:  # noqa: FBT001 - a key
    steps = sqltext.table_of(StepSnapshot)
    changes = (
        ", status = 'running', active_count = r.active_count + 1,"
        " waiting_count = r.waiting_count - 1"
    )
    return _statement(
        _given("given", _WOKEN, "g.timeline", is_one=is_one),
        f"first AS ({_moving(changes)} AND EXISTS (SELECT 1 FROM {steps} AS s"  # noqa: S608 - names of ours
        " WHERE s.id = g.step AND s.status = 'waiting' AND s.superseded_on IS NULL)"
        " RETURNING r.id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        f"ended AS (UPDATE {steps} AS s SET status = 'success', ended_at = g.at,"  # noqa: S608 - names of ours
        " output = g.output, wake_at = NULL FROM written AS g WHERE s.id = g.step)",
        f"begun AS ({_inserting(StepSnapshot, _QUEUED)})",
        f"logged AS ({_inserting(RunEvent, _LOGGED)})",
    )


@cache
def _claiming(is_one: bool) -> str:  # noqa: FBT001 - a key
    steps = sqltext.table_of(StepSnapshot)
    # The rows in hand may be older than the run's: who has locked it has not read them since.
    still = (
        "SELECT g.run FROM wanted AS g"  # noqa: S608 - names of ours
        f" JOIN {steps} AS s ON s.id = g.step AND s.status = 'queued'"
        " AND s.token = g.token - 1 AND s.superseded_on IS NULL"
        " JOIN asked ON asked.run = g.run GROUP BY g.run, asked.steps"
        " HAVING count(*) = asked.steps"
    )
    return _statement(
        _given("asked", _CLAIMED_RUNS, "g.steps", is_one=is_one),
        _given("wanted", _CLAIMED, "g.token", is_one=is_one),
        f"still AS ({still})",
        "given AS MATERIALIZED (SELECT g.* FROM asked AS g JOIN still ON still.run = g.run)",
        f"first AS ({_moving()} RETURNING r.id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        f"taken AS (UPDATE {steps} AS s SET status = 'running', worker_id = g.worker,"  # noqa: S608 - names of ours
        " token = g.token, wake_at = NULL, started_at = g.started_at"
        " FROM wanted AS g JOIN first ON first.id = g.run WHERE s.id = g.step)",
        f"logged AS ({_inserting(RunEvent, _LOGGED)})",
    )


def _statement(*parts: str) -> str:
    return f"WITH {', '.join(parts)} SELECT id FROM first"  # noqa: S608 - names of ours


def _given(name: str, columns: Mapping[str, str], number: str, *, is_one: bool) -> str:
    """Return the part of a statement that has what it is given."""
    if not is_one:
        return f"{name} AS MATERIALIZED ({given(columns, number)})"
    values = ", ".join(f"%s::{kind} AS {column}" for column, kind in columns.items())
    return f"{name} AS NOT MATERIALIZED (SELECT {values})"


def given(columns: Mapping[str, str], number: str) -> str:
    """Return the part that reads one list of records.

    Its condition is true of every record, and the planner takes it for a rare thing: so it looks
    rows up by their keys however small the tables are at first, and reads none as a whole.
    """
    kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    records = f"json_to_recordset(%s::json) AS g ({kinds})"
    return f"SELECT * FROM {records} WHERE {number} = abs({number})"  # noqa: S608 - names of ours


def _moving(changes: str = "") -> str:
    table = sqltext.table_of(Run)
    return (
        f"UPDATE {table} AS r SET revision = r.revision + 1, event_seq = g.last_seq{changes}"  # noqa: S608 - names of ours
        " FROM given AS g WHERE r.id = g.run AND r.revision = g.revision"
    )


def _inserting(model: sqltext.Model, values: Mapping[str, str]) -> str:
    """Return the part that inserts a row a record; columns that are not named get defaults."""
    columns, places = sqltext.inserting(model, tuple(values))
    filled = places % tuple(values[name] for name in sqltext.in_order(model, *values))
    return f"INSERT INTO {sqltext.table_of(model)} ({columns}) SELECT {filled} FROM written AS g"  # noqa: S608 - names of ours
