"""The express lane for items of a foreach: plain successes, and the items that follow them.

One statement on PostgreSQL for all that threads of this process bring at the same time. It knows
nothing of the run beforehand and is not guarded by its revision, so that many processes can work
on one list: it locks the run, counts in the database, fences each item by its token, and undoes
itself by dividing by zero where anything is not plain. Then the caller takes the long way. See
`express` for single steps; `tests/integration/engine/test_express.py` holds the ways equal.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from django.db import DataError, IntegrityError

from workflows_app.definition import BODY, Graph, Kind, Node
from workflows_app.engine import clock, express, payloads, ports
from workflows_app.engine.claims import Claim
from workflows_app.engine.places import index_of
from workflows_app.engine.rare import Rare, note
from workflows_app.jsontext import INLINE_LIMIT, Raw, dumps, loads
from workflows_app.models import StepSnapshot, grouped, statements
from workflows_app.planner.outcomes import Outcome, Succeeded

#: Items that end in one statement.
MOST: Final = 64

#: What the statement is given of each of them.
_ENDED: Final = {
    "ord": "integer",
    "id": "bigint",
    "token": "integer",
    "output": "text",
    "head": "text",
    "tail": "text",
}

#: What follows items that end: as many of the next ones; as many queued ones, where all were
#: opened; nothing.
PLANNED: Final = "planned"
QUEUED: Final = "queued"
NOTHING: Final = "nothing"

#: Where the key and the path of an item that was taken stand in a row that the statement gives.
_FIRST_OF_TAKEN: Final = 7

Ended = tuple[Claim, Outcome]


def is_plain(graph: Graph, held: Claim, outcome: Outcome) -> bool:
    """Return whether this is a plain success of a plain item of a foreach at the root."""
    if not express.is_open or type(outcome) is not Succeeded or outcome.changes:
        return False
    if not held.base_path.endswith(BODY) or "." in held.base_path:
        return False
    body = graph.nodes[held.base_path]
    container = graph.nodes[held.base_path.removesuffix(BODY)]
    return body.kind is Kind.STEP and container.kind is Kind.FOREACH and express.is_here()


def settle(graph: Graph, ended: Sequence[Ended]) -> list[Claim] | None:
    """Record these items of one foreach; return as many claims of those that follow, or none.

    None: take the long way, nothing was written. The caller holds the session's lock.
    """
    held = ended[0][0]
    session = held.session
    row = session.rows.by_path.get(held.base_path.removesuffix(BODY))
    now = max(clock.now(), *(each.claimed_at for each, _ in ended))
    for takes in _ways(row):
        try:
            found = statements.rows(_sql(takes), _values(graph, ended, now, takes))
        except (DataError, IntegrityError):
            continue
        if found:
            _keep_up(held, ended, found)
            ports.published(held.run, found[0][1], is_settled=False)
            return [] if takes == NOTHING else [_following(held, now, each) for each in found]
        break
    session.forget()
    note(Rare.ITEMS_REFUSED)
    return None


def _ways(container: StepSnapshot | None) -> tuple[str, ...]:
    """Return what may follow, in the order to try it: as far as this process knows the list."""
    if container is None:
        return PLANNED, QUEUED, NOTHING
    return (QUEUED, NOTHING) if container.opened >= container.total else (PLANNED,)


def _values(graph: Graph, ended: Sequence[Ended], now: datetime, takes: str) -> list[Any]:
    held = ended[0][0]
    body = graph.nodes[held.base_path]
    container = graph.nodes[held.base_path.removesuffix(BODY)]
    count = len(ended)
    at = now.isoformat()
    events = (3 if takes == NOTHING else 4) * count
    less = 0 if takes == PLANNED else count
    # Where no step of the run is left at work, its status changes: that is for the long way.
    values: list[Any] = [events, less, less, held.run, container.path, count, now]
    records = []
    for order, (each, outcome) in enumerate(ended, start=1):
        if not isinstance(outcome, Succeeded):
            raise TypeError(f"{each.path} has not succeeded.")
        head, tail = _told(each, body, container, outcome.output, at)
        records.append(
            grouped.record(
                ord=order, id=each.step, token=each.token, output=outcome.output, head=head,
                tail=tail,
            )
        )  # fmt: skip
    values.append(grouped.text_of(records))
    if takes != NOTHING:
        named = dumps({"id": body.key}).removeprefix("{").removesuffix("}")
        values += [held.worker, f'{named},"path":"', at]
    if takes == QUEUED:
        values.append(held.queue)
    return values


def _told(held: Claim, body: Node, container: Node, output: Raw, at: str) -> tuple[str, str]:
    """Return what the log is told of one item, in two parts: between them is the count so far."""
    named = {"id": body.key, "path": held.path}
    refs: dict[str, str] = {}
    shown: dict[str, Any] = {"output": output}
    iteration: dict[str, Any] = {"iteration_output": output}
    if payloads.is_large(output):
        refs = {"output": f"{held.step}.output"}
        shown, iteration = {}, {}
    ended = {**named, "status": "success", **shown, "ended_at": at}
    result = {"type": "workflow-step-result", "payload": ended} | ({"refs": refs} if refs else {})
    finish = {"type": "workflow-step-finish", "payload": named}
    of_list = dumps({"id": container.key, "path": container.path}).removesuffix("}")
    head = f'{dumps(result)},{dumps(finish)},{{"type":"workflow-step-progress","payload":{of_list}'
    rest = {"current_index": index_of(held.path), "iteration_status": "success", **iteration}
    tail = dumps(rest).removeprefix("{")
    more = f',"refs":{{"iteration_output":"{held.step}.output"}}' if refs else ""
    return f'{head},"completed_count":', f"{tail}{more}}}"


def _keep_up(held: Claim, ended: Sequence[Ended], found: Sequence[tuple[Any, ...]]) -> None:
    """Know the run as it stands now, if it stood before as this process knew it."""
    revision, event_seq, active_count, unfinished, opened = found[0][:5]
    session = held.session
    model = session.model
    row = session.rows.by_path.get(held.base_path.removesuffix(BODY))
    if model is None or row is None or model.revision != revision - 1:
        session.forget()
        return
    model.revision, model.event_seq, model.active_count = revision, event_seq, active_count
    row.unfinished, row.opened = unfinished, opened
    for each, _ in ended:
        session.rows.drop(each.path)
    for taken in found:
        if len(taken) > _FIRST_OF_TAKEN + 1:
            session.rows.drop(taken[_FIRST_OF_TAKEN + 1])


def _following(held: Claim, now: datetime, found: tuple[Any, ...]) -> Claim:
    state, context, step, path, token, payload = found[5:11]
    return held.but(
        step=step,
        path=path,
        token=token,
        retry_count=0,
        restarted=False,
        payload=Raw(payload),
        is_resuming=False,
        resume_payload=None,
        suspend_payload=None,
        state={} if state == "{}" else loads(state),
        request_context={} if context == "{}" else loads(context),
        claimed_at=now,
    )


@cache
def _sql(takes: str) -> str:
    """Return the statement for items that end, and for what follows them."""
    items = grouped.given(_ENDED, "g.token")
    is_open = takes != PLANNED
    fits = "o.opened = o.total" if is_open else "o.opened + k.n <= LEAST(o.total, o.written)"
    opened = "o.opened" if is_open else "o.opened + k.n"
    taken, starts, all_taken, columns, joined = _FOLLOWING[takes]
    return f"""
    WITH first AS (
        UPDATE workflows_app_run SET revision = revision + 1, event_seq = event_seq + %s,
            active_count = active_count - %s
        WHERE active_count > %s AND id = %s AND status = 'running' AND ending = ''
            AND allowance IS NULL AND answers_ahead IS NULL
        RETURNING id, revision, event_seq, active_count, timeline, state, request_context
    ), k AS (
        SELECT first.*, %s::text AS path, %s::int AS n, %s::timestamptz AS now FROM first
    ), o AS (
        SELECT s.id, s.total, s.opened, s.written, s.unfinished
        FROM workflows_app_stepsnapshot s, k
        WHERE s.run_id = k.id AND s.path = k.path AND s.superseded_on IS NULL
            AND s.status = 'running' AND s.ending = '' AND s.parent_id IS NULL
        FOR UPDATE OF s
    ), c AS (
        UPDATE workflows_app_stepsnapshot s SET unfinished = o.unfinished - k.n, opened = {opened}
        FROM o, k WHERE s.id = o.id AND o.unfinished > k.n AND {fits}
        RETURNING s.id, s.unfinished, s.opened, o.opened AS before, o.total,
            o.total - o.unfinished AS done
    ), v AS MATERIALIZED ({items}),
    ended AS (
        UPDATE workflows_app_stepsnapshot s SET status = 'success', ended_at = k.now,
            worker_id = NULL, settled_token = s.token, output = v.output, wake_at = NULL
        FROM v, c, k WHERE s.id = v.id AND s.token = v.token AND s.status = 'running'
            AND s.parent_id = c.id AND s.superseded_on IS NULL
        RETURNING v.ord
    ), {taken}
    log AS (
        INSERT INTO workflows_app_runevent (run_id, first_seq, last_seq, timeline, at, events)
        SELECT k.id, k.event_seq - {3 if takes == NOTHING else 4} * k.n + 1, k.event_seq,
            k.timeline, k.now, '[' || (
                SELECT string_agg(v.head || (c.done + v.ord) || ',"total_count":' || c.total || ','
                    || v.tail, ',' ORDER BY v.ord) FROM v
            ) || {starts} || ']'
        FROM k, c
    )
    SELECT k.revision, k.event_seq, k.active_count, c.unfinished, c.opened, k.state,
        k.request_context{columns},
        1 / (CASE WHEN (SELECT count(*) FROM c) = 1 AND (SELECT count(*) FROM ended) = k.n
             {all_taken} THEN 1 ELSE 0 END)
    FROM k LEFT JOIN c ON true {joined}
    """  # noqa: S608 - numbers and texts of ours


#: The items that begin: the next that were written ahead, or queued ones that nobody has taken.
_PLANNED: Final = """g AS (SELECT %s::uuid AS worker, %s::text AS named, %s::text AS at),
    t AS (
        UPDATE workflows_app_stepsnapshot s SET status = 'running', worker_id = g.worker,
            token = s.token + 1, queued_at = k.now, started_at = k.now, timeline = k.timeline
        FROM c, k, g WHERE s.parent_id = c.id AND s.position >= c.before
            AND s.position < c.opened AND s.status = 'planned' AND s.superseded_on IS NULL
            AND s.payload IS NOT NULL
        RETURNING s.id, s.path, s.position, s.token, s.payload
    ),"""
_QUEUED: Final = """g AS (SELECT %s::uuid AS worker, %s::text AS named, %s::text AS at),
    q AS (
        SELECT s.id FROM workflows_app_stepsnapshot s, c WHERE s.parent_id = c.id
            AND s.status = 'queued' AND s.superseded_on IS NULL AND s.queue = %s
            AND s.wake_at IS NULL AND NOT s.is_resuming AND s.unknown_since IS NULL
            AND s.payload IS NOT NULL AND s.token = 0
        ORDER BY s.position LIMIT (SELECT n FROM k) FOR UPDATE OF s SKIP LOCKED
    ), t AS (
        UPDATE workflows_app_stepsnapshot s SET status = 'running', worker_id = g.worker,
            token = s.token + 1, started_at = k.now
        FROM q, k, g WHERE s.id = q.id
        RETURNING s.id, s.path, s.position, s.token, s.payload
    ),"""
#: What the log is told of the items that begin, made of their rows.
_STARTS: Final = f"""(
    SELECT string_agg(',{{"type":"workflow-step-start","payload":{{' || g.named || t.path
        || CASE WHEN length(t.payload) > {INLINE_LIMIT}
            THEN '","status":"running","started_at":"' || g.at
                || '"}},"refs":{{"payload":"' || t.id || '.payload"}}}}'
            ELSE '","payload":' || t.payload || ',"status":"running","started_at":"' || g.at
                || '"}}}}' END, '' ORDER BY t.position) FROM t, g
)"""  # noqa: S608 - a number of ours
_ALL_TAKEN: Final = "AND (SELECT count(*) FROM t) = k.n"
_COLUMNS: Final = ", t.id, t.path, t.token, t.payload"
_JOINED: Final = "LEFT JOIN t ON true"
_FOLLOWING: Final = {
    PLANNED: (_PLANNED, _STARTS, _ALL_TAKEN, _COLUMNS, _JOINED),
    QUEUED: (_QUEUED, _STARTS, _ALL_TAKEN, _COLUMNS, _JOINED),
    NOTHING: ("", "''", "", "", ""),
}
