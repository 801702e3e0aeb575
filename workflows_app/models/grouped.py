"""Plain moves of many runs, written together.

The first part of a move updates the run's row, guarded by its revision. The other parts are written
only if that one was. On PostgreSQL all parts for all runs are one statement. Its values are sent as
one JSON text, so that the driver converts a single parameter for any number of runs; values of a
single run are sent as they are, which PostgreSQL reads more quickly. On SQLite each part is one
statement per run, because SQLite cannot write to several tables in one statement. The caller opens
the transaction, and the runs share the commit.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import orjson

from workflows_app.models import moves, sqltext, statements
from workflows_app.models.moves import Move
from workflows_app.models.step import StepSnapshot

#: The most runs that are written together.
MOST: Final = 32

Record = Mapping[str, Any]


def record(**values: Any) -> Record:
    """Return a record whose texts are plain strings, because the JSON encoder takes no others."""
    return {name: str(value) if isinstance(value, str) else value for name, value in values.items()}


def settle(records: Sequence[Record]) -> set[uuid.UUID]:
    """End plain steps in success, and begin or queue those that follow, or end their runs.

    Return the runs for which that was done: those still at the revision that their record names.
    """
    return _written(moves.SETTLING, records)


def start(move: Move, records: Sequence[Record]) -> set[uuid.UUID]:
    """Start runs whose first entry is a plain step, which is queued or held at once.

    `move`: one of `moves.STARTING`. Return the runs for which that was done.
    """
    return _written(move, records)


def wake(records: Sequence[Record]) -> set[uuid.UUID]:
    """End plain sleeps, and queue the plain steps that follow; return the runs of those."""
    return _written(moves.WAKING, records)


def claim(runs: Sequence[Record], steps: Sequence[Record]) -> set[uuid.UUID]:
    """Claim plain queued steps: of each run all or none. Return the runs where it was done."""
    if sqltext.connection_here().vendor != "postgresql":
        return _claimed_apart(runs, steps)
    is_one = len(runs) == len(steps) == 1
    values = _values(moves.CLAIMED_RUNS, runs, is_one=is_one) + _values(
        moves.CLAIMED, steps, is_one=is_one
    )
    return {run for (run,) in statements.rows(_claiming(is_one), values)}


def _written(move: Move, records: Sequence[Record]) -> set[uuid.UUID]:
    """Make a move for each record; return the runs for which it was made."""
    if sqltext.connection_here().vendor != "postgresql":
        return {record["run"] for record in records if _is_moved(move, record)}
    is_one = len(records) == 1
    values = _values(move.columns, records, is_one=is_one)
    return {run for (run,) in statements.rows(_moving(move, is_one), values)}


# On PostgreSQL: one statement for all records.


def _values(columns: Mapping[str, str], records: Sequence[Record], *, is_one: bool) -> list[Any]:
    return [records[0].get(name) for name in columns] if is_one else [text_of(records)]


def text_of(records: Sequence[Record]) -> str:
    """Return a list of records as the one value that a statement takes for it."""
    return orjson.dumps(records).decode()


@cache
def _moving(move: Move, is_one: bool) -> str:  # noqa: FBT001 - a key
    return _statement(
        _given("given", move.columns, move.number, is_one=is_one),
        f"first AS ({move.first('given AS g')} RETURNING id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        *(f"then{n} AS ({part.text('written AS g')})" for n, part in enumerate(move.then)),
    )


@cache
def _claiming(is_one: bool) -> str:  # noqa: FBT001 - a key
    still = (
        f"SELECT g.run FROM wanted AS g JOIN {sqltext.table_of(StepSnapshot)} AS s"  # noqa: S608 - names of ours
        f" ON {moves.IS_FREE} JOIN asked ON asked.run = g.run GROUP BY g.run, asked.steps"
        " HAVING count(*) = asked.steps"
    )
    return _statement(
        _given("asked", moves.CLAIMED_RUNS, "g.steps", is_one=is_one),
        _given("wanted", moves.CLAIMED, "g.token", is_one=is_one),
        f"still AS ({still})",
        "given AS MATERIALIZED (SELECT g.* FROM asked AS g JOIN still ON still.run = g.run)",
        f"first AS ({moves.CLAIMING.first('given AS g')} RETURNING r.id)",
        "written AS (SELECT g.* FROM given AS g JOIN first ON first.id = g.run)",
        f"taken AS ({moves.TAKING.text('wanted AS g JOIN first ON first.id = g.run')})",
        f"logged AS ({moves.LOG.text('written AS g')})",
    )


def _statement(*parts: str) -> str:
    return f"WITH {', '.join(parts)} SELECT id FROM first"  # noqa: S608 - names of ours


def _given(name: str, columns: Mapping[str, str], number: str, *, is_one: bool) -> str:
    """Return the part of a statement that reads its values as rows."""
    if not is_one:
        return f"{name} AS MATERIALIZED ({given(columns, number)})"
    values = ", ".join(f"%s::{moves.kind_of(kind)} AS {name}" for name, kind in columns.items())
    return f"{name} AS NOT MATERIALIZED (SELECT {values})"


def given(columns: Mapping[str, str], number: str) -> str:
    """Return the part of a statement that reads one list of records.

    Its condition is true for every record, but PostgreSQL's planner expects it to be rare. So the
    plan looks rows up by their keys even while tables are small, and never reads a whole table.
    """
    kinds = ", ".join(f"{name} {moves.kind_of(kind)}" for name, kind in columns.items())
    records = f"json_to_recordset(%s::json) AS g ({kinds})"
    return f"SELECT * FROM {records} WHERE {number} = abs({number})"  # noqa: S608 - names of ours


# On SQLite: a statement for each part and record, in the caller's transaction.


def _is_moved(move: Move, record: Record) -> bool:
    values = _adapted(move.columns, record)
    first, *then = _apart(move)
    if not statements.write_named(first, values):
        return False
    for sql in then:
        statements.write_named(sql, values)
    return True


def _claimed_apart(runs: Sequence[Record], steps: Sequence[Record]) -> set[uuid.UUID]:
    looking, taking = _claiming_apart()
    done = set()
    for run in runs:
        wanted = [_adapted(moves.CLAIMED, step) for step in steps if step["run"] == run["run"]]
        are_free = all(statements.rows_named(looking, values) for values in wanted)
        if are_free and _is_moved(moves.CLAIMING, run):
            for values in wanted:
                statements.write_named(taking, values)
            done.add(run["run"])
    return done


@cache
def _apart(move: Move) -> tuple[str, ...]:
    return tuple(_named(sql) for sql in (move.first(), *(part.text() for part in move.then)))


@cache
def _claiming_apart() -> tuple[str, str]:
    table = sqltext.table_of(StepSnapshot)
    return _named(f"SELECT 1 FROM {table} AS s WHERE {moves.IS_FREE}"), _named(moves.TAKING.text())  # noqa: S608 - names of ours


def _named(sql: str) -> str:
    """Return a statement with named values: `g.x`, a value of the record, becomes `:x`."""
    return re.sub(r"\bg\.(\w+)", r":\1", sql)


def _adapted(columns: Mapping[str, str], record: Record) -> dict[str, Any]:
    """Return a record's values as SQLite stores them."""
    values = {name: record.get(name) for name in columns}
    for name, kind in columns.items():
        if values[name] is not None and (adapt := _ADAPTED.get(kind)):
            values[name] = adapt(values[name])
    return values


def moment(at: datetime) -> str:
    """Return a time as SQLite stores it."""
    written: str = sqltext.connection_here().ops.adapt_datetimefield_value(at)
    return written


_ADAPTED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "uuid": lambda key: key.hex,
    "timestamptz": moment,
}
