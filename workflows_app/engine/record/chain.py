"""The recorder of chains: a plain step succeeded, and a plain step on the same queue follows it.

One guarded move does what the reference does with the planner and a `Change`, and many runs share
it (`ledger`). Nothing is written if anything is not plain or has changed since this process read
it. The tests in `tests/integration/engine/recorders/` run the same cases over both.
"""

import logging
import uuid
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows_app import signals
from workflows_app.definition import Builder, Graph, Kind, Node, registry
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.record import ledger
from workflows_app.engine.record.recorder import DONE, NOT_PLAIN, Ended, Followed, Recorded
from workflows_app.engine.run import events, inputs, payloads, transfer, versions
from workflows_app.engine.run.claims import Claim, describe
from workflows_app.engine.run.events import Event
from workflows_app.engine.run.recall import Recall
from workflows_app.engine.run.sessions import Session
from workflows_app.jsontext import NULL, Raw, dumps
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.fields import step_key
from workflows_app.models.sqltext import connection_here
from workflows_app.planner import plain
from workflows_app.planner.outcomes import Outcome, Succeeded
from workflows_app.planner.statuses import RunStatus, StepStatus

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Move:
    """A plain success: what is written, and what is known afterwards."""

    held: Claim
    node: Node
    model: Run
    written: dict[str, Any]
    now: datetime
    #: The step that follows, or None if the run ends; its key, its input, and whether it is
    #: claimed at once.
    following: Node | None = None
    key: int = 0
    payload: Raw = NULL
    is_kept: bool = False


def record(ended: Sequence[Ended]) -> list[Recorded]:
    """Record plain successes of steps of different runs in one move.

    The step that follows is claimed if its thread takes it, and queued otherwise.
    """
    with ExitStack() as locked:
        moves = [_move_of(each, locked, may_wait=len(ended) == 1) for each in ended]
        written = iter(ledger.write_ends([move.written for move in moves if move is not None]))
        return [
            NOT_PLAIN if move is None else _moved(move, is_written=next(written)) for move in moves
        ]


def _move_of(ended: Ended, locked: ExitStack, *, may_wait: bool) -> _Move | None:
    """Return the move of an outcome, with its session locked; None if the outcome is not plain."""
    held, outcome = ended.claim, ended.outcome
    if ended.said or not is_possible(held, outcome):
        return None
    # Waiting for one lock while holding others could be a deadlock.
    if not held.session.lock.acquire(blocking=may_wait):
        return None
    locked.callback(held.session.lock.release)
    return _move(registry.get(held.workflow_id).tree, ended)


def _move(graph: Graph, ended: Ended) -> _Move | None:
    held, outcome = ended.claim, ended.outcome
    model, node = _known(graph, held), graph.nodes[held.base_path]
    if model is None or not isinstance(outcome, Succeeded):
        return None
    row, output = held.session.rows.by_path[held.path], outcome.output
    found = plain.shortcut(graph, facts_of(model, row), outcome)
    if isinstance(found, plain.GoOn):
        keeps = ended.keep(held, found.following)
        payload = inputs.kept(graph, found.following, output)
        return _going_on(
            held, model, node, found.following, output=output, payload=payload, is_kept=keeps
        )
    return _ending(held, model, node, output) if isinstance(found, plain.EndRun) else None


def _known(graph: Graph, held: Claim) -> Run | None:
    """Return the run of a claim if this process knows the run and the claim's step as they are."""
    model, row = held.session.model, held.session.rows.by_path.get(held.path)
    if model is None or row is None or held.session.brought:
        return None
    is_mine = row.pk == held.step and row.token == held.token
    # Otherwise what follows belongs to another version, which only the reference records.
    return model if is_mine and knows(graph.workflow, model) else None


def facts_of(run: Run, row: StepSnapshot | None = None) -> plain.Facts:
    """Return what the rule of shortcuts needs to know about a run, and about one of its steps."""
    definition = registry.find(run.workflow_id)
    about = plain.Facts(
        run=run.status,
        ending=run.ending,
        is_free=run.allowance is None and not run.answers_ahead,
        active=run.active_count,
        waiting=run.waiting_count,
        others=run.suspended_count + run.paused_count + run.hooks_pending,
        has_hook=run.is_awaited or definition is None or definition.on_finish is not None,
    )
    if row is None:
        return about
    return about._replace(
        path=row.path,
        base_path=row.base_path,
        step=row.status,
        is_at_root=row.parent_id is None,
        queue=row.queue,
    )


