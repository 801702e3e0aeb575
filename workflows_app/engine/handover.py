"""A claim on its way to the process that it was made for, and what came of a run on its way back.

Both travel as JSON text through what connects the processes, and may be lost there: the database
remembers the claim, and whoever waits for a result reads it.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.db import models

from workflows_app.engine import sessions
from workflows_app.engine.change import LEAVING
from workflows_app.engine.claims import Claim
from workflows_app.engine.recall import Recall, as_read
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import Run, StepSnapshot, sqltext, statements
from workflows_app.models.step import PAYLOAD_FIELDS

#: A process leaves what was written in another form alone.
FORM: Final = 1
#: Longest text, in characters, as which a claim travels.
MOST_HANDED: Final = 65_536
#: Longest text, in characters, that tells what came of a run: every process gets it.
MOST_TOLD: Final = 16_384

#: What a claim has besides what stands in the run's row and the step's.
_OWN: Final = (
    "is_sampled", "restarted", "payload", "is_resuming", "resume_payload", "suspend_payload",
    "claimed_at", "round",
)  # fmt: skip
#: Of these a `Claim` holds JSON text.
_TEXTS: Final = frozenset({"payload", "resume_payload", "suspend_payload"})


def pack(held: Claim) -> str:
    """Return a claim as text, with what its maker knows of the run.

    Raises LookupError when nothing is known of the run any more, or too much.
    """
    session = held.session
    with session.lock:
        run, step = session.model, session.rows.by_path.get(held.path)
        if run is None or step is None or step.pk != held.step:
            raise LookupError(f"Nothing is known of run {held.run_id} any more.")
        text = dumps(
            {
                "form": FORM,
                "run": _packed(run, LEAVING),
                "step": _packed(step, PAYLOAD_FIELDS),
                "own": {name: _text(getattr(held, name)) for name in _OWN},
                "recall": session.recall is not None,
            }
        )
    if len(text) > MOST_HANDED:
        raise LookupError(f"Run {held.run_id} has too much with it to be handed over.")
    return text


def unpack(text: bytes | str) -> Claim | None:
    """Return the claim, its session knowing what its maker knew; None: it has another form."""
    given = loads(text)
    if given.get("form") != FORM:
        return None
    run, step = _row(Run, given["run"]), _row(StepSnapshot, given["step"])
    session = sessions.of(run.pk)
    with session.lock:
        if session.model is None or session.model.revision < run.revision:
            rows = sessions.Rows()
            rows.add(step)
            session.keep(run, rows)
            session.recall = Recall(is_told=True) if given["recall"] else None
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


def pack_end(recall: Recall) -> str | None:
    """Return what came of a run as text: its row, and those of its steps; None: too much."""
    if recall.run is None:
        return None
    steps = [_packed(step) for step in recall.steps]
    text = dumps({"form": FORM, "run": _packed(recall.run), "steps": steps})
    return text if len(text) <= MOST_TOLD else None


def unpack_end(text: str, begun: Run) -> tuple[Run, list[StepSnapshot]] | None:
    """Return the rows of a run that has ended and of its steps; None: it has another form.

    `begun` is the run as the caller's process started it: it has what did not travel.
    """
    given = loads(text)
    if given.get("form") != FORM:
        return None
    run = as_read(begun)
    run.__dict__.update(_row(Run, given["run"]).__dict__)
    return run, [_row(StepSnapshot, step) for step in given["steps"]]


def _text(value: Any) -> Any:
    """Return JSON text as the text that it is, instead of the value it stands for."""
    return str(value) if isinstance(value, Raw) else _plain(value)


def _packed(row: models.Model, leaving: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns of a row that are not as they are by default, and what it is without."""
    known = row.__dict__
    plain, made, _ = _columns(type(row))
    values: dict[str, Any] = {}
    without = list(leaving)
    for name, default in plain.items():
        value = known.get(name, _ABSENT)
        if value is default or name in leaving:
            continue
        if value is _ABSENT:
            without.append(name)
        elif value != default:
            values[name] = _plain(value)
    for name in made:
        if name in known and name not in leaving:
            value = known[name]
            values[name] = _plain(value)
        elif name not in leaving:
            without.append(name)
    return {"values": values, "without": without}


def _row(model: Any, packed: Mapping[str, Any]) -> Any:
    """Return the object for a row that stands in the database, by what is known of it."""
    plain, _, read = _columns(model)
    known = dict(plain)
    known.update(packed["values"])
    for name in packed["without"]:
        known.pop(name, None)
    for name in read.keys() & packed["values"].keys():
        if known[name] is not None:
            known[name] = read[name](known[name])
    return statements.known(model, known)


@cache
def _columns(
    model: type[models.Model],
) -> tuple[dict[str, Any], list[str], dict[str, Callable[[Any], Any]]]:
    """Return a model's columns with a default, those whose default is made anew, and how to read.

    The last for columns whose values are no JSON.
    """
    plain, made = sqltext.defaults_of(model)
    read = {}
    for field in model._meta.concrete_fields:  # noqa: SLF001 - documented API
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        how = next((how for kind, how in _READ.items() if isinstance(target, kind)), None)
        if how is not None:
            read[field.attname] = how
    return plain, [name for name, _ in made], read


def _plain(value: Any) -> Any:
    """Return a column's value as any encoder of JSON takes it."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    return value


_ABSENT: Final = object()
_READ: Final[Mapping[type[Any], Callable[[Any], Any]]] = {
    models.UUIDField: uuid.UUID,
    models.DateTimeField: datetime.fromisoformat,
    models.DurationField: lambda micros: timedelta(microseconds=micros),
}
