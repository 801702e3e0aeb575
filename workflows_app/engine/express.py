"""The express lane: a plain step has succeeded, and a plain step follows it on the same queue.

What `settle` does for it by way of the planner and a `Change` is done here in one go, on
PostgreSQL: one statement, guarded by the run's revision, of which only the values differ. Wherever
anything is not plain, or not as this process remembers it, the caller takes the long way; a test
holds the two equal (`tests/integration/engine/test_express.py`).
"""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.db import DEFAULT_DB_ALIAS, connections

from workflows_app.definition import Graph, Kind, Node, registry
from workflows_app.engine import clock, payloads, ports, versions
from workflows_app.engine.claims import Claim, describe
from workflows_app.engine.log import Event
from workflows_app.engine.sessions import Session
from workflows_app.jsontext import Raw, dumps
from workflows_app.models import Run, RunEvent, StepSnapshot, sqltext, statements
from workflows_app.models.fields import step_key
from workflows_app.planner.outcomes import Outcome, Succeeded
from workflows_app.planner.statuses import StepStatus

#: What is written of the step that ended, of the one that begins, and of the log.
_ENDED: Final = ("status", "ended_at", "worker_id", "settled_token", "output")
_BEGUN: Final = sqltext.in_order(
    StepSnapshot,
    "id", "run_id", "path", "base_path", "kind", "status", "timeline", "queue", "payload_from",
    "payload", "metadata", "worker_id", "token", "queued_at", "started_at",
)  # fmt: skip
_LOGGED: Final = sqltext.in_order(
    RunEvent, "run_id", "first_seq", "last_seq", "timeline", "at", "events"
)
_LOG: Final = (RunEvent, (), (_LOGGED,))
_CLAIMED: Final = ("status", "worker_id", "token", "wake_at", "started_at")
_RUN_GOES_ON: Final = ("revision", "event_seq")
_RUN_ENDED: Final = (
    "status", "revision", "event_seq", "active_count", "settled_at", "ended_at", "error", "result",
)  # fmt: skip
#: What each statement is made of: see `statements.Shape`.
_NEXT: Final = ((StepSnapshot, ((_ENDED, 1),), (_BEGUN,)), _LOG)
_LAST: Final = ((StepSnapshot, ((_ENDED, 1),), ()), _LOG)
_TAKEN: Final = ((StepSnapshot, ((_CLAIMED, 1),), ()), _LOG)

#: Switched off by the test that holds the two ways equal.
is_open = True


def settle(graph: Graph, held: Claim, outcome: Outcome) -> tuple[bool, Claim | None]:
    """Record a plain success, and claim the plain step that follows or end the run.

    Return whether that was done; if not, the caller takes the long way.
    """
    node = graph.nodes[held.base_path]
    if not _is_possible(node, held, outcome) or not isinstance(outcome, Succeeded):
        return False, None
    following = None if node.next is None else graph.nodes[node.next]
    if following is not None and not _is_plain_step(following, held):
        return False, None
    session = held.session
    with session.lock:
        model = session.model
        row = session.rows.by_path.get(held.path)
        if model is None or row is None or session.brought or not _is_plain(model, row, held):
            return False, None
        if following is not None:
            taken = _record(held, model, node, following, outcome.output)
            return taken is not None, taken
        return _finish(held, model, node, outcome.output), None


def _is_possible(node: Node, held: Claim, outcome: Outcome) -> bool:
    """Return whether this is a plain success of a plain step, on a database that can do it."""
    if not is_open or type(outcome) is not Succeeded or outcome.changes:
        return False
    if node.kind is not Kind.STEP or held.path != held.base_path:
        return False
    return is_here()


def is_here() -> bool:
    """Return whether this thread may write in one statement: PostgreSQL, and no transaction."""
    connection = connections[DEFAULT_DB_ALIAS]
    return connection.vendor == "postgresql" and not connection.in_atomic_block


def _is_plain_step(following: Node, held: Claim) -> bool:
    step = following.step
    return following.kind is Kind.STEP and step is not None and step.queue == held.queue


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


def _record(held: Claim, model: Run, node: Node, following: Node, output: Raw) -> Claim | None:
    now = max(clock.now(), held.claimed_at)
    key = step_key(after=max(held.session.rows.newest, held.step))
    is_large = payloads.is_large(output)
    first = model.event_seq + 1
    at = now.isoformat()
    ended = _ended(held, node, output, at)
    payload = {"status": "running", "started_at": at}
    begun_event = _event(
        "workflow-step-start",
        {"id": following.key, "path": following.path, "payload": output, **payload},
        {"payload": f"{key}.payload"} if is_large else {},
    )
    metadata = {} if following.step is None else following.step.metadata
    begun = {
        "id": key, "run_id": model.pk, "path": following.path, "base_path": following.path,
        "kind": "step", "status": "running", "timeline": model.timeline, "queue": held.queue,
        "payload_from": str(held.step) if is_large else "", "payload": None if is_large else output,
        "metadata": dumps(metadata), "worker_id": held.worker, "token": 1, "queued_at": now,
        "started_at": now,
    }  # fmt: skip
    values = [
        model.revision + 1, first + 2, model.pk, model.revision,
        "success", now, None, held.token, output, held.step,
        *[begun[name] for name in _BEGUN], *_logged(model, first, now, [*ended, begun_event]),
    ]  # fmt: skip
    session = held.session
    if not statements.run_together(Run, _RUN_GOES_ON, "revision", _NEXT, values):
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


