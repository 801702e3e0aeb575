"""The express lane: a plain step has succeeded, and a plain step follows it on the same queue.

What `settle` does for it by way of the planner and a `Change` is done here in one go, on
PostgreSQL: one statement, guarded by the run's revision, that many runs share (`ledger`). Wherever
anything is not plain, or not as this process remembers it, the caller takes the long way; a test
holds the two equal (`tests/integration/engine/test_express.py`).
"""

import logging
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows_app.definition import Builder, Graph, Kind, Node, registry
from workflows_app.engine import clock, handover, inputs, ledger, payloads, ports, versions
from workflows_app.engine.claims import Claim, describe
from workflows_app.engine.log import Event
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.recall import Recall
from workflows_app.engine.sessions import Session
from workflows_app.jsontext import NULL, Raw, dumps
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.fields import step_key
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.outcomes import Outcome, Succeeded
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Switched off by the test that holds the two ways equal.
is_open = True


@dataclass(slots=True)
class _Move:
    """A plain success, as it is written, and what is known once it was."""

    held: Claim
    node: Node
    model: Run
    written: dict[str, Any]
    now: datetime
    #: The step that follows, its key, its input, and whether it is claimed at once. None: the run
    #: ends.
    following: Node | None = None
    key: int = 0
    payload: Raw = NULL
    is_kept: bool = False


def settle(graph: Graph, held: Claim, outcome: Outcome) -> tuple[bool, Claim | None]:
    """Record a plain success, and claim the plain step that follows or end the run.

    Return whether that was done; if not, the caller takes the long way.
    """
    with held.session.lock:
        move = _move(graph, held, outcome, is_kept=_always)
        if move is None:
            return False, None
        return _moved(move, is_written=ledger.settle(**move.written))


def settle_together(
    ended: Sequence[tuple[Claim, Outcome]], is_kept: Callable[[Claim, Node], bool]
) -> list[tuple[bool, Claim | None]]:
    """Do what `settle` does for claims of several runs in one statement; return it of each.

    A step that follows is claimed if `is_kept`, else queued.
    """
    with ExitStack() as locked:
        moves = []
        for held, outcome in ended:
            move = None
            # Waiting for one while holding others could be for ever.
            if held.session.lock.acquire(blocking=False):
                locked.callback(held.session.lock.release)
                move = _move(registry.get(held.workflow_id).tree, held, outcome, is_kept=is_kept)
            moves.append(move)
        written = iter(ledger.settle_all([move.written for move in moves if move is not None]))
        return [
            (False, None) if move is None else _moved(move, is_written=next(written))
            for move in moves
        ]


def _always(_held: Claim, _following: Node) -> bool:
    return True


def _move(
    graph: Graph, held: Claim, outcome: Outcome, *, is_kept: Callable[[Claim, Node], bool]
) -> _Move | None:
    """Return what is to be written; None: the long way. The caller holds the session's lock."""
    node = graph.nodes[held.base_path]
    if not is_possible(node, held, outcome) or not isinstance(outcome, Succeeded):
        return None
    following = None if node.next is None else graph.nodes[node.next]
    if following is not None and not _is_plain_step(following, held):
        return None
    model, row = held.session.model, held.session.rows.by_path.get(held.path)
    if model is None or row is None or held.session.brought or not _is_plain(model, row, held):
        return None
    if not knows(graph.workflow, model):
        return None  # what follows is of another version, which the long way writes down
    if following is None:
        return _ending(held, model, node, outcome.output)
    keeps = is_kept(held, following)
    payload = inputs.kept(graph, following, outcome.output)
    return _going_on(
        held, model, node, following, output=outcome.output, payload=payload, is_kept=keeps
    )


def _moved(move: _Move, *, is_written: bool) -> tuple[bool, Claim | None]:
    """Let the session know what was written; return what `settle` does."""
    held, model, following = move.held, move.model, move.following
    if is_written and held.session.recall is not None:
        _note(move, held.session.recall)
    recall, caller = held.session.recall, held.session.caller
    if not is_written or following is None or not move.is_kept:
        held.session.forget()
    if not is_written:
        note(Rare.EXPRESS_REFUSED)
        return False, None
    if following is None and caller is not None:
        _tell(model, recall, caller)
    ports.published(model.pk, move.written["last_seq"], is_settled=following is None)
    if following is None:
        return True, None
    if not move.is_kept:
        where = place(held.workflow_id, following.path, held.queue)
        ports.wake([ports.Wake(move.key, model.pk, held.queue, place=where)])
        return True, None
    model.revision += 1
    model.event_seq = move.written["last_seq"]
    session = held.session
    session.rows.drop(held.path)
    session.rows.add(_begun(held, model, following, move.key, move.now))
    return True, held.but(
        step=move.key,
        path=following.path,
        base_path=following.path,
        token=1,
        retry_count=0,
        restarted=False,
        payload=move.payload,
        is_resuming=False,
        resume_payload=None,
        suspend_payload=None,
        claimed_at=move.now,
    )


