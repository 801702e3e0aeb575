"""What the end of a change means for the whole run: status, settling, hooks, news."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from workflows_app import signals
from workflows_app.definition import registry
from workflows_app.engine.host import ports, transactions
from workflows_app.engine.run import events, holds
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.events import Event
from workflows_app.models import Run, StepSnapshot, Wait
from workflows_app.planner.statuses import ENDED, SETTLED, RunStatus
from workflows_app.planner.view import HELD

#: Runs that ended so are held no more; a failed one that is held is so after a retry, too.
_FREED: Final = frozenset({RunStatus.SUCCESS, RunStatus.CANCELED})


def status_of(run: Run, decided: RunStatus) -> RunStatus:
    """Return the status that follows from a run's counts, unless the run has ended or not begun."""
    if decided in ENDED or run.started_at is None:
        return decided
    if run.allowance == HELD:
        return RunStatus.RUNNING if run.active_count else RunStatus.PAUSED
    counts = (
        (run.active_count, RunStatus.RUNNING),
        (run.waiting_count, RunStatus.WAITING),
        (run.suspended_count, RunStatus.SUSPENDED),
    )
    return next((status for count, status in counts if count), RunStatus.PAUSED)


def count_idle(run: Run, since: datetime | None, now: datetime) -> bool:
    """Add the time since the run settled, because it continues; return whether there was any."""
    if since is None:
        return False
    run.idle += max(now - since, timedelta())
    return True


def settle(run: Run, status: RunStatus, now: datetime, result_from: str) -> list[Event]:
    """Note when the run settled, and return the events of that.

    `result_from` says where else the result is stored, if anywhere.
    """
    run.settled_at = now
    if status in ENDED:
        run.ended_at = now
    before = []
    if status is RunStatus.CANCELED:
        before.append(events.canceled(run.canceled_by or None, run.ended_reason or None))
    if status is RunStatus.PAUSED:
        before.append(events.paused(holds.of(run)))
    if status in _FREED and holds.is_stopped(run):
        holds.forget(run)
    return [*before, events.finished(status, _came_of(run, status), result_from)]


def _came_of(run: Run, status: RunStatus) -> dict[str, Any]:
    if status is RunStatus.SUCCESS:
        return {"result": run.result}
    return {"error": run.error} if status is RunStatus.FAILED else {}


def hook_of(run: Run, status: RunStatus, seq: int, now: datetime) -> StepSnapshot | None:
    """Return the snapshot of the hook for a settling, and count it; None if there is no hook.

    `seq` is the number of the event of the settling. The end of a run that others follow is a hook,
    too: it lets them go on, or cancels them.
    """
    definition = registry.find(run.workflow_id)
    has_failed = status is RunStatus.FAILED
    is_hooked = definition is not None and bool(
        definition.on_finish or (has_failed and definition.on_error)
    )
    is_followed = _is_followed(run, status)
    if not is_hooked and not is_followed:
        return None
    run.hooks_pending += 1
    return StepSnapshot(
        run=run,
        path=f"${HOOK}-{seq}",
        base_path=f"${HOOK}",
        kind=HOOK,
        timeline=run.timeline,
        payload={"seq": seq, "status": status.value, "is_followed": is_followed},
        queued_at=now,
    )


def _is_followed(run: Run, status: RunStatus) -> bool:
    """Return whether this end concerns other runs. Only a cancel costs a look."""
    if status not in ENDED:
        return False
    is_canceled = status is RunStatus.CANCELED
    return run.is_awaited or (is_canceled and Wait.objects.tied(run.pk).exists())


def announce(
    run: Run,
    status: RunStatus,
    hinted: Sequence[ports.ClaimableStep],
    told: Sequence[Event],
) -> None:
    """After the commit, tell watchers, receivers of signals, and workers about the change."""
    pk, seq = run.pk, run.event_seq
    is_settled = status in SETTLED and not run.hooks_pending
    transactions.after_commit(lambda: ports.published(pk, seq, is_settled=is_settled))
    if told and signals.are_heard():
        transactions.after_commit(lambda: signals.send(run, told))
    if hinted:
        transactions.after_commit(lambda: ports.wake(hinted))
