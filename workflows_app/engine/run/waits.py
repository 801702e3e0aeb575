"""What activations of steps wait for besides people, and what they were given.

Locks are taken in this order: the name of the event or the run that is waited for, then the run
that waits. So an emitter and a step that is about to wait see each other.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet

from workflows_app import conf
from workflows_app.engine.host import transactions
from workflows_app.engine.run import events, holds, payloads
from workflows_app.engine.run.change import Change, NeedsLock
from workflows_app.jsontext import NULL, Raw
from workflows_app.models import OutsideEvent, Run, StepSnapshot, Wait
from workflows_app.models.sqltext import connection_here
from workflows_app.models.wait import CALLBACK, EVENT, GIVEN, RUN, START, TIMED_OUT
from workflows_app.planner.decisions import RecordSuspension
from workflows_app.planner.outcomes import Awaited
from workflows_app.planner.statuses import ENDED, StepStatus

# Locks.


@contextmanager
def holding(awaited: Awaited) -> Iterator[None]:
    """Open a transaction that keeps others from giving this meanwhile, or from ending that run."""
    with transactions.write():
        if awaited.kind == EVENT:
            lock_event(awaited.name, awaited.key)
        else:
            _mark_awaited(awaited.key)
        yield


def lock_event(name: str, key: str) -> None:
    """Keep others from emitting this event, or from beginning to wait for it, until the commit."""
    transactions.lock_text(f"{name}\0{key}")


def _mark_awaited(run_id: str) -> None:
    """Lock a run that goes on, and note that its end is waited for.

    What other processes know about the run is then out of date, so none of them ends it by a
    shortcut.
    """
    locked = Run.objects.select_for_update(no_key=True).filter(run_id=run_id)
    found = locked.values_list("pk", "status", "is_awaited").first()
    if found is not None and found[1] not in ENDED and not found[2]:
        Run.objects.filter(pk=found[0]).update(is_awaited=True, revision=F("revision") + 1)


# Beginning to wait.


def begin(changing: Change, step: StepSnapshot, decision: RecordSuspension) -> None:
    """Note what a step that is suspended from now on waits for; give it what is there already.

    Raises NeedsLock where nothing may be written before the end of the change.
    """
    if decision.awaited is None and not decision.tokens:
        return
    if not connection_here().in_atomic_block:
        raise NeedsLock
    if decision.awaited is not None:
        _begin(changing, step, decision.awaited)
    # The result of a run comes from that run alone: the tokens answer the next suspension.
    is_open = step.status == StepStatus.SUSPENDED and step.awaits != RUN
    if is_open and decision.tokens:
        _bind_tokens(changing, step, decision.tokens)


def _begin(changing: Change, step: StepSnapshot, awaited: Awaited) -> None:
    until = None
    if awaited.timeout is not None:
        until = changing.now + timedelta(seconds=min(awaited.timeout, conf.MOST_SECONDS))
    row = Wait(
        run_id=changing.model.pk,
        step_id=step.pk,
        kind=awaited.kind,
        name=awaited.name,
        key=awaited.key,
        target=awaited.key if awaited.kind == RUN else "",
        suspension=step.suspension,
        until=until,
        created_at=changing.now,
    )
    row.save(force_insert=True)
    if awaited.kind == EVENT and (kept := _take_kept(awaited, changing.now)) is not None:
        give(changing, step, row, kept)
    elif awaited.kind == RUN and not _goes_on(awaited.key):
        give(changing, step, row, None)


def _take_kept(awaited: Awaited, now: datetime) -> Raw | None:
    """Take the oldest event that is kept for this wait; None if there is none."""
    found = kept(now).filter(name=awaited.name, key=awaited.key)
    taken = found.order_by("pk").values_list("pk", payloads.as_text("data")).first()
    if taken is None:
        return None
    OutsideEvent.objects.filter(pk=taken[0]).update(taken_at=now)
    return Raw(taken[1] or NULL)


def kept(now: datetime) -> QuerySet[OutsideEvent]:
    """Return the events that are kept for a step to come."""
    since = now - timedelta(seconds=conf.get("EVENT_WINDOW_SECONDS"))
    return OutsideEvent.objects.filter(answered=0, taken_at__isnull=True, emitted_at__gt=since)


def _goes_on(run_id: str) -> bool:
    status = Run.objects.filter(run_id=run_id).values_list("status", flat=True).first()
    return status is not None and status not in ENDED


def _bind_tokens(changing: Change, step: StepSnapshot, tokens: tuple[str, ...]) -> None:
    """Let the tokens of this activation answer this suspension; one may have answered before."""
    known = Wait.objects.filter(step=step.pk, kind=CALLBACK, suspension__isnull=True)
    early = known.filter(outcome=GIVEN).order_by("ended_at", "pk").first()
    value = None if early is None else read(early)
    known.update(suspension=step.suspension)
    if value is not None:
        timeline = changing.model.timeline
        given = {"resume_data": value}
        changing.log.add(
            events.steered("workflow-resumed", [step.path], "callback", timeline, **given)
        )
        answer(changing, step, value)
        return
    missing = set(tokens) - set(
        Wait.objects.filter(step=step.pk, kind=CALLBACK, key__in=tokens).values_list(
            "key", flat=True
        )
    )
    for digest in sorted(missing):
        note_token(changing.model.pk, step.pk, digest, changing.now, step.suspension)


def note_token(
    run: uuid.UUID,
    step: int,
    digest: str,
    now: datetime,
    suspension: uuid.UUID | None = None,
) -> None:
    """Write down the digest of a token that may answer what this activation asks next."""
    Wait.objects.create(
        run_id=run, step_id=step, kind=CALLBACK, key=digest, suspension=suspension, created_at=now
    )


def note_start(
    run: uuid.UUID,
    step: int,
    what: tuple[str, str],
    run_id: str,
    now: datetime,
    *,
    is_tied: bool,
) -> str:
    """Note that this activation starts a run; return the id of the run that it has started.

    That is another one if it had started one before. `what`: the workflow's id and the key.
    """
    name, key = what
    row = Wait(
        run_id=run, step_id=step, kind=START, name=name, key=key, target=run_id, outcome=GIVEN,
        is_tied=is_tied, created_at=now, ended_at=now,
    )  # fmt: skip
    Wait.objects.bulk_create([row], ignore_conflicts=True)
    rows = Wait.objects.filter(step=step, kind=START, name=name, key=key)
    return str(rows.values_list("target", flat=True).get())


def note_result(run: uuid.UUID, step: int, run_id: str, result: Raw, now: datetime) -> None:
    """Note the result of a run that had ended before this activation asked for it."""
    row = Wait(
        run_id=run, step_id=step, kind=RUN, key=run_id, target=run_id, outcome=GIVEN,
        value=result, created_at=now, ended_at=now,
    )  # fmt: skip
    Wait.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["step", "kind", "name", "key"],
        update_fields=["outcome", "value", "ended_at"],
    )


# The end of a wait.


def give(
    changing: Change,
    step: StepSnapshot,
    row: Wait,
    value: Raw | None,
    *,
    outcome: str = GIVEN,
    actor: str | None = None,
) -> None:
    """End a wait, so that the function of its step runs again and finds the value."""
    end(row, value, changing.now, outcome)
    given = {} if value is None or row.kind == RUN else {"resume_data": value}
    timeline = changing.model.timeline
    changing.log.add(events.steered("workflow-resumed", [step.path], actor, timeline, **given))
    let_go_on(changing, step)


def end(row: Wait, value: Raw | None, now: datetime, outcome: str = GIVEN) -> None:
    """Write down how a wait ended."""
    Wait.objects.filter(pk=row.pk).update(outcome=outcome, value=value, ended_at=now, until=None)
    row.outcome, row.value = outcome, value


def let_go_on(
    changing: Change, step: StepSnapshot, *, retry_count: int = 0, **answered: Any
) -> None:
    """Queue a suspended step again, or pause it if its run is held.

    `answered` are the columns of somebody's answer.
    """
    run = changing.model
    is_stopped = holds.is_stopped(run)
    run.suspended_count -= 1
    run.paused_count += int(is_stopped)
    run.active_count += int(not is_stopped)
    changing.move(
        step,
        StepStatus.PAUSED if is_stopped else StepStatus.QUEUED,
        resumed_at=changing.now,
        lost_count=0,
        wake_at=None,
        queued_at=changing.now,
        retry_count=retry_count,
        **answered,
    )
    if not is_stopped:
        changing.woken.append(step)


def answer(changing: Change, step: StepSnapshot, value: Raw, *, retry_count: int = 0) -> None:
    """Give a suspended step an answer, whether it asked for that or waits for an event."""
    if step.awaits:
        row = Wait.objects.get(step=step.pk, kind=step.awaits, suspension=step.suspension)
        end(row, value, changing.now)
        let_go_on(changing, step, retry_count=retry_count)
    else:
        let_go_on(changing, step, retry_count=retry_count, is_resuming=True, resume_payload=value)


def forget_timed_out(step: StepSnapshot) -> None:
    """Forget the waits of an activation that ended without a value, so that it may wait again.

    Raises NeedsLock where nothing may be written before the end of the change.
    """
    over = Wait.objects.filter(step=step.pk, outcome=TIMED_OUT)
    if not over.exists():
        return
    if not connection_here().in_atomic_block:
        raise NeedsLock
    over.delete()


def waiting_step(changing: Change, row: Wait) -> StepSnapshot | None:
    """Return the step that is still suspended in this wait; None if it has gone on or ended."""
    found = StepSnapshot.objects.current().light().filter(
        pk=row.step_id, suspension=row.suspension, status=StepStatus.SUSPENDED
    ).first()  # fmt: skip
    return None if found is None or changing.model.ending else changing.remember(found)


# Reading.


def read(row: Wait) -> Raw:
    """Return what a wait gave, as text; JSON null if that is nothing."""
    rows = Wait.objects.filter(pk=row.pk)
    return Raw(rows.values_list(payloads.as_text("value"), flat=True).first() or NULL)


def of_activation(step: int, kind: str, name: str, key: str) -> Wait | None:
    """Return what an activation has noted under this kind, name and key; None if nothing."""
    return Wait.objects.filter(step=step, kind=kind, name=name, key=key).defer("value").first()
