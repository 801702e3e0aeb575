"""Frees steps that were lost with their worker, and ends canceled runs that wait in vain."""

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db.models import QuerySet

from workflows_app import conf, errors
from workflows_app.definition import registry
from workflows_app.engine.host import workers
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.run import failing, failures, log
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK, Claim
from workflows_app.engine.run.performing import change, leave, write_down
from workflows_app.engine.run.stretches import FIRST_TOKEN
from workflows_app.engine.run.taking import hand_back
from workflows_app.models import Run, StepSnapshot, Stretch, Worker
from workflows_app.planner.decide import decide, give_up, wind_down
from workflows_app.planner.outcomes import Failed
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: The worker of a lost step that only a person may continue; no real worker has this key.
NOBODY: Final = uuid.UUID(int=0)


def lost(now: datetime, limit: int = 500, *, by_silence: bool = True) -> list[StepSnapshot]:
    """Return steps whose worker has stopped or, with `by_silence`, was silent for a lease."""
    alive = workers.alive(now) if by_silence else workers.not_stopped()
    # Items that a lost worker held get snapshots, so that they are found below.
    lost_stretches = Stretch.objects.exclude(worker_id__in=alive)
    for run in set(lost_stretches.values_list("run_id", flat=True)):
        _write_down(run, now)
    missing = StepSnapshot.objects.held().exclude(worker_id__in=alive)
    known = missing.only("pk", "run_id", "token", "path", "worker_id")
    return list(known.order_by("worker_id")[:limit])


def _write_down(run: uuid.UUID, now: datetime) -> None:
    """Give items of stretches snapshots; if that fails in one run, others must not suffer."""
    try:
        write_down(run, now)
    except Exception as error:
        if failing.is_away(error):
            raise
        logger.exception("Items of run %s that were lost with their worker are not yet free.", run)


def recover(now: datetime, *, by_silence: bool = True) -> int:
    """Free every lost step, so that it can be claimed again; return how many were freed.

    Without `by_silence`, only steps of workers that are known to have stopped.
    """
    freed = [step for step in lost(now, by_silence=by_silence) if _recover_or_fail(step, now)]
    if freed:
        not_stopped = set(workers.not_stopped())
        silent = sum(step.worker_id in not_stopped for step in freed)
        note(Rare.RECOVERED_FROM_SILENT, silent)
        note(Rare.RECOVERED_FROM_STOPPED, len(freed) - silent)
    return len(freed)


def free(steps: QuerySet[StepSnapshot], now: datetime) -> int:
    """Free steps though their worker may live; return how many were freed. For tests."""
    known = steps.only("pk", "run_id", "token", "path", "worker_id")
    return sum(_recover_or_fail(step, now) for step in list(known))


def _recover_or_fail(step: StepSnapshot, now: datetime) -> bool:
    """Free a lost step, or fail it if our own code cannot free it; others must not suffer."""
    try:
        return _recover(step, now)
    except Exception as error:
        if failing.is_away(error):
            raise
        failing.fail_step(step, error)
        return False


def _recover(step: StepSnapshot, now: datetime) -> bool:
    freed = False
    try:
        with change(step.run_id, now) as changing:
            # If it has no worker, it is now an open container: its claim was settled meanwhile.
            current = StepSnapshot.objects.light().filter(
                pk=step.pk, token=step.token, status=StepStatus.RUNNING, worker__isnull=False
            )
            found = current.first()
            if found is None or not _may_restart(changing):
                leave()
            freed = True
            logger.warning(
                "Claim %s of %s in run %s was lost with its worker; it is free again.",
                step.token, step.path, changing.model.run_id,
            )  # fmt: skip
            _free(changing, changing.remember(found))
    except Run.DoesNotExist:
        return False  # deleted meanwhile
    return freed


#: The claims that threads of this process hold: key of the step -> token.
_held: Final[dict[int, int]] = {}


def hold(held: Claim) -> None:
    """Note that a thread of this process holds a claim."""
    _held[held.step] = held.token


def let_go(held: Claim) -> None:
    """Note that no thread of this process holds a claim any more."""
    # Another thread may already hold the next claim of the same step.
    if _held.get(held.step) == held.token:
        _held.pop(held.step, None)


def orphans(now: datetime, before: Mapping[int, int]) -> dict[int, int]:
    """Free steps that this process holds according to the database, but that no thread holds.

    This happens if the connection breaks after the database has recorded a claim and before it says
    so. `before` is what this function returned a while ago. A claim counts as an orphan only if it
    was one then, too, because it is in the database a moment before a thread knows it.
    """
    mine = StepSnapshot.objects.held().filter(worker_id=workers.mine())
    unknown = {
        step.pk: step.token
        for step in mine.only("pk", "token", "run_id")
        if _held.get(step.pk) != step.token
    }
    for stretch in Stretch.objects.filter(worker_id=workers.mine()):
        if not any(stretch.key_of(n) in _held for n in range(stretch.position, stretch.until)):
            unknown[stretch.pk] = FIRST_TOKEN
            if before.get(stretch.pk) == FIRST_TOKEN:
                _write_down(stretch.run_id, now)  # its items are steps from now on
    lost = {pk: token for pk, token in unknown.items() if before.get(pk) == token}
    for step in mine.only("pk", "token", "run_id", "path").filter(pk__in=lost):
        if _held.get(step.pk) != step.token and step.token == lost[step.pk]:
            note(Rare.ORPHAN_FREED, int(_recover_or_fail(step, now)))
    return unknown