def _tell(model: Run, recall: Recall | None, caller: str) -> None:
    """Tell the caller in another process what came of its run; if that fails, it reads it."""
    try:
        ports.told_end(caller, model.pk, "" if recall is None else handover.pack_end(recall))
    except Exception:
        logger.exception("A caller was not told what came of run %s; it reads it.", model.run_id)


def _note(move: _Move, recall: Recall) -> None:
    """Let the caller that works on its run itself know of the step that ended."""
    held, output = move.held, move.written["output"]
    row = held.session.rows.by_path[held.path]
    metadata = {} if move.node.step is None else move.node.step.metadata
    if not recall.note(row, held, output, metadata, move.now):
        held.session.recall = None
    elif move.following is None:
        recall.end(move.model, output, move.written["last_seq"], move.now)


def place(workflow: str, path: str, queue: str) -> int:
    """Return a number for where plain steps wait, the same in every process. Never 0."""
    return zlib.crc32(f"{workflow}\0{path}\0{queue}".encode()) or 1


def is_lane(held: Claim) -> bool:
    """Return whether a claim is of a plain step in a chain of its run, on PostgreSQL."""
    return held.kind == Kind.STEP and held.path == held.base_path and is_open and is_here()


def is_possible(node: Node, held: Claim, outcome: Outcome) -> bool:
    """Return whether this is a plain success of a plain step, on a database that can do it."""
    if not is_open or type(outcome) is not Succeeded or outcome.changes:
        return False
    if node.kind is not Kind.STEP or held.path != held.base_path:
        return False
    return is_here()


def is_here() -> bool:
    """Return whether this thread may write in one statement: PostgreSQL, and no transaction."""
    connection = connection_here()
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


def _going_on(
    held: Claim,
    model: Run,
    node: Node,
    following: Node,
    *,
    output: Raw,
    payload: Raw,
    is_kept: bool,
) -> _Move:
    now = max(clock.now(), held.claimed_at)
    key = step_key(after=max(held.session.rows.newest, held.step))
    stands_elsewhere = payload is output and payloads.is_large(output)
    at = now.isoformat()
    events = _ended(held, node, output, at)
    if is_kept:
        events.append(told_begun(following.key, following.path, key, payload, at))
    written = {
        **of_run(model, model.event_seq + 1, now, events),
        "is_end": False, "step": held.step, "token": held.token, "output": output,
        "next": key, "path": following.path, "queue": held.queue,
        "payload_from": str(held.step) if stands_elsewhere else "",
        "payload": None if stands_elsewhere else payload,
        "metadata": dumps({} if following.step is None else following.step.metadata),
        "next_status": "running" if is_kept else "queued", "next_token": int(is_kept),
        "worker": held.worker if is_kept else None, "started_at": now if is_kept else None,
    }  # fmt: skip
    return _Move(held, node, model, written, now, following, key, payload, is_kept)


def _ending(held: Claim, model: Run, node: Node, output: Raw) -> _Move | None:
    """Return how the last step of a run is recorded, with the run's success."""
    definition = registry.find(model.workflow_id)
    counts = (model.waiting_count, model.suspended_count, model.paused_count)
    if definition is None or definition.on_finish or model.active_count != 1 or any(counts):
        return None
    now = max(clock.now(), held.claimed_at)
    finished = told(
        "workflow-finish",
        {"status": "success", "result": output},
        {"result": f"{held.step}.output"} if payloads.is_large(output) else {},
    )
    events = [*_ended(held, node, output, now.isoformat()), finished]
    written = {
        **of_run(model, model.event_seq + 1, now, events),
        "is_end": True, "step": held.step, "token": held.token, "output": output,
    }  # fmt: skip
    return _Move(held, node, model, written, now)


def claim(session: Session, seen: StepSnapshot, worker: uuid.UUID, now: datetime) -> Claim | None:
    """Claim a plain queued step that was read just now; None: take the long way.

    The caller holds the session's lock.
    """
    model, row = session.model, session.rows.by_path.get(seen.path)
    if not (is_open and is_here()) or model is None or row is None:
        return None
    if row.pk != seen.pk or row.token != seen.token or row.status != "queued":
        return None
    if not is_claimable(model, seen):
        return None
    row.__dict__["payload"] = seen.payload
    return _claim(session, model, row, worker, max(now, clock.now()))


def _claim(
    session: Session, model: Run, row: StepSnapshot, worker: uuid.UUID, now: datetime
) -> Claim | None:
    event = begun_event(model, row, now)
    if event is None:
        return None
    taken = claimed(row, worker, now)
    written = {**of_run(model, model.event_seq + 1, now, [event]), "steps": 1}
    if not grouped.claim([grouped.record(**written)], [taken]):
        session.forget()
        note(Rare.EXPRESS_REFUSED)
        return None
    note_claimed(model, [(row, taken)])
    ports.published(model.pk, model.event_seq, is_settled=False)
    return describe(model, row, session, row.payload, now)


