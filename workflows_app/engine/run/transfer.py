"""The transfer of a claim to the process that it was made for, and of a result back to the caller.

Both travel between processes as JSON text, and may be lost. The database remembers the claim, and a
caller without a message reads the result.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

from django.db import models

from workflows_app.engine.run import sessions
from workflows_app.engine.run.change_readers import LEAVING
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.recall import Recall, Recalled
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import Run, StepSnapshot, sqltext, statements
from workflows_app.models.step import PAYLOAD_FIELDS

#: The version of the form; a process ignores text in another one.
FORM: Final = 2
#: Longest text of a claim, in characters.
LONGEST_CLAIM: Final = 65_536
#: Longest text of a result, in characters.
LONGEST_RESULT: Final = 65_536

#: Fields of a claim that are neither in the run's row nor in the step's.
_OWN: Final = (
    "is_sampled", "restarted", "payload", "is_resuming", "resume_payload", "suspend_payload",
    "claimed_at", "round",
)  # fmt: skip
#: Fields of a `Claim` that hold JSON text.
_TEXTS: Final = frozenset({"payload", "resume_payload", "suspend_payload"})


def pack(held: Claim, caller: str | None = None) -> str:
    """Return a claim as text, with what its maker knows about the run.

    `caller`: the address to tell when the run has ended. Raises LookupError if nothing is known
    about the run any more, or if it is too much to send.
    """
    session = held.session
    with session.lock:
        run, step = session.model, session.rows.by_path.get(held.path)
        if run is None or step is None or step.pk != held.step:
            raise LookupError(f"Nothing is known about run {held.run_id} any more.")
        text = _dumps(
            {
                "form": FORM,
                "run": _packed(run, _columns(Run)),
                "step": _packed(step, _columns(StepSnapshot)),
                "own": {name: _text(getattr(held, name)) for name in _OWN},
                "caller": caller,
                "recall": session.recall is not None,
            }
        )
    if len(text) > LONGEST_CLAIM:
        raise LookupError(f"Run {held.run_id} is too large to be transferred.")
    return text


def unpack(text: bytes | str) -> Claim | None:
    """Return the claim, with a session that knows what its maker knew; None: another form."""
    given = loads(text)
    if given.get("form") != FORM:
        return None
    run = _row(Run, given["run"], _columns(Run))
    step = _row(StepSnapshot, given["step"], _columns(StepSnapshot))
    session = sessions.of(run.pk)
    with session.lock:
        if session.model is None or session.model.revision < run.revision:
            rows = sessions.Rows()
            rows.add(step)
            session.keep(run, rows)
            session.recall = Recall() if given["recall"] else None
            session.caller = given["caller"]
    own: dict[str, Any] = {
        name: Raw(value) if name in _TEXTS and value is not None else value
        for name, value in given["own"].items()
    }
    own["claimed_at"] = datetime.fromisoformat(own["claimed_at"])
    return Claim(
        run=run.pk, run_id=run.run_id, workflow_id=run.workflow_id, resource_id=run.resource_id,
        trace_id=run.trace_id, span_id=run.span_id, step=step.pk, path=step.path,
        base_path=step.base_path, kind=step.kind, token=step.token,
        worker=step.worker_id or uuid.UUID(int=0), queue=step.queue, retry_count=step.retry_count,
        state=run.state, request_context=run.request_context, session=session, **own,
    )  # fmt: skip


def pack_end(recall: Recall) -> str:
    """Return the result of a run as text; empty if it is too long or not all of it is known."""
    if recall.ended is None:
        return ""
    text = _dumps({"form": FORM, "run": recall.ended, "steps": recall.steps})
    return text if len(text) <= LONGEST_RESULT else ""


def unpack_end(text: str, begun: Run) -> tuple[Run, list[Recalled]] | None:
    """Return the row of a run that has ended, and its steps; None: read them instead.

    `begun` is the run as the caller's process started it.
    """
    given = loads(text) if text else {}
    if given.get("form") != FORM:
        return None
    recall = Recall()
    recall.steps, recall.ended = given["steps"], given["run"]
    return recall.rows(begun)


def _dumps(value: Any) -> str:
    """Return JSON text of a value that may hold UUIDs and times."""
    try:
        return dumps(value)
    except TypeError:  # the encoder that takes big numbers knows neither
        return dumps(_plain(value))


def _text(value: Any) -> Any:
    """Return JSON text as a plain string, instead of the value that it encodes."""
    return str(value) if isinstance(value, Raw) else value


class _Columns(NamedTuple):
    """The columns of a model that are sent."""

    #: Defaults that are the same for every row.
    defaults: dict[str, Any]
    #: Those of them that are containers.
    containers: dict[str, Callable[[], Any]]
    names: frozenset[str]
    #: How to read columns whose values JSON cannot hold.
    read: list[tuple[str, Callable[[Any], Any]]]
    #: Those of them that no encoder takes.
    spans: frozenset[str]


@cache
def _columns(model: type[models.Model]) -> _Columns:
    leaving = LEAVING if model is Run else PAYLOAD_FIELDS
    plain, made = sqltext.defaults_of(model)
    containers: dict[str, Callable[[], Any]] = {
        name: how for name, how in made if how in sqltext.CONTAINERS
    }
    defaults = plain | {name: how() for name, how in made if how in _ALIKE}
    read: list[tuple[str, Callable[[Any], Any]]] = []
    names = []
    for field in model._meta.concrete_fields:  # noqa: SLF001 - documented API
        if field.attname in leaving:
            defaults.pop(field.attname, None)
            containers.pop(field.attname, None)
            continue
        names.append(field.attname)
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        how = next((how for kind, how in _READ.items() if isinstance(target, kind)), None)
        if how is not None:
            read.append((field.attname, how))
    spans = frozenset(name for name, how in read if how is _span)
    return _Columns(defaults, containers, frozenset(names), read, spans)


def _packed(row: models.Model, columns: _Columns) -> dict[str, Any]:
    """Return the columns of a row that differ from their defaults, and which are missing."""
    known, defaults = row.__dict__, columns.defaults
    values = {
        name: value
        for name, value in known.items()
        if name in columns.names and defaults.get(name, _ABSENT) != value
    }
    for name in columns.spans & values.keys():
        values[name] = _plain(values[name])
    without = columns.names - known.keys()
    return {"values": values, "without": list(without)} if without else {"values": values}


def _row(model: Any, packed: Mapping[str, Any], columns: _Columns) -> Any:
    """Return the object for a row of the database from the columns that were sent."""
    values = packed["values"]
    row = statements.known(model, columns.defaults)
    known = row.__dict__
    known.update(values)
    for name, make in columns.containers.items():
        if name not in values:
            known[name] = make()
    for name in packed.get("without", ()):
        known.pop(name, None)
    for name, read in columns.read:
        if values.get(name) is not None:
            known[name] = read(values[name])
    return row


def _plain(value: Any) -> Any:
    """Return a value that any JSON encoder takes."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    return value


def _span(micros: int) -> timedelta:
    return timedelta(microseconds=micros)


_ABSENT: Final = object()
#: Functions whose defaults are the same for every row.
_ALIKE: Final = (*sqltext.CONTAINERS, timedelta)
_READ: Final[Mapping[type[Any], Callable[[Any], Any]]] = {
    models.UUIDField: uuid.UUID,
    models.DateTimeField: datetime.fromisoformat,
    models.DurationField: _span,
}
