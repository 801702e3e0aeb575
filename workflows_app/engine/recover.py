"""Finding what was lost with its worker, and what a canceled run waits for in vain."""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from workflows_app import conf, errors
from workflows_app.definition import registry
from workflows_app.engine import failures, workers
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave
from workflows_app.engine.claim import hand_back
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import decide, give_up
from workflows_app.planner.outcomes import Failed, Lost
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)


def lost(now: datetime, limit: int = 500, *, by_silence: bool = True) -> list[StepSnapshot]:
    """Return steps whose worker has stopped, or (`by_silence`) was not heard of for a lease."""
    alive = workers.alive(now) if by_silence else workers.not_stopped()
    missing = StepSnapshot.objects.held().exclude(worker_id__in=alive)
    return list(missing.only("pk", "run_id", "token", "path").order_by("worker_id")[:limit])


def recover(now: datetime, *, by_silence: bool = True) -> int:
    """Free every lost step, so that it can be claimed again; return how many were freed.

    Without `by_silence` only those of workers that are known to have stopped.
    """
    return sum(_recover(step, now) for step in lost(now, by_silence=by_silence))


def _recover(step: StepSnapshot, now: datetime) -> bool:
    freed = False
    try:
        with change(step.run_id, now) as changing:
            # Without a worker it is an open container by now: its claim was settled meanwhile.
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
    except (Run.DoesNotExist, errors.WorkflowNotFound):
        return False  # deleted meanwhile, or ending and unknown here: left to who knows it
    return freed


#: The claims that threads of this process work on: key of the step -> token.
_held: Final[dict[int, int]] = {}


def keep(held: Claim) -> None:
    """Know that a thread of this process is going to work on a claim."""
    _held[held.step] = held.token


def let_go(held: Claim) -> None:
    """Know that no thread of this process works on a claim any more."""
    # Another one may work on the next claim of the same step by now.
    if _held.get(held.step) == held.token:
        _held.pop(held.step, None)


def orphans(now: datetime, before: Mapping[int, int]) -> dict[int, int]:
    """Free what the database says that this process holds, and no thread of it knows.

    That is so when the database had recorded a claim, and the connection broke before it said so.
    `before` is what this function returned a while ago: a claim is an orphan only when it was one
    then too, since it stands in the database a moment before a thread knows of it.
    """
    mine = StepSnapshot.objects.held().filter(worker_id=workers.mine())
    unknown = {
        step.pk: step.token
        for step in mine.only("pk", "token", "run_id")
        if _held.get(step.pk) != step.token
    }
    lost = {pk: token for pk, token in unknown.items() if before.get(pk) == token}
    for step in mine.only("pk", "token", "run_id", "path").filter(pk__in=lost):
        if _held.get(step.pk) != step.token and step.token == lost[step.pk]:
            _recover(step, now)
    return unknown


def release(held: Claim, *, now: datetime) -> None:
    """Give a claim back unrecorded: its attempt was lost, and the step is free again at once."""
    _give_back(held, now, _free)


def put_back(held: Claim, *, now: datetime) -> None:
    """Give a claim back whose attempt has not begun: the step is free again, and lost nothing."""
    _give_back(held, now, _put_back)


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


def _free(changing: Change, step: StepSnapshot) -> None:
    most = conf.get("MAX_LOST_ATTEMPTS")
    if step.kind == HOOK:
        hand_back(changing, step)
    elif changing.model.ending:
        apply(changing, decide(changing.graph, changing, step.path, Lost()))
    elif step.lost_count + 1 >= most:
        error = errors.WorkerLost(
            f"Step {step.path} lost its worker {most} times; it may be what ends the process. "
            "Look at the workers' logs, then retry the run."
        )
        outcome = Failed(failures.describe(error), may_retry=False)
        apply(changing, decide(changing.graph, changing, step.path, outcome))
    else:
        hand_back(changing, step)


def give_up_canceled(now: datetime) -> int:
    """End canceled runs whose running steps did not end within the grace; return how many."""
    since = now - timedelta(seconds=conf.get("CANCEL_GRACE_SECONDS"))
    late = Run.objects.active().exclude(ending="").filter(cancel_requested_at__lt=since)
    return sum(_give_up(run, now) for run in late.values_list("pk", flat=True))


def _give_up(run: uuid.UUID, now: datetime) -> bool:
    with change(run, now) as changing:
        if not changing.model.ending or changing.model.cancel_requested_at is None:
            leave()
        apply(changing, give_up(changing))
    return changing.is_saved
