"""The shortcut for starting a run whose first entry is a plain step.

One move does what the verb otherwise does with the planner and a `Change`; it also makes the run,
if that has no row yet. Runs that start at the same time share the move. If a worker has an idle
thread, the move also claims the step for it. The tests in `tests/integration/engine/recorders/`
compare the shortcut with the verb.
"""

import uuid
from datetime import datetime
from typing import Any, NamedTuple

from django.db import Error

from workflows_app.definition import Builder, Node
from workflows_app.engine.host import clock
from workflows_app.engine.record import chain, ledger
from workflows_app.engine.run import audit, events, inputs, payloads, versions
from workflows_app.engine.run.events import Event
from workflows_app.jsontext import Raw, dumps
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.fields import step_key
from workflows_app.planner import plain
from workflows_app.planner.enter import queue_of
from workflows_app.planner.statuses import RunStatus, StepStatus


class Given(NamedTuple):
    """The accepted values that a run starts with, and who starts it through which door."""

    input: Raw
    state: dict[str, Any]
    context: dict[str, Any]
    actor: Any = None
    door: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """What the row of the run takes from this."""
        fields = {
            "input": self.input,
            "state": self.state,
            "initial_state": self.state,
            "request_context": self.context,
            "initial_request_context": self.context,
            "timeline_actor": audit.name_of(self.actor) or "",
        }
        person = getattr(self.actor, "pk", None)
        return fields if person is None else {**fields, "started_by_id": person}


class Begun(NamedTuple):
    """A run that was started: its row as it was written, its first step, and that step's input."""

    run: Run
    step: StepSnapshot
    payload: Raw


def first_step(definition: Builder, run: Run) -> Node | None:
    """Return the plain step that a pending run begins with; None if there is no shortcut."""
    found = (
        plain.shortcut(definition.tree, chain.facts_of(run)) if chain.commits_at_once() else None
    )
    return found.first if isinstance(found, plain.Start) else None


def start(
    definition: Builder, run: Run, node: Node, given: Given, worker: uuid.UUID | None
) -> Begun | None:
    """Start a run with its first step, queued or held by a worker.

    None: the run was no longer pending, its id was taken, or the database refused.
    """
    now = max(clock.now(), run.created_at)
    payload = inputs.kept(definition.tree, node, given.input, is_given=definition.input.is_any)
    is_run_input = payload is given.input
    step = _first_step(run, node, queue_of(node), payload, is_run_input=is_run_input, now=now)
    if worker is not None:
        step.__dict__.update(
            status=StepStatus.RUNNING.value, worker_id=worker, token=1, started_at=now
        )
    begun = _begun(run, definition, given, now)
    told = [events.started(run.workflow_id, given.input, begun.timeline_actor or None)]
    if worker is not None:
        named = {"id": node.key, "path": node.path}
        told.append(events.step_started(named, step.pk, payload, now))
    try:
        is_written = _write(run, begun, step, told, given)
    except Error:
        return None  # the reference finds out what happened
    if not is_written:
        return None
    begun.revision, begun.event_seq = run.revision + 1, run.event_seq + len(told)
    statements.adopted(begun)
    statements.adopted(step)
    return Begun(begun, step, payload)


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
        given.fields,
        status=RunStatus.RUNNING.value, version_id=versions.ensure(definition), active_count=1,
        started_at=now,
    )  # fmt: skip
    return begun


def verb_of(run: Run) -> str:
    """Return what the audit trail calls the start of a run."""
    return "rerun" if run.origin else "start"


def _write(run: Run, begun: Run, step: StepSnapshot, told: list[Event], given: Given) -> bool:
    return ledger.write_start(
        **_made(run), **_acted(run, given, step.queued_at),
        **chain.of_run(run, run.event_seq + 1, step.queued_at, told),
        version=begun.version_id, input=begun.input, state=dumps(begun.state),
        context=dumps(begun.request_context), next=step.pk, path=step.path, status=step.status,
        queue=step.queue, payload_from=step.payload_from, payload=step.payload,
        metadata=dumps(step.metadata), worker=step.worker_id, token=step.token,
        started_at=step.started_at,
    )  # fmt: skip


def _made(run: Run) -> dict[str, Any]:
    """Return what is written of a run that has no row yet."""
    return {
        "is_made": not statements.is_written(run), "run_id": run.run_id,
        "workflow": run.workflow_id, "resource": run.resource_id, "origin": run.origin,
        "created_at": run.created_at,
    }  # fmt: skip


def _acted(run: Run, given: Given, now: datetime) -> dict[str, Any]:
    """Return what is written of who starts a run."""
    if given.actor is None:
        return {}
    action = audit.on_run(run, now, verb_of(run), given.actor, door=given.door)
    return {
        "person": statements.stored(Run, "started_by_id", action.actor_id),
        "actor": action.actor_name,
        "verb": action.verb,
        "door": action.door,
        "address": action.address,
        "request_id": action.request_id,
    }
