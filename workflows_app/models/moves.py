"""The moves that shortcuts make: what each writes, in parts that are the same for both databases.

The first part of a move updates the run's row, guarded by its revision. The other parts are written
only if that one was. `grouped` makes the moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from workflows_app.models import sqltext
from workflows_app.models.action import Action
from workflows_app.models.event import RunEvent
from workflows_app.models.run import Run
from workflows_app.models.step import StepSnapshot

#: Stands for the type of a key to a user, which the project chooses.
PERSON: Final = "person"

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
#: What a run has from the moment that it is there, for one that is made by its start.
_MADE: Final = {
    "run_id": "text",
    "workflow": "text",
    "resource": "text",
    "origin": "text",
    "created_at": "timestamptz",
}
#: Who started it, for the run and for the audit trail.
_ACTED: Final = {
    "run_id": "text",
    "workflow": "text",
    "person": PERSON,
    "actor": "text",
    "verb": "text",
    "door": "text",
    "address": "text",
    "request_id": "text",
}
CLAIMED_RUNS: Final = {**_OF_RUN, "steps": "integer"}
CLAIMED: Final = {
    "run": "uuid",
    "step": "bigint",
    "token": "integer",
    "worker": "uuid",
    "started_at": "timestamptz",
}

#: The changes of a run whose last step has ended.
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
#: The same for a step that waits for a worker, after a sleep.
_QUEUED: Final = {
    name: _BEGUN[name]
    for name in (
        "id", "run_id", "path", "base_path", "kind", "timeline", "queue", "metadata", "queued_at",
    )
} | {"status": "'queued'", "payload": "g.payload"}  # fmt: skip
#: The same for the first step of a run, which a thread may hold at once.
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
_NOTED: Final = {
    "at": "g.at",
    "actor_id": "g.person",
    "actor_name": "g.actor",
    "verb": "g.verb",
    "door": "g.door",
    "address": "g.address",
    "request_id": "g.request_id",
    "run_id": "g.run",
    "public_run_id": "g.run_id",
    "workflow_name": "g.workflow",
}


@dataclass(frozen=True, eq=False)
class Update:
    """A part of a move that changes one row (`s`) of the run's steps for each record (`g`)."""

    changes: Mapping[str, str]
    where: str

    def text(self, source: str = "") -> str:
        """Return the statement; `source` names where the records are, on PostgreSQL."""
        changes = ", ".join(f"{name} = {value}" for name, value in self.changes.items())
        head = f"UPDATE {sqltext.table_of(StepSnapshot)} AS s SET {changes}"  # noqa: S608 - names of ours
        return f"{head}{_from(source)} WHERE {self.where}"


@dataclass(frozen=True, eq=False)
class Insert:
    """A part of a move that inserts one row for each record; other columns get their defaults."""

    model: sqltext.Model
    values: Mapping[str, str]
    where: str = "true"

    def text(self, source: str = "") -> str:
        """Return the statement; `source` names where the records are, on PostgreSQL."""
        columns, places = sqltext.inserting(self.model, tuple(self.values))
        names = sqltext.in_order(self.model, *self.values)
        filled = places % tuple(self.values[name] for name in names)
        head = f"INSERT INTO {sqltext.table_of(self.model)} ({columns}) SELECT {filled}"
        return f"{head}{_from(source)} WHERE {self.where}"


@dataclass(frozen=True, eq=False)
class Move:
    """What one kind of move writes: `g` is the record of a run, `r` its row, `s` one of its steps.

    Nothing is written unless the run is still at the revision that the record names and the
    condition `still` is true; or, where the move makes the run, unless its id is free.
    """

    columns: Mapping[str, str]
    #: A column of numbers, which makes PostgreSQL look rows up by their keys: see `grouped.given`.
    number: str
    #: The changes of the run's row, besides its revision and the number of its last event.
    changes: Mapping[str, str]
    still: str
    then: tuple[Update | Insert, ...]
    #: The columns of a run that this move makes, besides those that it changes.
    makes: Mapping[str, str] = field(default_factory=dict)

    def first(self, source: str = "") -> str:
        """Return the guarded part; `source` names where the records are, on PostgreSQL."""
        if self.makes:
            made = {"revision": "g.revision + 1", "event_seq": "g.last_seq", **self.makes}
            insert = Insert(Run, {**made, **self.changes}, self.still)
            return f"{insert.text(source)} ON CONFLICT DO NOTHING"
        changes = {"revision": "r.revision + 1", "event_seq": "g.last_seq", **self.changes}
        written = ", ".join(f"{name} = {value}" for name, value in changes.items())
        head = f"UPDATE {sqltext.table_of(Run)} AS r SET {written}{_from(source)}"  # noqa: S608 - names of ours
        return f"{head} WHERE r.id = g.run AND r.revision = g.revision AND {self.still}"


