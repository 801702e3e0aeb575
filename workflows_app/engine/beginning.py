"""The express lane of a start: a pending run whose first entry is a plain step.

What the verb does for it by way of the planner and a `Change` is done here in one statement, on
PostgreSQL, that runs which are started at the same time share. Where a thread of this process is
kept for it, the step is claimed in the same statement. A test holds the two ways equal.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import Error

from workflows_app.definition import Builder, Kind, Node
from workflows_app.engine import (
    clock,
    express,
    handing,
    inputs,
    ledger,
    payloads,
    ports,
    sessions,
    versions,
)
from workflows_app.engine.claims import describe
from workflows_app.engine.log import Event
from workflows_app.jsontext import Raw, dumps
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.fields import step_key
from workflows_app.planner.enter import queue_of
from workflows_app.planner.statuses import RunStatus, StepStatus


class Given(NamedTuple):
    """What a run starts with, as it was accepted."""

    input: Raw
    state: dict[str, Any]
    context: dict[str, Any]


def start(definition: Builder, run: Run, given: Given) -> Run | None:
    """Start a pending run, and return its row as it was written; None: take the long way."""
    node = definition.tree.first
    if not (express.is_open and express.is_here()) or node.kind is not Kind.STEP:
        return None
    if run.status != RunStatus.PENDING or node.step is None:
        return None
    queue = queue_of(node)
    place = express.place(run.workflow_id, node.path, queue)
    slot = handing.free_slot(queue, definition)
    now = max(clock.now(), run.created_at)
    payload = inputs.kept(definition.tree, node, given.input, is_given=definition.input.is_any)
    step = _first_step(run, node, queue, payload, is_run_input=payload is given.input, now=now)
    if slot is not None:
        step.__dict__.update(
            status=StepStatus.RUNNING.value, worker_id=slot.worker, token=1, started_at=now
        )
    begun = _begun(run, definition, given, now)
    events = [_started_event(begun, given.input)]
    if slot is not None:
        at = now.isoformat()
        events.append(express.told_begun(node.key, node.path, step.pk, payload, at))
    try:
        is_written = _write(run, begun, step, events)
    except Error:
        return None  # the long way finds out what happened
    if not is_written:
        return None
    begun.revision, begun.event_seq = run.revision + 1, run.event_seq + len(events)
    statements.adopted(step)
    ports.published(run.pk, begun.event_seq, is_settled=False)
    if slot is None:
        ports.wake([ports.Wake(step.pk, run.pk, queue, place=place)])
    else:
        _hand(slot, begun, step, payload, now)
    return begun


def _first_step(
    run: Run, node: Node, queue: str, payload: Raw, *, is_run_input: bool, now: datetime
) -> StepSnapshot:
    stands_elsewhere = is_run_input and payloads.is_large(payload)
    return statements.new(
        StepSnapshot,
        id=step_key(),
        run_id=run.pk,
        path=node.path,
        base_path=node.path,
        kind="step",
        status=StepStatus.QUEUED.value,
        timeline=run.timeline,
        queue=queue,
        payload=None if stands_elsewhere else payload,
        payload_from=payloads.RUN_INPUT if stands_elsewhere else "",
        queued_at=now,
        metadata={} if node.step is None else node.step.metadata,
    )


def _begun(run: Run, definition: Builder, given: Given, now: datetime) -> Run:
    begun = statements.duplicate(run)
    begun.__dict__.update(
        status=RunStatus.RUNNING.value, version_id=versions.ensure(definition), active_count=1,
        started_at=now, input=given.input, state=given.state, initial_state=given.state,
        request_context=given.context, initial_request_context=given.context,
    )  # fmt: skip
    return begun


def _started_event(run: Run, taken: Raw) -> Event:
    payload: dict[str, object] = {"workflow_id": run.workflow_id, "input": taken, "actor": None}
    refs = {"input": payloads.RUN_INPUT} if payloads.is_large(taken) else {}
    return express.told("workflow-start", payload, refs)


def _write(run: Run, begun: Run, step: StepSnapshot, events: list[Event]) -> bool:
    return ledger.start(
        **express.of_run(run, run.event_seq + 1, step.queued_at, events),
        version=begun.version_id, input=begun.input, state=dumps(begun.state),
        context=dumps(begun.request_context), next=step.pk, path=step.path, status=step.status,
        queue=step.queue, payload_from=step.payload_from, payload=step.payload,
        metadata=dumps(step.metadata), worker=step.worker_id, token=step.token,
        started_at=step.started_at,
    )  # fmt: skip


def _hand(slot: handing.Slot, begun: Run, step: StepSnapshot, taken: Raw, now: datetime) -> None:
    session = sessions.of(begun.pk)
    with session.lock:
        session.keep(begun, sessions.Rows())
        session.rows.add(step)
        session.recall = slot.recall
    slot.claim = describe(begun, step, session, taken, now)
