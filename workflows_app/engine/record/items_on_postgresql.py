"""A move of items on PostgreSQL: one statement, which writes nothing if anything has changed."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from workflows_app.engine.record.item_moves import ItemMove, Mismatch, Written
from workflows_app.models import StepSnapshot, grouped, statements
from workflows_app.models.moves import Insert

#: What the statement needs of each item that ends, each fence, and each stretch that is taken.
_ITEMS: Final = {
    "ord": "integer",
    "is_new": "boolean",
    "id": "bigint",
    "token": "integer",
    "path": "text",
    "position": "integer",
    "payload": "text",
    "started_at": "timestamptz",
    "output": "text",
    "head": "text",
    "tail": "text",
}
_FENCES: Final = {"id": "bigint", "position": "integer", "n": "integer"}
_TAKES: Final = {"ord": "integer", "key": "bigint", "n": "integer"}

#: The snapshot of an item of a stretch, which has ended when it is written.
_NEW: Final = {
    "id": "v.id",
    "run_id": "k.run",
    "path": "v.path",
    "base_path": ":base_path",
    "kind": "'step'",
    "parent_id": "k.list",
    "status": "'success'",
    "position": "v.position",
    "timeline": "k.timeline",
    "queue": ":queue",
    "payload": "v.payload",
    "output": "v.output",
    "metadata": ":metadata",
    "token": "v.token",
    "settled_token": "v.token",
    "queued_at": "v.started_at",
    "started_at": "v.started_at",
    "ended_at": ":now",
}

#: The row `k`, from which everything is written, exists only if the run and its list are as the
#: move needs them. Rows that others may have written meanwhile are locked, so their current values
#: are read.
_SQL: Final = """
    WITH v AS MATERIALIZED ({items}),
    f AS MATERIALIZED ({fences}),
    t AS MATERIALIZED ({takes}),
    r AS (
        SELECT id, timeline FROM workflows_app_run
        WHERE id = :run AND status = 'running' AND ending = '' AND allowance IS NULL
            AND answers_ahead IS NULL AND version_id = :version
        FOR UPDATE
    ),
    o AS (
        SELECT s.id, s.total, s.opened, s.unfinished, s.concurrency
        FROM workflows_app_stepsnapshot s, r
        WHERE s.run_id = r.id AND s.path = :path AND s.superseded_on IS NULL
            AND s.status = 'running' AND s.ending = '' AND s.parent_id IS NULL
        FOR UPDATE OF s
    ),
    i AS (
        SELECT s.id FROM v, workflows_app_stepsnapshot s, o
        WHERE NOT v.is_new AND s.id = v.id AND s.token = v.token AND s.status = 'running'
            AND s.parent_id = o.id AND s.superseded_on IS NULL
        FOR UPDATE OF s
    ),
    w AS (
        SELECT s.id, f.n, s.position + f.n = s.until AS is_over
        FROM f, workflows_app_stretch s, o
        WHERE s.id = f.id AND s.position = f.position AND s.position + f.n <= s.until
            AND s.parent_id = o.id
        FOR UPDATE OF s
    ),
    k AS MATERIALIZED (
        SELECT r.id AS run, r.timeline, o.id AS list, o.total, o.total - o.unfinished AS done,
            o.unfinished - :n AS unfinished, o.opened AS first,
            GREATEST(0, LEAST(
                (SELECT COALESCE(sum(t.n), 0) FROM t), o.total - o.opened,
                o.concurrency - (o.opened - (o.total - o.unfinished) - :n)
            ))::int AS taken
        FROM r, o
        WHERE (SELECT count(*) FROM i) = :rows AND (SELECT count(*) FROM w) = :fenced
            AND o.unfinished > :n
    ),
    h AS (
        SELECT t.key, k.first + LEAST(k.taken, t.upto - t.n)::int AS start,
            k.first + LEAST(k.taken, t.upto)::int AS until
        FROM (SELECT t.key, t.n, sum(t.n) OVER (ORDER BY t.ord) AS upto FROM t) t, k
    ),
    first AS (
        UPDATE workflows_app_run u
        SET revision = u.revision + 1, event_seq = u.event_seq + :events,
            active_count = u.active_count - :n + k.taken,
            stretches = u.stretches + (SELECT count(*) FROM h WHERE h.until > h.start)
                - (SELECT count(*) FROM w WHERE w.is_over)
        FROM k WHERE u.id = k.run AND u.active_count - :n + k.taken > 0
        RETURNING u.revision, u.event_seq, u.active_count, u.stretches, u.timeline, u.state,
            u.request_context
    ),
    c AS (
        UPDATE workflows_app_stepsnapshot s
        SET unfinished = k.unfinished, opened = k.first + k.taken
        FROM k, first WHERE s.id = k.list
    ),
    ended AS (
        UPDATE workflows_app_stepsnapshot s
        SET status = 'success', ended_at = :now, worker_id = NULL, settled_token = s.token,
            output = v.output, wake_at = NULL
        FROM v, first WHERE NOT v.is_new AND s.id = v.id
    ),
    made AS ({made}),
    gone AS (
        DELETE FROM workflows_app_stretch s USING w, first WHERE s.id = w.id AND w.is_over
    ),
    left_over AS (
        UPDATE workflows_app_stretch s SET position = s.position + w.n
        FROM w, first WHERE s.id = w.id AND NOT w.is_over
    ),
    taken AS (
        INSERT INTO workflows_app_stretch
            (id, run_id, parent_id, start, position, until, worker_id, queue, timeline, claimed_at)
        SELECT h.key, k.run, k.list, h.start, h.start, h.until, :worker, :queue, k.timeline, :now
        FROM h, k, first WHERE h.until > h.start
    ),
    log AS (
        INSERT INTO workflows_app_runevent (run_id, first_seq, last_seq, timeline, at, events)
        SELECT k.run, first.event_seq - :events + 1, first.event_seq, k.timeline, :now, '[' || (
            SELECT string_agg(
                v.head || (k.done + v.ord) || ',"total_count":' || k.total || ',' || v.tail,
                ',' ORDER BY v.ord
            ) FROM v
        ) || ']'
        FROM k, first
    )
    SELECT {result} FROM k, first