def _moved(move: _Move, *, is_written: bool) -> Recorded:
    """Update the session with what was written; return what follows."""
    held, model, following = move.held, move.model, move.following
    if is_written and held.session.recall is not None:
        _note(move, held.session.recall)
    recall, caller = held.session.recall, held.session.caller
    if not is_written or following is None or not move.is_kept:
        held.session.forget()
    if not is_written:
        note(Rare.SHORTCUT_REFUSED)
        return NOT_PLAIN
    if following is None and caller is not None:
        _tell(model, recall, caller)
    ports.published(model.pk, move.written["last_seq"], is_settled=following is None)
    if following is None and signals.are_heard():
        signals.send(model, [events.finished(RunStatus.SUCCESS, {})])
    if following is None:
        return DONE
    if not move.is_kept:
        lane = lane_key(held.workflow_id, following.path, held.queue)
        ports.wake([ports.ClaimableStep(move.key, model.pk, held.queue, lane_key=lane)])
        return DONE
    model.revision += 1
    model.event_seq = move.written["last_seq"]
    session = held.session
    session.rows.drop(held.path)
    session.rows.add(_begun(held, model, following, move.key, move.now))
    following_claim = held.but(
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
    return Followed(following_claim)


def _tell(model: Run, recall: Recall | None, caller: str) -> None:
    """Send the result to the caller in another process; if that fails, the caller reads it."""
    try:
        ports.told_end(caller, model.pk, "" if recall is None else transfer.pack_end(recall))
    except Exception:
        logger.exception("The result of run %s was not sent; its caller reads it.", model.run_id)


def _note(move: _Move, recall: Recall) -> None:
    """Note the step that ended for a caller that works on its run itself."""
    held, output = move.held, move.written["output"]
    row = held.session.rows.by_path[held.path]
    metadata = {} if move.node.step is None else move.node.step.metadata
    if not recall.note(row, held, output, metadata, move.now):
        held.session.recall = None
    elif move.following is None:
        recall.end(move.model, output, move.written["last_seq"], move.now)


def lane_key(workflow: str, path: str, queue: str) -> int:
    """Return the number of the lane in which plain steps wait: the same everywhere, never 0."""
    return zlib.crc32(f"{workflow}\0{path}\0{queue}".encode()) or 1


def is_possible_for(held: Claim) -> bool:
    """Return whether the step of a claim is in a chain of its run."""
    graph = registry.get(held.workflow_id).tree
    return plain.is_in_chain(graph, held.path, held.base_path) and commits_at_once()


def is_possible(held: Claim, outcome: Outcome) -> bool:
    """Return whether the outcome is a plain success of a step in a chain of its run."""
    return plain.is_plain(outcome) and is_possible_for(held)


def commits_at_once() -> bool:
    """Return whether this thread has no open transaction, so that its writes are committed."""
    return not connection_here().in_atomic_block


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
    told = _ended(held, node, output, now)
    if is_kept:
        named = {"id": following.key, "path": following.path}
        told.append(events.step_started(named, key, payload, now))
    written = {
        **of_run(model, model.event_seq + 1, now, told),
        "is_end": False, "step": held.step, "token": held.token, "output": output,
        "next": key, "path": following.path, "queue": held.queue,
        "payload_from": str(held.step) if stands_elsewhere else "",
        "payload": None if stands_elsewhere else payload,
        "metadata": dumps({} if following.step is None else following.step.metadata),
        "next_status": "running" if is_kept else "queued", "next_token": int(is_kept),
        "worker": held.worker if is_kept else None, "started_at": now if is_kept else None,
    }  # fmt: skip
    return _Move(held, node, model, written, now, following, key, payload, is_kept)


def _ending(held: Claim, model: Run, node: Node, output: Raw) -> _Move:
    """Return the move that records the last step of a run together with the run's success."""
    now = max(clock.now(), held.claimed_at)
    finished = events.finished(RunStatus.SUCCESS, {"result": output}, f"{held.step}.output")
    told = [*_ended(held, node, output, now), finished]
    written = {
        **of_run(model, model.event_seq + 1, now, told),
        "is_end": True, "step": held.step, "token": held.token, "output": output,
    }  # fmt: skip
    return _Move(held, node, model, written, now)


def claim(session: Session, seen: StepSnapshot, worker: uuid.UUID, now: datetime) -> Claim | None:
    """Claim a plain queued step that was just read; None if only a change of its run can do that.

    The caller holds the session's lock.
    """
    model, row = session.model, session.rows.by_path.get(seen.path)
    if not commits_at_once() or model is None or row is None:
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
    with transactions.of_one_move():
        is_written = grouped.claim([grouped.record(**written)], [taken])
    if not is_written:
        session.forget()
        note(Rare.SHORTCUT_REFUSED)
        return None
    note_claimed(model, [(row, taken)])
    ports.published(model.pk, model.event_seq, is_settled=False)
    return describe(model, row, session, row.payload, now)


def claim_together(
    found: Mapping[uuid.UUID, tuple[Run, Sequence[StepSnapshot]]], worker: uuid.UUID, now: datetime
) -> list[tuple[Run, list[StepSnapshot]]]:
    """Claim plain queued steps of runs that the caller has locked, and return what was claimed.

    The rows that are returned are as they were written. Steps that are not plain are left out.
    """
    asked = []
    for model, rows in found.values():
        seen = [(row, begun_event(model, row, now)) for row in rows]
        told = [(row, event) for row, event in seen if event is not None]
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
    """Return whether a queued step can be claimed by the shortcut, as far as its row tells."""
    if row.kind != Kind.STEP or row.status != "queued" or row.is_resuming or row.unknown_since:
        return False
    if row.version_id is not None:
        return False
    if model.status != "running" or model.ending or not isinstance(row.__dict__["payload"], Raw):
        return False
    definition = registry.find(model.workflow_id)
    return definition is not None and knows(definition, model)


def knows(definition: Builder, model: Run) -> bool:
    """Return whether the run began with the version that this process has of the workflow."""
    return versions.is_present(definition, model.version_id)


def claimed(row: StepSnapshot, worker: uuid.UUID, now: datetime) -> grouped.Record:
    """Return what is written to a step that is claimed."""
    return grouped.record(
        run=row.run_id,
        step=row.pk,
        token=row.token + 1,
        worker=worker,
        started_at=row.started_at or now,
    )


def note_claimed(model: Run, taken: Sequence[tuple[StepSnapshot, grouped.Record]]) -> None:
    """Update these rows to what was written."""
    model.revision += 1
    model.event_seq += len(taken)
    for row, record in taken:
        row.__dict__.update(
            status="running", worker_id=record["worker"], token=record["token"], wake_at=None,
            started_at=record["started_at"],
        )  # fmt: skip


def begun_event(model: Run, row: StepSnapshot, now: datetime) -> Event | None:
    """Return the start event of a plain step; None if this process does not know the step."""
    node = registry.get(model.workflow_id).tree.nodes.get(row.base_path)
    if node is None:
        return None
    return events.step_started({"id": node.key, "path": row.path}, row.pk, row.payload, now)


def _ended(held: Claim, node: Node, output: Raw, now: datetime) -> list[Event]:
    """Return the events of a step that succeeded."""
    named = {"id": node.key, "path": held.path}
    return events.step_ended(named, held.step, StepStatus.SUCCESS, now, {"output": output})


def of_run(model: Run, first: int, now: datetime, told: list[Event]) -> dict[str, Any]:
    """Return what is written to a run that is still as it is known, and to its log."""
    return {
        "run": model.pk, "revision": model.revision, "first_seq": first,
        "last_seq": first + len(told) - 1, "timeline": model.timeline, "at": now,
        "events": dumps(told),
    }  # fmt: skip


def _begun(held: Claim, model: Run, following: Node, key: int, now: datetime) -> StepSnapshot:
    """Return the snapshot of the step that begins, as it is in the database now."""
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
