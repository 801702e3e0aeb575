"""Events from outside: each answers the steps that wait for it, or is kept for one to come.

An event is one transaction, or part of the caller's.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from django.db import IntegrityError

from workflows_app import conf, errors
from workflows_app.definition import ANY, Schema, registry
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import accepted, audit, definitions, waits
from workflows_app.engine.run.performing import change, leave
from workflows_app.jsontext import Raw
from workflows_app.models import OutsideEvent, Run, Wait

#: Says whether runs of a workflow may be answered.
Sees = Callable[[str], bool]
#: The most events that one transaction deletes.
_BATCH: Final = 1000


def emit(
    name: str,
    key: str,
    data: Any,
    *,
    event_id: str | None = None,
    actor: Any = None,
    door: str = "",
    sees: Sees = lambda _workflow: True,
) -> int:
    """Answer every step that waits for this event, and return how many there were.

    If there are none, the event is kept. `event_id`: a repeated one changes nothing. `sees` leaves
    out the runs of workflows that the actor may not know of. Raises InvalidResumeData.
    """
    with transactions.write():
        waits.lock_event(name, key)
        if event_id is not None and (known := _known(name, event_id)) is not None:
            return known
        row = _noted(name, key, event_id, actor)
        if row is None:
            return _known(name, event_id or "") or 0
        found = [
            each
            for each in Wait.objects.for_event(name, key).select_related("step", "run")
            if sees(each.run.workflow_id)
        ]
        given = _answers(found, data)
        row.answered = sum(
            _answer_run(run, [(each, given[each.pk]) for each in rows], row, actor, door)
            for run, rows in groupby(sorted(found, key=_by_run), key=lambda each: each.run_id)
        )
        if not row.answered:
            row.data = given[None]
            _note_kept(row, actor, door)
        row.save(update_fields=["answered", "data"])
        return row.answered


def _by_run(row: Wait) -> tuple[uuid.UUID, int]:
    return row.run_id, row.pk


def _known(name: str, event_id: str) -> int | None:
    """Return how many steps an event answered that was emitted before; None if there is none."""
    rows = OutsideEvent.objects.filter(name=name, event_id=event_id)
    return rows.values_list("answered", flat=True).first()


def _noted(name: str, key: str, event_id: str | None, actor: Any) -> OutsideEvent | None:
    """Write an event down; None if somebody has just emitted one with this id."""
    row = OutsideEvent(
        name=name,
        key=key,
        event_id=event_id,
        emitted_by=(audit.name_of(actor) or "")[:255],
        emitted_at=clock.now(),
    )
    try:
        with transactions.atomic():  # a savepoint: the caller's transaction goes on
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def _answers(found: Sequence[Wait], data: Any) -> dict[int | None, Raw]:
    """Return the data as each waiting step takes it, by wait; None stands for none of them.

    Raises InvalidResumeData, before anything is answered.
    """
    what = "The event's data"
    plain = accepted.checked(ANY, data, errors.InvalidResumeData, what, what)
    given: dict[int | None, Raw] = {None: plain}
    for row in found:
        fits = f"The event's data does not fit what step {row.step.path!r} waits for"
        given[row.pk] = accepted.checked(type_of(row), data, errors.InvalidResumeData, fits, what)
    return given


def type_of(row: Wait) -> Schema:
    """Return the type of what a step waits for; any, where this process has other code."""
    definition = registry.find(row.run.workflow_id)
    if definition is None or definitions.problem_at(row.run, row.step):
        return ANY
    step = definition.tree.nodes[row.step.base_path].step
    return ANY if step is None else step.resume


def _answer_run(
    run: uuid.UUID,
    rows: Sequence[tuple[Wait, Raw]],
    event: OutsideEvent,
    actor: Any,
    door: str,
) -> int:
    """Answer the steps of one run that still wait; return how many."""
    paths: list[str] = []
    try:
        with change(run, clock.now()) as changing:
            for row, value in rows:
                step = waits.waiting_step(changing, row)
                if step is not None:
                    waits.give(changing, step, row, value, actor=audit.name_of(actor))
                    paths.append(step.path)
            if not paths:
                leave()
            said = {"event": event.name, "key": event.key, "event_id": event.event_id}
            audit.record(changing, "emit", actor, door=door, path=", ".join(paths), **said)
    except Run.DoesNotExist:
        return 0
    return len(paths)


def _note_kept(row: OutsideEvent, actor: Any, door: str) -> None:
    """Note in the audit trail who emitted an event that is kept."""
    if actor is not None:
        audit.record_on_event(row, actor, door)


def prune(now: datetime) -> int:
    """Delete events that were kept, or known by their id, for long enough; return how many."""
    until = now - timedelta(seconds=conf.get("EVENT_WINDOW_SECONDS"))
    deleted = 0
    while keys := list(
        OutsideEvent.objects.filter(emitted_at__lte=until).values_list("pk", flat=True)[:_BATCH]
    ):
        with transactions.write():
            deleted += OutsideEvent.objects.filter(pk__in=keys).delete()[0]
    return deleted