def release(held: Claim, *, now: datetime, cause: BaseException | None = None) -> None:
    """Give a claim back without an outcome: its attempt was lost, and the step is free at once."""
    described = None if cause is None else failures.brief(cause)
    _give_back(held, now, partial(_free, cause=described))
    note(Rare.CLAIM_RELEASED)


def lose(held: Claim, cause: BaseException, *, now: datetime) -> None:
    """Count an attempt as lost because a foreign `BaseException` ended it.

    The step is free again at once. If its workflow does not restart by itself, it waits until a
    person restarts the run.
    """
    _give_back(held, now, partial(_lose, cause=failures.brief(cause)))
    note(Rare.CLAIM_RELEASED)


def _lose(changing: Change, step: StepSnapshot, cause: failures.Brief) -> None:
    if _may_restart(changing) or step.kind == HOOK:
        _free(changing, step, cause)
        return
    logger.warning("%s waits for somebody to restart its run.", step.path)
    error = {**cause, "cause": None, "details": {}}
    lost = step.lost_count + 1
    changing.write(step, worker_id=NOBODY, lost_count=lost, error=error)


def put_back(held: Claim, *, now: datetime) -> None:
    """Give back a claim whose attempt has not begun; the step is free, and no attempt is lost."""
    _give_back(held, now, _put_back)
    note(Rare.CLAIM_PUT_BACK)


def _give_back(held: Claim, now: datetime, free: Callable[[Change, StepSnapshot], None]) -> None:
    with change(held.run, now) as changing:
        step = changing.snapshot(held.path)
        is_mine = step.pk == held.step and step.token == held.token
        if not is_mine or step.status != StepStatus.RUNNING or step.worker_id is None:
            leave()
        free(changing, step)


def _put_back(changing: Change, step: StepSnapshot) -> None:
    if changing.model.ending:
        _free(changing, step)
    else:
        hand_back(changing, step, is_lost=False)


def _may_restart(changing: Change) -> bool:
    definition = registry.find(changing.model.workflow_id)
    return bool(changing.model.ending) or definition is None or definition.auto_restart


def _free(changing: Change, step: StepSnapshot, cause: failures.Brief | None = None) -> None:
    most = conf.get("MAX_LOST_ATTEMPTS")
    is_known = registry.find(changing.model.workflow_id) is not None
    if changing.model.ending and step.kind != HOOK:
        apply(changing, wind_down(changing, step.path))
    elif step.kind == HOOK:
        hand_back(changing, step)
    elif (
        is_known and step.lost_count + 1 >= most
    ):  # a process that does not know the workflow leaves the step to others
        cause = cause or _cause(step)
        outcome = Failed(failures.describe(_worker_lost(changing, step, cause)), may_retry=False)
        apply(changing, decide(changing.graph, changing, step.path, outcome))
    else:
        hand_back(changing, step, cause=cause or _cause(step))


def _cause(step: StepSnapshot) -> failures.Brief:
    """Return why a step was lost, as far as the row of its worker tells."""
    worker = Worker.objects.filter(pk=step.worker_id or NOBODY).first()
    who = "Its worker" if worker is None else f"Worker {worker.host} (process {worker.pid})"
    how = "stopped or was killed" if worker is None or worker.stopped_at else "fell silent"
    return {"type": "WorkerLost", "message": f"{who} {how} while the step ran.", "traceback": ""}


def _worker_lost(changing: Change, step: StepSnapshot, last: failures.Brief) -> errors.WorkerLost:
    """Return the error of a step that was lost too often, with the cause of each loss."""
    since = step.queued_at - timedelta(seconds=1)
    told = log.read_about(changing.model, step.path, since=since, kind="workflow-restarted")
    causes = [event["payload"]["cause"] for event in told if "cause" in event["payload"]]
    losses = [*reversed(causes[: step.lost_count]), last]
    named = Counter(f"{loss['type']}: {loss['message']}".rstrip(": ") for loss in losses)
    listed = "; ".join(f"{cause} ({times}x)" for cause, times in named.items())
    error = errors.WorkerLost(
        f"Step {step.path} lost its worker {step.lost_count + 1} times; the step itself may end "
        f"the process. Its attempts ended like this: {listed}. Look at the workers' logs, then "
        "retry the run."
    )
    error.details = {"losses": losses}
    return error


def give_up_canceled(now: datetime) -> int:
    """End canceled runs whose steps still run after `CANCEL_GRACE_SECONDS`; return how many."""
    since = now - timedelta(seconds=conf.get("CANCEL_GRACE_SECONDS"))
    late = Run.objects.active().exclude(ending="").filter(cancel_requested_at__lt=since)
    return sum(_give_up(run, now) for run in late.values_list("pk", flat=True))


def _give_up(run: uuid.UUID, now: datetime) -> bool:
    with change(run, now) as changing:
        if not changing.model.ending or changing.model.cancel_requested_at is None:
            leave()
        apply(changing, give_up(changing))
    return changing.is_saved
