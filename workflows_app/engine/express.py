"""The express lane: a plain step has succeeded, and a plain step follows it on the same queue.

What `settle` does for it by way of the planner and a `Change` is done here in one go, on
PostgreSQL: one statement, guarded by the run's revision, of which only the values differ. Wherever
anything is not plain, or not as this process remembers it, the caller takes the long way; a test
holds the two equal (`tests/integration/engine/test_express.py`).
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections

from workflows_app.definition import Graph, Kind, Node
from workflows_app.engine import clock, payloads, ports
from workflows_app.engine.claims import Claim
from workflows_app.engine.log import Event
from workflows_app.jsontext import Raw, dumps
from workflows_app.models import Run, RunEvent, StepSnapshot, statements
from workflows_app.models.fields import step_key
from workflows_app.planner.outcomes import Outcome, Succeeded
from workflows_app.planner.statuses import StepStatus

#: What is written of the step that ended, of the one that begins, and of the log.
_ENDED: Final = ("status", "ended_at", "worker_id", "settled_token", "output")
_BEGUN: Final = statements.in_order(
    StepSnapshot,
    "id", "run_id", "path", "base_path", "kind", "status", "timeline", "queue", "payload_from",
    "payload", "metadata", "worker_id", "token", "queued_at", "started_at",
)  # fmt: skip
_LOGGED: Final = statements.in_order(
    RunEvent, "run_id", "first_seq", "last_seq", "timeline", "at", "events"
)
_SHAPE: Final = (
    (StepSnapshot, ((_ENDED, 1),), (_BEGUN,)),
    (RunEvent, (), (_LOGGED,)),
)

#: Switched off by the test that holds the two ways equal.
is_open = True


def settle(graph: Graph, held: Claim, outcome: Outcome) -> Claim | None:
    """Record a plain success and claim the plain step that follows; None: take the long way."""
    following = _following(graph, held, outcome)
    if following is None or not isinstance(outcome, Succeeded):
        return None
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return None
    session = held.session
    with session.lock:
        model = session.model
        row = session.rows.by_path.get(held.path)
        if model is None or row is None or session.brought or not _is_plain(model, row, held):
            return None
        return _record(held, model, row, following, outcome.output)


def _following(graph: Graph, held: Claim, outcome: Outcome) -> Node | None:
    """Return the plain step that follows on the same queue, if that is what follows."""
    if not is_open or type(outcome) is not Succeeded or outcome.changes:
        return None
    node = graph.nodes[held.base_path]
    if node.kind is not Kind.STEP or node.next is None or held.path != held.base_path:
        return None
    following = graph.nodes[node.next]
    step = following.step
    is_plain = following.kind is Kind.STEP and step is not None and step.queue == held.queue
    return following if is_plain else None


def _is_plain(model: Run, row: StepSnapshot, held: Claim) -> bool:
    """Return whether nothing but this step goes on in the run, as far as is known."""
    is_mine = row.pk == held.step and row.token == held.token and row.parent_id is None
    return (
        is_mine
        and row.status == "running"
        and model.status == "running"
        and not model.ending
        and model.allowance is None
        and not model.answers_ahead
    )


def _record(
    held: Claim, model: Run, row: StepSnapshot, following: Node, output: Raw
) -> Claim | None:
    now = max(clock.now(), held.claimed_at)
    key = step_key(after=max(held.session.rows.newest, held.step))
    is_large = payloads.is_large(output)
    first = model.event_seq + 1
    events = _events(held, following, output, key, now.isoformat())
    metadata = {} if following.step is None else following.step.metadata
    begun = {
        "id": key, "run_id": model.pk, "path": following.path, "base_path": following.path,
        "kind": "step", "status": "running", "timeline": model.timeline, "queue": held.queue,
        "payload_from": str(held.step) if is_large else "", "payload": None if is_large else output,
        "metadata": dumps(metadata), "worker_id": held.worker, "token": 1, "queued_at": now,
        "started_at": now,
    }  # fmt: skip
    logged = {
        "run_id": model.pk, "first_seq": first, "last_seq": first + 2, "timeline": model.timeline,
        "at": now, "events": dumps(events),
    }  # fmt: skip
    values = [
        model.revision + 1, first + 2, model.pk, model.revision,
        "success", now, None, held.token, output, held.step,
        *[begun[name] for name in _BEGUN], *[logged[name] for name in _LOGGED],
    ]  # fmt: skip
    session = held.session
    if not statements.run_together(Run, ("revision", "event_seq"), "revision", _SHAPE, values):
        session.forget()
        return None
    model.revision += 1
    model.event_seq += 3
    session.rows.drop(held.path)
    session.rows.add(_begun(held, model, following, key, now))
    ports.published(model.pk, model.event_seq, is_settled=False)
    return replace(
        held,
        step=key,
        path=following.path,
        base_path=following.path,
        token=1,
        retry_count=0,
        restarted=False,
        payload=output,
        is_resuming=False,
        resume_payload=None,
        suspend_payload=None,
        claimed_at=now,
    )


def _events(held: Claim, following: Node, output: Raw, key: int, at: str) -> list[Event]:
    """Return what the log is told, as `telling` would tell it."""
    name = held.path
    ended = {"id": name, "path": name, "status": "success", "output": output, "ended_at": at}
    begun = {
        "id": following.key,
        "path": following.path,
        "payload": output,
        "status": "running",
        "started_at": at,
    }
    result: Event = {"type": "workflow-step-result", "payload": ended}
    start: Event = {"type": "workflow-step-start", "payload": begun}
    if payloads.is_large(output):
        del ended["output"], begun["payload"]
        result["refs"] = {"output": f"{held.step}.output"}
        start["refs"] = {"payload": f"{key}.payload"}
    finish: Event = {"type": "workflow-step-finish", "payload": {"id": name, "path": name}}
    return [result, finish, start]


def _begun(held: Claim, model: Run, following: Node, key: int, now: datetime) -> StepSnapshot:
    """Return the snapshot of the step that begins, as it stands in the database now."""
    step = statements.new(
        StepSnapshot,
        id=key,
        run_id=model.pk,
        path=following.path,
        base_path=following.path,
        kind="step",
        status=StepStatus.RUNNING.value,
        timeline=model.timeline,
        queue=held.queue,
        worker_id=held.worker,
        token=1,
        queued_at=now,
        started_at=now,
    )
    statements.adopted(step)
    del step.__dict__["payload"], step.__dict__["metadata"]
    return step