"""
_KINDS: Final = {
    "run": "uuid",
    "n": "int",
    "rows": "int",
    "fenced": "int",
    "events": "bigint",
    "version": "bigint",
    "worker": "uuid",
    "now": "timestamptz",
}


def write(move: ItemMove) -> Written:
    """Write a move. Raises Mismatch."""
    sql, names = _statement()
    values = _values(move)
    rows = statements.rows(sql, [values[name] for name in names])
    if not rows:
        raise Mismatch
    return Written._make(rows[0])


def _values(move: ItemMove) -> dict[str, Any]:
    fences = [grouped.record(**fence._asdict()) for fence in move.fences]
    takes = [grouped.record(ord=n, **take._asdict()) for n, take in enumerate(move.takes)]
    return {
        "items": grouped.text_of(_items(move)),
        "fences": grouped.text_of(fences),
        "takes": grouped.text_of(takes),
        "run": move.held.run,
        "path": move.container.path,
        "base_path": move.body.path,
        "n": move.count,
        "rows": len(move.rows),
        "fenced": len(move.fences),
        "events": move.events,
        "version": move.version,
        "worker": move.held.worker,
        "queue": move.held.queue,
        "metadata": move.metadata,
        "now": move.now,
    }


def _items(move: ItemMove) -> Sequence[grouped.Record]:
    return [
        grouped.record(
            ord=order, is_new=each.claim.stretch is not None, id=each.claim.step,
            token=each.claim.token, path=each.claim.path, position=each.position,
            payload=None if each.claim.stretch is None else each.claim.payload,
            started_at=each.claim.claimed_at, output=each.output, head=each.before,
            tail=each.after,
        )
        for order, each in enumerate(move.items, start=1)
    ]  # fmt: skip


@cache
def _statement() -> tuple[str, Sequence[str]]:
    """Return the statement, and the names of its values in their order."""
    made = Insert(StepSnapshot, _NEW, "v.is_new").text("v, k, first")
    sql = _SQL.format(
        items=_records("items", _ITEMS, "g.token"),
        fences=_records("fences", _FENCES, "g.n"),
        takes=_records("takes", _TAKES, "g.n"),
        made=made,
        result=", ".join(
            f"{'k' if name in _OF_LIST else 'first'}.{name}" for name in Written._fields
        ),
    )
    names: list[str] = []

    def place(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"%s::{_KINDS.get(found[1], 'text')}"

    return _NAME.sub(place, sql), names


#: The parts of a move's result that come from the list; the others come from the run.
_OF_LIST: Final = {"list", "unfinished", "first", "taken"}
#: The name of a value (`:name`), as opposed to a cast (`::int`).
_NAME: Final = re.compile(r"(?<!:):([a-z_]+)")


def _records(name: str, kinds: Mapping[str, str], number: str) -> str:
    return grouped.given(kinds, number).replace("%s", f":{name}")
