"""A move of items on SQLite: several statements in a transaction.

The transaction is rolled back if anything has changed.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from workflows_app.engine.host import transactions
from workflows_app.engine.record.item_moves import (
    ItemMove,
    Mismatch,
    Take,
    Written,
    counted,
    shares,
)
from workflows_app.models import StepSnapshot, grouped, statements
from workflows_app.models.moves import Insert

_RUN: Final = """
    SELECT timeline, active_count FROM workflows_app_run
    WHERE id = :run AND status = 'running' AND ending = '' AND allowance IS NULL
        AND answers_ahead IS NULL AND version_id = :version
"""
_RUN_ENDS: Final = """
    UPDATE workflows_app_run SET revision = revision + 1, event_seq = event_seq + :events,
        active_count = active_count + :more, stretches = stretches + :stretches
    WHERE id = :run
    RETURNING revision, event_seq, active_count, stretches, timeline, state, request_context
"""
_LIST: Final = """
    SELECT id, total, opened, unfinished, concurrency FROM workflows_app_stepsnapshot
    WHERE run_id = :run AND path = :path AND superseded_on IS NULL AND status = 'running'
        AND ending = '' AND parent_id IS NULL
"""
_LIST_ENDS: Final = """
    UPDATE workflows_app_stepsnapshot SET unfinished = :unfinished, opened = :opened WHERE id = :id
"""
_ITEM_ENDS: Final = """
    UPDATE workflows_app_stepsnapshot SET status = 'success', ended_at = :at, worker_id = NULL,
        settled_token = token, output = :output, wake_at = NULL
    WHERE id = :id AND token = :token AND status = 'running' AND parent_id = :list
        AND superseded_on IS NULL
"""
_STRETCH_IS_OVER: Final = """
    DELETE FROM workflows_app_stretch
    WHERE id = :id AND position = :position AND position + :n = until
"""
_STRETCH_GOES_ON: Final = """
    UPDATE workflows_app_stretch SET position = position + :n
    WHERE id = :id AND position = :position AND position + :n < until
"""
_TAKEN: Final = """
    INSERT INTO workflows_app_stretch
        (id, run_id, parent_id, start, position, until, worker_id, queue, timeline, claimed_at)
    VALUES (:id, :run, :list, :start, :start, :until, :worker, :queue, :timeline, :at)
"""
_LOGGED: Final = """
    INSERT INTO workflows_app_runevent (run_id, first_seq, last_seq, timeline, at, events)
    VALUES (:run, :first, :last, :timeline, :at, :told)
"""
#: The snapshot of an item of a stretch, which has ended when it is written.
_NEW: Final = {
    "id": ":id",
    "run_id": ":run",
    "path": ":path",
    "base_path": ":base_path",
    "kind": "'step'",
    "parent_id": ":list",
    "status": "'success'",
    "position": ":position",
    "timeline": ":timeline",
    "queue": ":queue",
    "payload": ":payload",
    "output": ":output",
    "metadata": ":metadata",
    "token": ":token",
    "settled_token": ":token",
    "queued_at": ":started_at",
    "started_at": ":started_at",
    "ended_at": ":at",
}


#: What `_RUN_ENDS` returns.
_OF_RUN: Final = (
    "revision", "event_seq", "active_count", "stretches", "timeline", "state", "request_context",
)  # fmt: skip


class _Run(NamedTuple):
    timeline: int
    active: int


class _List(NamedTuple):
    id: int
    total: int
    opened: int
    unfinished: int
    concurrency: int


def write(move: ItemMove) -> Written:
    """Write a move. Raises Mismatch."""
    with transactions.locking():
        return _write(move)


def _write(move: ItemMove) -> Written:
    at, values = grouped.moment(move.now), {"run": statements.key(move.held.run)}
    run = _Run._make(_one(_RUN, {**values, "version": move.version}))
    items = _List._make(_one(_LIST, {**values, "path": move.container.path}))
    taken = _room(move, items)
    left = items.unfinished - move.count
    if left < 1 or run.active - move.count + taken < 1:
        raise Mismatch
    values |= {"list": items.id, "timeline": run.timeline, "at": at, "queue": move.held.queue}
    over = _end_items(move, values)
    given = [each for each in shares(move.takes, items.opened, taken) if each[1]]
    _take(move, given, values)
    written = _end_run(move, values, taken - move.count, len(given) - over)
    opened = {"id": items.id, "unfinished": left, "opened": items.opened + taken}
    statements.write_named(_LIST_ENDS, opened)
    _log(move, items, values, written["event_seq"])
    return Written(**written, list=items.id, unfinished=left, first=items.opened, taken=taken)


def _one(sql: str, values: dict[str, Any]) -> Sequence[Any]:
    rows = statements.rows_named(sql, values)
    if not rows:
        raise Mismatch
    return rows[0]


def _room(move: ItemMove, items: _List) -> int:
    """Return how many items may be taken."""
    open_now = items.opened - (items.total - items.unfinished) - move.count
    wanted = sum(take.n for take in move.takes)
    return max(min(wanted, items.total - items.opened, items.concurrency - open_now), 0)


def _end_items(move: ItemMove, values: dict[str, Any]) -> int:
    """Record the items as ended; return how many stretches are over. Raises Mismatch."""
    for each in move.rows:
        claim = {"id": each.claim.step, "token": each.claim.token, "output": str(each.output)}
        _must(statements.write_named(_ITEM_ENDS, {**values, **claim}))
    over = 0
    for fence in move.fences:
        if statements.write_named(_STRETCH_IS_OVER, fence._asdict()):
            over += 1
        else:
            _must(statements.write_named(_STRETCH_GOES_ON, fence._asdict()))
    common = {**values, "base_path": move.body.path, "metadata": move.metadata}
    for each in move.new:
        made = {
            "id": each.claim.step, "token": each.claim.token, "path": each.claim.path,
            "position": each.position, "payload": str(each.claim.payload),
            "output": str(each.output), "started_at": grouped.moment(each.claim.claimed_at),
        }  # fmt: skip
        statements.write_named(_made(), {**common, **made})
    return over


def _must(written: int) -> None:
    if not written:
        raise Mismatch


@cache
def _made() -> str:
    return Insert(StepSnapshot, _NEW).text()


def _take(move: ItemMove, given: Sequence[tuple[Take, range]], values: dict[str, Any]) -> None:
    worker = statements.key(move.held.worker)
    for take, items in given:
        taken = {"id": take.key, "start": items.start, "until": items.stop, "worker": worker}
        statements.write_named(_TAKEN, {**values, **taken})


def _end_run(move: ItemMove, values: dict[str, Any], more: int, stretches: int) -> dict[str, Any]:
    """Count in the run's row; return its columns as they are now."""
    counts = {"events": move.events, "more": more, "stretches": stretches}
    row = _one(_RUN_ENDS, {**values, **counts})
    return dict(zip(_OF_RUN, row, strict=True))


def _log(move: ItemMove, items: _List, values: dict[str, Any], last: int) -> None:
    done = items.total - items.unfinished
    told = [
        counted(each, done + order, items.total) for order, each in enumerate(move.items, start=1)
    ]
    numbers = {"first": last - move.events + 1, "last": last}
    statements.write_named(_LOGGED, {**values, **numbers, "told": f"[{','.join(told)}]"})
