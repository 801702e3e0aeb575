"""Errors of the engine's own code while it settles, claims or plans: they fail the run.

A fault of the engine would come again with every attempt, so it is recorded as a failure and not
counted as a lost worker. Only while the database is away does the worker wait.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from workflows_app import errors
from workflows_app.engine.host import clock
from workflows_app.engine.run import failures
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.performing import change, leave
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import decide, fail_unknown
from workflows_app.planner.outcomes import Failed
from workflows_app.planner.statuses import STEP_ENDED, StepStatus

logger = logging.getLogger(__name__)

#: Classes of SQLSTATE for errors of the statement, not of the server, which would refuse the same
#: statement again. 22 data, 23 integrity, 42 syntax, 54 a limit of the server.
_ABOUT_THE_STATEMENT: Final = ("22", "23", "42", "54")


def is_away(error: BaseException | None) -> bool:
    """Return whether an error says that the database cannot be reached at the moment."""
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return not (state and state.startswith(_ABOUT_THE_STATEMENT))


def fail(held: Claim, error: Exception) -> None:
    """Fail a claimed step and its run with an error of the engine's own.

    Raises the database's error if it is away, and LostLease if another claim has the step.
    """
    logger.error("The engine failed at %s; the step fails with it.", held.name, exc_info=error)

    def mine(step: StepSnapshot) -> bool:
        is_same = step.pk == held.step and step.token == held.token
        return is_same and step.status == StepStatus.RUNNING and step.worker_id is not None

    held.session.forget()
    if not _fail(held.run, held.path, error, mine):
        raise errors.LostLease(f"{held.name} was taken over or has ended; nothing was recorded.")


def fail_step(step: StepSnapshot, error: Exception) -> None:
    """Fail a step that nobody could claim, wake or recover, with an error of the engine's own.

    Nothing happens if it has moved on meanwhile. Raises the database's errors.
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
    """Record the failure as the planner decides; if that raises, too, in the simplest way."""
    now = clock.now()
    try:
        return _record(run, path, now, is_it, failures.describe(error), is_planned=True)
    except Exception as again:
        if is_away(again):
            raise
        logger.exception("The failure could not be recorded as planned: %s", path)
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
