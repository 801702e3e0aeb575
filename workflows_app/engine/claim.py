"""Taking a step for a time: queued → running, with the next token. Of two claims, one wins."""

import logging
import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from django.db import Error, transaction

from workflows_app.definition import BODY, LOOPS, Kind, registry
from workflows_app.engine import (
    clock,
    definitions,
    express,
    failing,
    payloads,
    ports,
    sessions,
    telling,
    waking,
)
from workflows_app.engine.among import of_queues
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, leave, perform
from workflows_app.engine.change_readers import LEAVING
from workflows_app.engine.claims import HOOK, Claim, describe
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.together import Together
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.decide import wake
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Steps that are looked at together when the oldest one is wanted.
CANDIDATES: Final = 10
#: Steps of which those are taken that are like another.
NEIGHBOURS: Final = 64
#: The values stand in the text, as SQLite needs it to use a partial index.
_OLDEST: Final = f"""
    SELECT id FROM (
        SELECT id FROM workflows_app_stepsnapshot
        WHERE status IN ('queued', 'waiting') AND wake_at IS NOT NULL AND status = 'waiting'
            AND wake_at <= %s AND superseded_on IS NULL {{conditions}}
        ORDER BY wake_at LIMIT {CANDIDATES}
    ) AS slept
    UNION ALL
    SELECT id FROM (
        SELECT id FROM workflows_app_stepsnapshot
        WHERE status = 'queued' AND superseded_on IS NULL
            AND (wake_at IS NULL OR wake_at <= %s) {{conditions}}
        ORDER BY id LIMIT {CANDIDATES}
    ) AS waiting
    LIMIT {CANDIDATES}
"""  # noqa: S608 - a number of ours

#: Runs that somebody is writing to are passed over: the caller looks for what is left.
_FREE: Final = """
    WHERE here.status = 'queued' AND here.superseded_on IS NULL
        AND (here.wake_at IS NULL OR here.wake_at <= %s) {conditions}
    ORDER BY here.id LIMIT %s FOR NO KEY UPDATE OF there SKIP LOCKED
"""

#: Of the oldest that wait, those that are like another.
_NEIGHBOURING: Final = f"""
    AND here.id IN (
        SELECT id FROM workflows_app_stepsnapshot WHERE status = 'queued' AND superseded_on IS NULL
        ORDER BY id LIMIT {NEIGHBOURS}
    ) AND here.queue = %s AND here.path = %s AND there.workflow_id = %s
"""  # noqa: S608 - a number of ours

_OTHERS: Final = """
    SELECT 1 FROM workflows_app_stepsnapshot
    WHERE status = 'queued' AND superseded_on IS NULL
        AND (wake_at IS NULL OR wake_at <= %s) AND run_id <> %s {conditions}
    LIMIT 1
"""

_BY_KEY: Final = statements.Reader(StepSnapshot, "pk", leaving=PAYLOAD_FIELDS)
#: What a worker gets with a step.
GIVEN: Final = ("payload", "resume_payload", "suspend_payload")
_WITH_RUN: Final = statements.JoinedReader(
    StepSnapshot,
    "run",
    leaving=[name for name in PAYLOAD_FIELDS if name not in GIVEN],
    leaving_there=LEAVING,
    as_text=GIVEN,
)


def claim(
    step: int, *, worker: uuid.UUID, now: datetime, queues: Collection[str] | None = None
) -> Claim | None:
    """Claim one step; None when it is not there to be claimed any more, or not yet.

    A sleep that is over is ended, and what follows it is claimed, on one of these queues (None:
    on any).
    """
    found = _WITH_RUN.find(step)
    if found is None:
        return None
    seen, run = found
    if not _is_free(seen, now):
        note(Rare.CLAIM_LOST)
        return None
    if not _is_served(seen, queues):
        return None
    session = sessions.of(run.pk)
    act = partial(_claim, seen=seen, now=now, session=session, worker=worker, queues=queues)
    with session.lock:
        if session.model is None or session.model.revision < run.revision:
            session.keep(run, sessions.Rows())
            session.rows.add(seen)
        try:
            taken = _claim_express(session, seen, worker, now)
            return perform(session, now, act) if taken is None else taken
        except Run.DoesNotExist:
            return None
        except Exception as error:
            if failing.is_away(error):
                raise
            session.forget()
            failing.fail_step(seen, error)
            return None


def _claim_express(
    session: sessions.Session, seen: StepSnapshot, worker: uuid.UUID, now: datetime
) -> Claim | None:
    try:
        return express.claim(session, seen, worker, now)
    except Exception as error:
        if isinstance(error, Error):
            raise
        logger.exception("%s is claimed the long way.", seen.path)
        session.forget()
        return None