def _finish(held: Claim, model: Run, node: Node, output: Raw) -> bool:
    """Record the last step of a run, and the run's success; return whether that was done."""
    definition = registry.find(model.workflow_id)
    counts = (model.waiting_count, model.suspended_count, model.paused_count)
    if definition is None or definition.on_finish or model.active_count != 1 or any(counts):
        return False
    now = max(clock.now(), held.claimed_at)
    first = model.event_seq + 1
    finished = _event(
        "workflow-finish",
        {"status": "success", "result": output},
        {"result": f"{held.step}.output"} if payloads.is_large(output) else {},
    )
    events = [*_ended(held, node, output, now.isoformat()), finished]
    values = [
        "success", model.revision + 1, first + 2, 0, now, now, None, output, model.pk,
        model.revision,
        "success", now, None, held.token, output, held.step,
        *_logged(model, first, now, events),
    ]  # fmt: skip
    is_done = statements.run_together(Run, _RUN_ENDED, "revision", _LAST, values)
    held.session.forget()
    if is_done:
        ports.published(model.pk, first + 2, is_settled=True)
    return is_done


def claim(session: Session, seen: StepSnapshot, worker: uuid.UUID, now: datetime) -> Claim | None:
    """Claim a plain queued step that was read just now; None: take the long way.

    The caller holds the session's lock.
    """
    model, row = session.model, session.rows.by_path.get(seen.path)
    payload = seen.__dict__.get("payload")
    is_plain = seen.kind == Kind.STEP and seen.status == "queued" and not seen.is_resuming
    if not (is_open and is_plain and isinstance(payload, Raw) and is_here()):
        return None
    if model is None or row is None or row.pk != seen.pk or row.token != seen.token:
        return None
    if row.status != "queued":
        return None
    definition = registry.find(model.workflow_id)
    if model.status != "running" or model.ending or definition is None or seen.unknown_since:
        return None
    if not versions.is_present(definition, model.version_id):
        return None
    row.__dict__["payload"] = payload
    return _claim(session, model, row, worker, max(now, clock.now()))


def _claim(
    session: Session, model: Run, row: StepSnapshot, worker: uuid.UUID, now: datetime
) -> Claim | None:
    payload: Raw = row.payload
    node = registry.get(model.workflow_id).tree.nodes[row.base_path]
    seq = model.event_seq + 1
    event = _event(
        "workflow-step-start",
        {
            "id": node.key, "path": row.path, "payload": payload, "status": "running",
            "started_at": now.isoformat(),
        },
        {"payload": f"{row.pk}.payload"} if payloads.is_large(payload) else {},
    )  # fmt: skip
    started_at = row.started_at or now
    values = [
        model.revision + 1, seq, model.pk, model.revision,
        "running", worker, row.token + 1, None, started_at, row.pk,
        *_logged(model, seq, now, [event]),
    ]  # fmt: skip
    if not statements.run_together(Run, _RUN_GOES_ON, "revision", _TAKEN, values):
        session.forget()
        return None
    model.revision += 1
    model.event_seq = seq
    row.__dict__.update(
        status="running", worker_id=worker, token=row.token + 1, wake_at=None,
        started_at=started_at,
    )  # fmt: skip
    ports.published(model.pk, seq, is_settled=False)
    return describe(model, row, session, payload, now)


def _ended(held: Claim, node: Node, output: Raw, at: str) -> list[Event]:
    """Return what the log is told of a step that succeeded, as `telling` would tell it."""
    named = {"id": node.key, "path": held.path}
    result = _event(
        "workflow-step-result",
        {**named, "status": "success", "output": output, "ended_at": at},
        {"output": f"{held.step}.output"} if payloads.is_large(output) else {},
    )
    return [result, {"type": "workflow-step-finish", "payload": named}]


def _event(kind: str, payload: dict[str, object], refs: dict[str, str]) -> Event:
    """Return an event; values that stand elsewhere are left out."""
    if not refs:
        return {"type": kind, "payload": payload}
    kept = {name: value for name, value in payload.items() if name not in refs}
    return {"type": kind, "payload": kept, "refs": refs}


def _logged(model: Run, first: int, now: datetime, events: list[Event]) -> list[object]:
    """Return the values of the row that the log gets."""
    row = {
        "run_id": model.pk, "first_seq": first, "last_seq": first + len(events) - 1,
        "timeline": model.timeline, "at": now, "events": dumps(events),
    }  # fmt: skip
    return [row[name] for name in _LOGGED]


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