def claim_together(
    found: Mapping[uuid.UUID, tuple[Run, Sequence[StepSnapshot]]], worker: uuid.UUID, now: datetime
) -> list[tuple[Run, list[StepSnapshot]]]:
    """Claim plain queued steps of runs that the caller has locked, and return what was claimed.

    The rows in hand are as they stand then. Steps that are not plain are left out.
    """
    asked = []
    for model, rows in found.values():
        events = [(row, begun_event(model, row, now)) for row in rows]
        told = [(row, event) for row, event in events if event is not None]
        if told:
            asked.append((model, told))
    runs = []
    taken: dict[uuid.UUID, list[tuple[StepSnapshot, grouped.Record]]] = {}
    for model, told in asked:
        about = of_run(model, model.event_seq + 1, now, [event for _, event in told])
        runs.append(grouped.record(**about, steps=len(told)))
        taken[model.pk] = [(row, claimed(row, worker, now)) for row, _ in told]
    steps = [record for of_one in taken.values() for _, record in of_one]
    written = grouped.claim(runs, steps) if runs else set()
    done = [(model, taken[model.pk]) for model, _ in asked if model.pk in written]
    for model, of_one in done:
        note_claimed(model, of_one)
    return [(model, [row for row, _ in of_one]) for model, of_one in done]


def is_claimable(model: Run, row: StepSnapshot) -> bool:
    """Return whether a queued step can be claimed on the express lane, by all that is known."""
    if row.kind != Kind.STEP or row.status != "queued" or row.is_resuming or row.unknown_since:
        return False
    if row.version_id is not None:
        return False
    if model.status != "running" or model.ending or not isinstance(row.__dict__["payload"], Raw):
        return False
    definition = registry.find(model.workflow_id)
    return definition is not None and knows(definition, model)


def knows(definition: Builder, model: Run) -> bool:
    """Return whether the run began with the shape that the workflow has here."""
    return versions.is_present(definition, model.version_id)


def claimed(row: StepSnapshot, worker: uuid.UUID, now: datetime) -> grouped.Record:
    """Return what is written of a step that is claimed."""
    return grouped.record(
        run=row.run_id,
        step=row.pk,
        token=row.token + 1,
        worker=worker,
        started_at=row.started_at or now,
    )


def note_claimed(model: Run, taken: Sequence[tuple[StepSnapshot, grouped.Record]]) -> None:
    """Let the rows in hand be as they were written."""
    model.revision += 1
    model.event_seq += len(taken)
    for row, record in taken:
        row.__dict__.update(
            status="running", worker_id=record["worker"], token=record["token"], wake_at=None,
            started_at=record["started_at"],
        )  # fmt: skip


def begun_event(model: Run, row: StepSnapshot, now: datetime) -> Event | None:
    """Return what the log is told of a plain step that begins; None: it is not known here."""
    node = registry.get(model.workflow_id).tree.nodes.get(row.base_path)
    if node is None:
        return None
    return told_begun(node.key, row.path, row.pk, row.payload, now.isoformat())


def told_begun(name: str, path: str, step: int, payload: Raw, at: str) -> Event:
    """Return what the log is told of a step that begins, as `telling.started` would tell it."""
    return told(
        "workflow-step-start",
        {"id": name, "path": path, "payload": payload, "status": "running", "started_at": at},
        {"payload": f"{step}.payload"} if payloads.is_large(payload) else {},
    )


def _ended(held: Claim, node: Node, output: Raw, at: str) -> list[Event]:
    """Return what the log is told of a step that succeeded, as `telling` would tell it."""
    named = {"id": node.key, "path": held.path}
    result = told(
        "workflow-step-result",
        {**named, "status": "success", "output": output, "ended_at": at},
        {"output": f"{held.step}.output"} if payloads.is_large(output) else {},
    )
    return [result, {"type": "workflow-step-finish", "payload": named}]


def told(kind: str, payload: dict[str, object], refs: dict[str, str]) -> Event:
    """Return an event; values that stand elsewhere are left out."""
    if not refs:
        return {"type": kind, "payload": payload}
    kept = {name: value for name, value in payload.items() if name not in refs}
    return {"type": kind, "payload": kept, "refs": refs}


def of_run(model: Run, first: int, now: datetime, events: list[Event]) -> dict[str, Any]:
    """Return what is written of the run, if it is still as it is known, and of its log."""
    return {
        "run": model.pk, "revision": model.revision, "first_seq": first,
        "last_seq": first + len(events) - 1, "timeline": model.timeline, "at": now,
        "events": dumps(events),
    }  # fmt: skip


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
