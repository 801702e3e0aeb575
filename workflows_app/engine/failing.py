"""When our own code raises while it settles, claims or plans: the run fails with what was raised.

A fault of the engine would come again with every attempt. So it is recorded as what it is, and is
not counted as a lost worker; only a database that is away is waited for.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from workflows_app import errors
from workflows_app.engine import clock, failures
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change, change, leave
from workflows_app.engine.claims import Claim
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import decide, fail_unknown
from workflows_app.planner.outcomes import Failed
from workflows_app.planner.statuses import STEP_ENDED, StepStatus

logger = logging.getLogger(__name__)

#: Classes of SQLSTATE that say what is wrong with a statement, not with the server: the same
#: statement is refused again. 22 data, 23 integrity, 42 syntax, 54 a limit of the server.
_ABOUT_THE_STATEMENT: Final = ("22", "23", "42", "54")


def is_away(error: BaseException | None) -> bool:
    """Return whether an error says that the database cannot be reached, or not just now."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return not (state and state.startswith(_ABOUT_THE_STATEMENT))


def fail(held: Claim, error: Exception) -> None:
    """Let the step that is claimed fail with an error of the engine's own, and its run.

    Raises what the database raises when it is away; LostLease when another claim has the step.
    """
    logger.error("The engine failed at %s; the step fails with it.", held.name, exc_info=error)

    def mine(step: StepSnapshot) -> bool:
        is_same = step.pk == held.step and step.token == held.token
        return is_same and step.status == StepStatus.RUNNING and step.worker_id is not None

    held.session.forget()
    if not _fail(held.run, held.path, error, mine):
        raise errors.LostLease(f"{held.name} was taken over or has ended; nothing was recorded.")


def fail_step(step: StepSnapshot, error: Exception) -> None:
    """Let a step that nobody could claim, wake or recover fail with an error of the engine's own.

    Nothing happens when it has gone on meanwhile. Raises what the database raises.
    """
    logger.error("The engine failed at %s of run %s; the run fails with it.", step.path,
                 step.run_id, exc_info=error)  # fmt: skip

    def same(found: StepSnapshot) -> bool:
        is_same = found.pk == step.pk and found.token == step.token
        return is_same and found.status not in STEP_ENDED

    _fail(step.run_id, step.path, error, same)


def _fail(
    run: uuid.UUID, path: str, error: Exception, is_it: Callable[[StepSnapshot], bool]
) -> bool:
    """Record the failure as the planner decides it; if that cannot be, the plainest way."""
    now = clock.now()
    try:
        return _record(run, path, now, is_it, failures.describe(error), is_planned=True)
    except Exception as again:
        if is_away(again):
            raise
        logger.exception("It could not be recorded as it was planned: %s", path)
    return _record(run, path, now, is_it, failures.plain(error), is_planned=False)


def _record(
    run: uuid.UUID,
    path: str,
    now: datetime,
    is_it: Callable[[StepSnapshot], bool],
    described: Mapping[str, Any],
    *,
    is_planned: bool,
) -> bool:
    is_done = False
    try:
        with change(run, now) as changing:
            step = _found(changing, path)
            if step is None or not is_it(step):
                leave()
            is_done = True
            if is_planned and step.status == StepStatus.RUNNING and not changing.model.ending:
                outcome = Failed(described, may_retry=False)
                apply(changing, decide(changing.graph, changing, path, outcome))
            else:
                apply(changing, fail_unknown(changing, path, described))
    except Run.DoesNotExist:
        return False
    return is_done


def _found(changing: Change, path: str) -> StepSnapshot | None:
    try:
        return changing.snapshot(path)
    except StepSnapshot.DoesNotExist:
        return None
