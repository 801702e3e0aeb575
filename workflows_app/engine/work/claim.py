"""Claiming a step: queued → running, with the next token. Of two workers, one wins."""

import logging
import random
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final, TypeVar

from django.db import Error

from workflows_app.definition import BODY, registry
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.host.queues import of_queues
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.host.together import Together
from workflows_app.engine.record import chain, waking
from workflows_app.engine.run import definitions, failing, sessions
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.change_readers import LEAVING
from workflows_app.engine.run.claims import HOOK, Claim, describe
from workflows_app.engine.run.performing import leave, perform
from workflows_app.engine.run.taking import take
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner import plain
from workflows_app.planner.decide import wake
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

Taken = TypeVar("Taken")

#: How many steps are looked at together when the oldest one is wanted.
CANDIDATES: Final = 10
#: How many of the oldest steps are searched for those that wait in the same lane.
NEIGHBOURS: Final = 64
#: Statuses are written in the text, because SQLite needs that to use a partial index.
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

#: Runs that somebody is writing to are skipped: the caller takes what is left.
_FREE: Final = """
    WHERE here.status = 'queued' AND here.superseded_on IS NULL
        AND (here.wake_at IS NULL OR here.wake_at <= %s) {conditions}
    ORDER BY here.id LIMIT %s
"""

_SAME: Final = " AND here.id = %s"
#: Those of the oldest steps that wait in the same lane as a given one.
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
#: The payloads that a worker gets with a step.
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
    """Claim one step; None if it can no longer be claimed, or not yet.

    A sleep that is over is ended, and the step that follows it is claimed if it is on one of these
    queues (None: on any).
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
    if _is_plain_item(run, seen) and chain.commits_at_once():
        # A change would first give all items of the run's stretches their snapshots.
        alone = partial(_claim_where, _SAME, [step], 1, worker, now, waits=True)
        if items := _shortly(alone, seen):
            return items[0]
        if not _is_still_free(step, now):
            note(Rare.CLAIM_LOST)
            return None
    return _claim_one(run, seen, worker, now, queues)


def _claim_one(
    run: Run,
    seen: StepSnapshot,
    worker: uuid.UUID,
    now: datetime,
    queues: Collection[str] | None,
) -> Claim | None:
    """Claim a step by itself: shortly if it is plain, else by a change of its run."""
    session = sessions.of(run.pk)
    act = partial(_claim, seen=seen, now=now, session=session, worker=worker, queues=queues)
    with session.lock:
        if session.model is None or session.model.revision < run.revision:
            session.keep(run, sessions.Rows())
            session.rows.add(seen)
        try:
            taken = _shortly(partial(chain.claim, session, seen, worker, now), seen)
            return perform(session, now, act) if taken is None else taken
        except Run.DoesNotExist:
            return None
        except Exception as error:
            if failing.is_away(error):
                raise
            session.forget()
            failing.fail_step(seen, error)
            return None


def _is_plain_item(run: Run, step: StepSnapshot) -> bool:
    definition = registry.find(run.workflow_id)
    return definition is not None and plain.items_of(definition.tree, step.base_path) is not None


def _shortly(claim_it: Callable[[], Taken | None], seen: StepSnapshot) -> Taken | None:
    """Claim a step by a shortcut; if our own code fails, a change of the run claims it."""
    try:
        return claim_it()
    except Exception as error:
        if isinstance(error, Error):
            raise
        logger.exception("The shortcut failed; %s is claimed by a change of its run.", seen.path)
        sessions.of(seen.run_id).forget()
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
    """Claim a step that was free when it was read, if it still is."""
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


def _is_still_free(step: int, now: datetime) -> bool:
    found = _BY_KEY.find(step)
    return found is not None and _is_free(found, now)


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
    """End a sleep that is over, and take the first step that waited for it."""
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
    """Claim the oldest claimable step of one run or of all; None if there is none.

    `queues` are those that the worker serves; None: all. If several threads of this process ask at
    the same time, their steps are claimed together.
    """
    together = None
    if run is None and chain.commits_at_once():
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

    The sweep calls this, because busy threads look at sleeps only when they have nothing else to
    do.
    """
    return waking.wake_due(_WITH_RUN, now, queues)


def _one_of(
    batch: list[int], worker: uuid.UUID, now: datetime, queues: Collection[str] | None
) -> Claim | None:
    """Claim the first of these steps, or another one if another worker was faster."""
    first, *others = batch
    # Workers that were faster also try the next steps, so a random order spreads the workers.
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
    """Claim up to `most` plain queued items of the list that this claim's item belongs to.

    Only the first window of the list is searched, because later items are claimed together with
    the end of an earlier one.
    """
    sql = (
        " AND here.queue = %s AND here.parent_id ="
        " (SELECT parent_id FROM workflows_app_stepsnapshot WHERE id = %s)"
        " AND here.position < %s"
    )
    window = registry.get(like.workflow_id).tree.nodes[like.base_path.removesuffix(BODY)]
    first = window.concurrency if isinstance(window.concurrency, int) else 0
    values = [like.queue, like.step, first]
    return _claim_where(sql, values, most, like.worker, clock.now(), waits=True)


def claim_like(like: Claim, most: int) -> list[Claim]:
    """Claim up to `most` queued steps of other runs that wait in the same lane as this one did.

    Only the oldest of all waiting steps are searched.
    """
    values = [like.queue, like.path, like.workflow_id]
    return _claim_where(_NEIGHBOURING, values, most, like.worker, clock.now())


def _claim_plain(
    most: int, worker: uuid.UUID, now: datetime, queues: frozenset[str] | None
) -> list[Claim]:
    """Claim the oldest plain queued steps, skipping runs that somebody is writing to."""
    conditions, names = of_queues(queues, "here.queue")
    return _claim_where(conditions, names, most, worker, now)


def _claim_where(
    conditions: str,
    names: Sequence[Any],
    most: int,
    worker: uuid.UUID,
    now: datetime,
    *,
    waits: bool = False,
) -> list[Claim]:
    sql = _FREE.format(conditions=conditions)
    with transactions.locking():
        pairs = _WITH_RUN.locked(sql, [now, *names, most], waits=waits)
        found: dict[uuid.UUID, tuple[Run, list[StepSnapshot]]] = {}
        for row, run in pairs:
            if chain.is_claimable(run, row):
                found.setdefault(run.pk, (run, []))[1].append(row)
        claimed = chain.claim_together(found, worker, max(now, clock.now()))
    return [taken for run, rows in claimed for taken in _told(run, rows)]


def _told(run: Run, rows: Sequence[StepSnapshot]) -> list[Claim]:
    """Update the session with what was claimed, send the news, and return the claims."""
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
    """Return sleeps that are over and the oldest claimable steps; others may claim them first."""
    conditions, names = of_queues(queues)
    values: list[uuid.UUID | str] = [*names]
    if run is not None:
        conditions += " AND run_id = %s"
        values.append(statements.key(run))
    sql = _OLDEST.format(conditions=conditions)
    return [pk for (pk,) in statements.rows(sql, [now, *values, now, *values])]
