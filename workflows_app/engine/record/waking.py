"""The shortcut for waking: it ends many plain sleeps at once, each of them before a plain step.

Ten thousand timers of the same second take a few dozen statements. Any other sleep is ended by the
worker that claims it (`claim`). The tests in `tests/integration/engine/recorders/` compare both.
"""

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from workflows_app.definition import registry
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.host.ports import ClaimableStep
from workflows_app.engine.host.queues import of_queues
from workflows_app.engine.record import chain
from workflows_app.engine.run import events, inputs, sessions
from workflows_app.jsontext import INLINE_LIMIT, Raw, dumps
from workflows_app.models import Run, StepSnapshot, grouped, statements
from workflows_app.models.fields import step_key
from workflows_app.planner import plain
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: The most sleeps that are ended together.
MOST: Final = 200
#: The most hints that are sent for the steps that follow; idle workers look for more themselves.
MOST_HINTED: Final = 32

_DUE: Final = """
    WHERE here.status IN ('queued', 'waiting') AND here.wake_at IS NOT NULL
        AND here.status = 'waiting' AND here.wake_at <= %s AND here.superseded_on IS NULL
        AND here.parent_id IS NULL {conditions}
    ORDER BY here.wake_at LIMIT %s
"""


def wake_due(
    reader: statements.JoinedReader, now: datetime, queues: Collection[str] | None = None
) -> int:
    """End the plain sleeps that are over, and queue what follows; return how many were ended.

    It ends all of them before the caller works on the steps that follow. Other workers take those
    steps meanwhile, so sleeps that are over at the same time do not delay each other.
    """
    if not chain.commits_at_once():
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
    with transactions.locking():
        pairs = reader.locked(_DUE.format(conditions=conditions), [now, *names, MOST])
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
    hints = [
        ClaimableStep(record["next"], run.pk, record["queue"]) for run, record in done[:MOST_HINTED]
    ]
    if hints:
        ports.wake(hints)
    return len(done)


def _record_or_none(run: Run, row: StepSnapshot, now: datetime) -> grouped.Record | None:
    """Return what `_record` returns, or None if it fails, so that no sleep delays the others."""
    try:
        return _record(run, row, now)
    except Exception:
        logger.exception(
            "Sleep %s of run %s cannot end with others; it ends by itself.", row.path, run.run_id
        )
        return None


def _record(run: Run, row: StepSnapshot, now: datetime) -> grouped.Record | None:
    """Return what is written when this sleep ends; None if anything is not plain."""
    payload = row.__dict__["payload"]
    definition = registry.find(run.workflow_id)
    if not isinstance(payload, Raw) or len(payload) > INLINE_LIMIT or row.version_id is not None:
        return None
    if definition is None or not chain.knows(definition, run):
        return None
    found = plain.shortcut(definition.tree, chain.facts_of(run, row))
    if not isinstance(found, plain.Wake):
        return None
    after = found.following
    step: Any = after.step
    named = {"id": definition.tree.nodes[row.base_path].key, "path": row.path}
    told = events.step_ended(named, row.pk, StepStatus.SUCCESS, now, {"output": payload})
    return grouped.record(
        run=run.pk, revision=run.revision, first_seq=run.event_seq + 1,
        last_seq=run.event_seq + len(told), timeline=run.timeline, at=now,
        events=dumps(told), step=row.pk, output=payload, next=step_key(after=row.pk),
        path=after.path, queue=step.queue, metadata=dumps(step.metadata),
        payload=inputs.kept(definition.tree, after, payload),
    )  # fmt: skip