def _claim(
    changing: Change,
    *,
    seen: StepSnapshot,
    now: datetime,
    session: sessions.Session,
    worker: uuid.UUID,
    queues: Collection[str] | None,
) -> Claim | None:
    """Claim the step that was seen free, if it still is."""
    still = changing.in_hand(seen.path)
    if still is None or still.pk != seen.pk:
        found = _BY_KEY.find(seen.pk)
        if found is None:
            leave()
        still = changing.remember(found)
    if not _is_free(still, now):
        leave()
    if problem := definitions.problem_at(changing.model, still):
        definitions.leave_to_others(changing, still, problem)
        return None
    if still.status == StepStatus.WAITING:
        return _wake(changing, still, session, worker, queues)
    return take(changing, still, session, worker)


def _is_free(step: StepSnapshot, now: datetime) -> bool:
    is_free = step.superseded_on is None and (
        step.status == StepStatus.QUEUED
        or (step.status == StepStatus.WAITING and step.wake_at is not None)
    )
    is_due = step.wake_at is None or step.wake_at <= now
    return is_free and is_due


def _wake(
    changing: Change,
    step: StepSnapshot,
    session: sessions.Session,
    worker: uuid.UUID,
    queues: Collection[str] | None,
) -> Claim | None:
    """End a sleep that is over, and take the first step that it has kept waiting."""
    apply(changing, wake(changing.graph, changing, step.path))
    free = [each for each in changing.woken if each.wake_at is None and each.kind != HOOK]
    ready = [each for each in free if _is_served(each, queues)]
    return take(changing, ready[0], session, worker) if ready else None


def _is_served(step: StepSnapshot, queues: Collection[str] | None) -> bool:
    return queues is None or step.queue in queues


def claim_next(
    *,
    worker: uuid.UUID,
    now: datetime,
    run: uuid.UUID | None = None,
    queues: Collection[str] | None = None,
) -> Claim | None:
    """Claim the oldest claimable step, of one run or of all; None when there is none.

    `queues` names those that the worker serves; None: all. What several threads of this process
    look for at the same time is claimed together.
    """
    together = None
    if run is None and express.is_open and express.is_here():
        together = _together(worker, None if queues is None else frozenset(queues))
    taken = None if together is None else _taken_together(together, now)
    while taken is None and (batch := _oldest(run, now, queues)):
        if together is not None and waking.wake_due(_WITH_RUN, now, queues):
            taken = _taken_together(together, now)
            continue
        taken = _one_of(batch, worker, now, queues)
        if len(batch) < CANDIDATES:
            break
    return taken


def _taken_together(together: Together[datetime, Claim | None], now: datetime) -> Claim | None:
    try:
        return together.get(now)
    except Exception as error:
        if failing.is_away(error):
            raise
        logger.exception("Steps cannot be claimed together; they are claimed one by one.")
        return None


def wake_due(now: datetime, queues: Collection[str] | None = None) -> int:
    """End the plain sleeps that are over, for workers of these queues; return how many.

    For the sweep: threads that have enough to do look at sleeps when that is done.
    """
    return waking.wake_due(_WITH_RUN, now, queues)


def _one_of(
    batch: list[int], worker: uuid.UUID, now: datetime, queues: Collection[str] | None
) -> Claim | None:
    """Claim the first of these steps, or another one if somebody was faster."""
    first, *others = batch
    # When others were faster, they are at the next ones too: then chance spreads the workers.
    random.shuffle(others)
    tried = (claim(step, worker=worker, now=now, queues=queues) for step in (first, *others))
    return next((taken for taken in tried if taken is not None), None)


@cache
def _together(worker: uuid.UUID, queues: frozenset[str] | None) -> Together[datetime, Claim | None]:
    def serve(times: Sequence[datetime]) -> list[Claim | None]:
        taken: list[Claim | None] = [*_claim_plain(len(times), worker, max(times), queues)]
        return taken + [None] * (len(times) - len(taken))

    return Together(serve, grouped.MOST)


def claim_items(like: Claim, most: int) -> list[Claim]:
    """Claim up to so many plain queued items of the list that this claim is of, on PostgreSQL.

    Looked for where the list began: what follows an item that ends is claimed with its end.
    """
    sql = (
        " AND here.queue = %s AND here.parent_id ="
        " (SELECT parent_id FROM workflows_app_stepsnapshot WHERE id = %s)"
        " AND here.position < %s"
    )
    window = registry.get(like.workflow_id).tree.nodes[like.base_path.removesuffix(BODY)]
    first = window.concurrency if isinstance(window.concurrency, int) else 0
    return _claim_where(sql, [like.queue, like.step, first], most, like.worker, clock.now())


def claim_like(like: Claim, most: int) -> list[Claim]:
    """Claim up to so many queued steps that wait where this one did, in other runs.

    On PostgreSQL. Only the oldest of all that wait are looked at.
    """
    values = [like.queue, like.path, like.workflow_id]
    return _claim_where(_NEIGHBOURING, values, most, like.worker, clock.now())