def kind_of(kind: str) -> str:
    """Return what the database calls the type of a value."""
    if kind != PERSON:
        return kind
    user: str = sqltext.field_of(Run, "started_by").rel_db_type(sqltext.connection_here())
    return user


def _from(source: str) -> str:
    return f" FROM {source}" if source else ""


LOG: Final = Insert(RunEvent, _LOGGED)
SETTLING: Final = Move(
    _SETTLED,
    "g.token",
    {name: f"CASE WHEN g.is_end THEN {value} ELSE r.{name} END" for name, value in _ENDS.items()},
    "true",
    (
        Update(
            {
                "status": "'success'",
                "ended_at": "g.at",
                "worker_id": "NULL",
                "settled_token": "g.token",
                "output": "g.output",
            },
            "s.id = g.step",
        ),
        Insert(StepSnapshot, _BEGUN, "g.next IS NOT NULL"),
        LOG,
    ),
)
_STARTS: Final = {
    "status": "'running'",
    "version_id": "g.version",
    "active_count": "1",
    "started_at": "g.at",
    "input": "g.input",
    "state": "g.state",
    "initial_state": "g.state",
    "request_context": "g.context",
    "initial_request_context": "g.context",
}
_MAKES: Final = {
    "id": "g.run",
    "run_id": "g.run_id",
    "workflow_id": "g.workflow",
    "resource_id": "g.resource",
    "origin": "g.origin",
    "created_at": "g.created_at",
    "idle": "'0'",
}


def _starting(*, is_made: bool, has_actor: bool) -> Move:
    """Return the move that starts a run: one that is there, or one that it makes."""
    workflow = "g.workflow" if is_made else "r.workflow_id"
    is_open = (
        "NOT EXISTS (SELECT 1 FROM workflows_app_workflow AS w"  # noqa: S608 - names of ours
        f" WHERE w.id = {workflow} AND w.intake IS NOT NULL)"
    )
    by = {"started_by_id": "g.person", "timeline_actor": "g.actor"} if has_actor else {}
    first: tuple[Update | Insert, ...] = (Insert(StepSnapshot, _FIRST), LOG)
    return Move(
        _STARTED | (_MADE if is_made else {}) | (_ACTED if has_actor else {}),
        "g.token",
        _STARTS | by,
        is_open if is_made else f"r.status = 'pending' AND {is_open}",
        (*first, Insert(Action, _NOTED)) if has_actor else first,
        _MAKES if is_made else {},
    )


#: By whether the run is made, and whether somebody is named who started it.
STARTING: Final = {
    (is_made, has_actor): _starting(is_made=is_made, has_actor=has_actor)
    for is_made in (False, True)
    for has_actor in (False, True)
}
WAKING: Final = Move(
    _WOKEN,
    "g.timeline",
    {
        "status": "'running'",
        "active_count": "r.active_count + 1",
        "waiting_count": "r.waiting_count - 1",
    },
    "EXISTS (SELECT 1 FROM workflows_app_stepsnapshot AS s WHERE s.id = g.step"
    " AND s.status = 'waiting' AND s.superseded_on IS NULL)",
    (
        Update(
            {"status": "'success'", "ended_at": "g.at", "output": "g.output", "wake_at": "NULL"},
            "s.id = g.step",
        ),
        Insert(StepSnapshot, _QUEUED),
        LOG,
    ),
)
CLAIMING: Final = Move(CLAIMED_RUNS, "g.steps", {}, "true", (LOG,))
#: The step's row is checked because the caller may have read it before it locked the run.
IS_FREE: Final = (
    "s.id = g.step AND s.status = 'queued' AND s.token = g.token - 1 AND s.superseded_on IS NULL"
)
TAKING: Final = Update(
    {
        "status": "'running'",
        "worker_id": "g.worker",
        "token": "g.token",
        "wake_at": "NULL",
        "started_at": "g.started_at",
    },
    "s.id = g.step",
)
