"""Waking many at once: plain sleeps that are over, each before a plain step, on PostgreSQL.

Ten thousand timers of the same second are some dozen statements. Whatever is not plain is woken by
itself, by who claims it (`claim`); a test holds the two ways equal.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from workflows_app.definition import Kind, Node, registry
from workflows_app.engine import clock, express, inputs, ports, sessions
from workflows_app.engine.among import of_queues
from workflows_app.engine.log import Event
from workflows_app.engine.ports import Wake
from workflows_app.jsontext import INLINE_LIMIT, Raw, dumps
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.fields import step_key

logger = logging.getLogger(__name__)

#: Sleeps that one statement ends.
MOST: Final = 200
#: Hints that are given at the steps that follow: idle workers look for more by themselves.
MOST_HINTED: Final = 32

_DUE: Final = """
    WHERE here.status IN ('queued', 'waiting') AND here.wake_at IS NOT NULL
        AND here.status = 'waiting' AND here.wake_at <= %s AND here.superseded_on IS NULL
        AND here.parent_id IS NULL {conditions}
    ORDER BY here.wake_at LIMIT %s FOR NO KEY UPDATE OF there SKIP LOCKED
"""


def wake_due(
    reader: statements.JoinedReader, now: datetime, queues: Collection[str] | None = None
) -> int:
    """End the plain sleeps that are over by now, and queue what follows; return how many.

    All of them, in as many statements as that takes, before the caller works on what they have
    kept waiting: others do so meanwhile, and many that are over at once are not late for that.
    """
    if not (express.is_open and express.is_here()):
        return 0
    woken, last = 0, MOST
    while last == MOST:
        last = _wake_some(reader, now, queues)
        woken += last
    return woken


def _wake_some(
    reader: statements.JoinedReader, now: datetime, queues: Collection[str] | None
) -> int:
    conditions, names = of_queues(queues, "here.queue")
    with transaction.atomic():
        pairs = reader.all(_DUE.format(conditions=conditions), [now, *names, MOST])
        at = max(now, clock.now())
        asked = [(run, _record_or_none(run, row, at)) for row, run in pairs]
        told = [(run, record) for run, record in asked if record is not None]
        written = grouped.wake([record for _, record in told]) if told else set()
    done = [(run, record) for run, record in told if run.pk in written]
    for run, record in done:
        session = sessions.of(run.pk)
        with session.lock:
            session.forget()
        ports.published(run.pk, record["last_seq"], is_settled=False)
    hints = [Wake(record["next"], run.pk, record["queue"]) for run, record in done[:MOST_HINTED]]
    if hints:
        ports.wake(hints)
    return len(done)


def _record_or_none(run: Run, row: StepSnapshot, now: datetime) -> grouped.Record | None:
    """Return what `_record` does; where that fails None, so that no sleep holds others up."""
    try:
        return _record(run, row, now)
    except Exception:
        logger.exception("Sleep %s of run %s is woken by itself.", row.path, run.run_id)
        return None


def _record(run: Run, row: StepSnapshot, now: datetime) -> grouped.Record | None:
    """Return what is written when this sleep ends; None where anything is not plain."""
    payload = row.__dict__["payload"]
    following = _following(run, row)
    if following is None or not isinstance(payload, Raw) or len(payload) > INLINE_LIMIT:
        return None
    counts = (run.active_count, run.suspended_count, run.paused_count, run.hooks_pending)
    is_plain = run.status == "waiting" and not run.ending and run.waiting_count == 1
    if not is_plain or any(counts) or run.allowance is not None or run.answers_ahead:
        return None
    node, after = following
    step: Any = after.step
    named = {"id": node.key, "path": row.path}
    ended = {**named, "status": "success", "output": payload, "ended_at": now.isoformat()}
    events: Sequence[Event] = [
        {"type": "workflow-step-result", "payload": ended},
        {"type": "workflow-step-finish", "payload": named},
    ]
    return grouped.record(
        run=run.pk, revision=run.revision, first_seq=run.event_seq + 1,
        last_seq=run.event_seq + len(events), timeline=run.timeline, at=now,
        events=dumps(events), step=row.pk, output=payload, next=step_key(after=row.pk),
        path=after.path, queue=step.queue, metadata=dumps(step.metadata),
        payload=inputs.kept(registry.get(run.workflow_id).tree, after, payload),
    )  # fmt: skip


def _following(run: Run, row: StepSnapshot) -> tuple[Node, Node] | None:
    """Return where the sleep stands, and the plain step after it."""
    definition = registry.find(run.workflow_id)
    if row.version_id is not None or definition is None or not express.knows(definition, run):
        return None
    nodes = definition.tree.nodes
    node = nodes.get(row.base_path)
    if node is None or node.next is None or row.path != row.base_path:
        return None
    after = nodes[node.next]
    return (node, after) if after.kind is Kind.STEP and after.step is not None else None