def _claim_plain(
    most: int, worker: uuid.UUID, now: datetime, queues: frozenset[str] | None
) -> list[Claim]:
    """Claim the oldest plain queued steps, passing over runs that are being written to."""
    conditions, names = of_queues(queues, "here.queue")
    return _claim_where(conditions, names, most, worker, now)


def _claim_where(
    conditions: str, names: Sequence[Any], most: int, worker: uuid.UUID, now: datetime
) -> list[Claim]:
    with transaction.atomic():
        pairs = _WITH_RUN.all(_FREE.format(conditions=conditions), [now, *names, most])
        found: dict[uuid.UUID, tuple[Run, list[StepSnapshot]]] = {}
        for row, run in pairs:
            if express.is_claimable(run, row):
                found.setdefault(run.pk, (run, []))[1].append(row)
        claimed = express.claim_together(found, worker, max(now, clock.now()))
    return [taken for run, rows in claimed for taken in _told(run, rows)]


def _told(run: Run, rows: Sequence[StepSnapshot]) -> list[Claim]:
    """Let the session know what was claimed, tell who watches, and return the claims."""
    ports.published(run.pk, run.event_seq, is_settled=False)
    session = sessions.of(run.pk)
    given = [Raw(row.payload) for row in rows]
    with session.lock:
        known = session.model
        if known is None or known.revision < run.revision - 1:
            session.keep(run, sessions.Rows())
        elif known.revision == run.revision - 1:
            known.revision, known.event_seq = run.revision, run.event_seq
        if session.model is not None and session.model.revision == run.revision:
            for row in rows:
                session.rows.drop(row.path)
                session.rows.add(row)
    at = rows[0].started_at or clock.now()
    return [
        describe(run, row, session, payload, at) for row, payload in zip(rows, given, strict=True)
    ]


def is_work_waiting(
    besides: uuid.UUID, *, now: datetime, queues: Collection[str] | None = None
) -> bool:
    """Return whether a step of another run could be claimed."""
    conditions, names = of_queues(queues)
    sql = _OTHERS.format(conditions=conditions)
    return bool(statements.rows(sql, [now, statements.key(besides), *names]))


def _oldest(run: uuid.UUID | None, now: datetime, queues: Collection[str] | None) -> list[int]:
    """Return sleeps that are over, and the oldest claimable steps: others claim them meanwhile."""
    conditions, names = of_queues(queues)
    values: list[uuid.UUID | str] = [*names]
    if run is not None:
        conditions += " AND run_id = %s"
        values.append(statements.key(run))
    sql = _OLDEST.format(conditions=conditions)
    return [pk for (pk,) in statements.rows(sql, [now, *values, now, *values])]


def take(
    changing: Change, step: StepSnapshot, session: sessions.Session, worker: uuid.UUID
) -> Claim:
    """Claim a queued step inside a transaction that is open already, and log its start."""
    fields: dict[str, Any] = {"worker_id": worker, "token": step.token + 1, "wake_at": None}
    if step.unknown_since is not None:
        fields["unknown_since"] = None
    if step.started_at is None:
        fields["started_at"] = changing.now
    changing.move(step, StepStatus.RUNNING, **fields)
    changing.woken = [other for other in changing.woken if other is not step]
    payload = _payload(changing, step)
    taken = describe(changing.model, step, session, payload, changing.now)
    if _begins(step):
        answer = taken.resume_payload if taken.is_resuming else None
        telling.started(changing, step, taken.payload, answer)
    return taken


def _begins(step: StepSnapshot) -> bool:
    """Return whether this claim is news: glue that was lost, or a loop's test, is none."""
    return step.kind == Kind.STEP or (step.token == 1 and step.kind not in LOOPS)


def _payload(changing: Change, step: StepSnapshot) -> Raw:
    """Return what the worker gets: the input; for a loop to be tested, its last output."""
    if step.kind in LOOPS:
        path = f"{step.path}[{step.opened - 1}]"
        last = changing.outputs.get(path)
        return last if last is not None else payloads.output_of(changing.snapshot(path))
    known = changing.outputs.get(f"{step.path}:payload")
    return known if known is not None else payloads.payload_of(step)


def hand_back(
    changing: Change,
    step: StepSnapshot,
    *,
    is_told: bool = True,
    is_lost: bool = True,
    cause: Mapping[str, Any] | None = None,
) -> None:
    """Let a lost or unwanted claim be claimed anew; its token stays, so a late result is dropped.

    The next claim has a higher one. Hooks are handed back without a word in the log. `cause` tells
    what ended the attempt.
    """
    lost = step.lost_count + int(is_lost)
    changing.move(step, StepStatus.QUEUED, worker_id=None, lost_count=lost, wake_at=None)
    changing.woken.append(step)
    if is_told and step.kind != HOOK:
        event: dict[str, Any] = {"path": step.path, "actor": None}
        event["timeline"] = changing.model.timeline
        if cause is not None:
            event["cause"] = dict(cause)
        changing.log.add("workflow-restarted", event)
