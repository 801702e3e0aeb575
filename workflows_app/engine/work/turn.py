"""What a worker's thread does with a claim: execute it, settle it, continue with what follows."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Final

from django.db import InterfaceError, OperationalError

from workflows_app import errors
from workflows_app.definition import Graph, registry
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.record import reference
from workflows_app.engine.record.recorder import Ended, keep_all, keep_none
from workflows_app.engine.record.settle import until_recorded
from workflows_app.engine.run import failing
from workflows_app.engine.run.claims import HOOK, Claim
from workflows_app.engine.run.failing import is_away
from workflows_app.engine.work import atomicity, hooks, shift, speeds
from workflows_app.engine.work.claim import is_work_waiting
from workflows_app.engine.work.execute import Done, execute
from workflows_app.engine.work.recover import hold, let_go, lose, release
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.outcomes import Bailed, Succeeded

logger = logging.getLogger(__name__)


#: How long, or for how many steps, a thread continues one run before it looks at others.
TURN_SECONDS: Final = 0.5
TURN_STEPS: Final = 200


def never() -> bool:
    """Return that nobody has asked for a stop."""
    return False


class _Turn:
    """How long a thread has continued one run while others may be waiting."""

    def __init__(
        self, claim: Claim, is_stopping: Callable[[], bool], queues: Collection[str] | None
    ) -> None:
        self._run = claim.run
        self._is_stopping = is_stopping
        self._queues = queues
        self._begin()

    def _begin(self) -> None:
        self._until = time.monotonic() + TURN_SECONDS
        self._steps = TURN_STEPS

    def is_over(self) -> bool:
        """Return whether what follows is to be left to others. Called once per step."""
        if self._is_stopping():
            return True
        self._steps -= 1
        if self._steps > 0 and time.monotonic() < self._until:
            return False
        self._begin()
        try:
            return is_work_waiting(self._run, now=clock.now(), queues=self._queues)
        except (OperationalError, InterfaceError):
            return False  # the settle that follows waits until the database is back


def work(
    claim: Claim,
    *,
    is_stopping: Callable[[], bool] = never,
    queues: Collection[str] | None = None,
    with_others: bool = False,
) -> None:
    """Execute a claim, and then what follows it on its queue, until nothing does.

    What follows is left to others if a stop was asked for, or if this run has continued for a turn
    and steps of other runs are waiting. `queues` are those that the worker serves. `with_others`:
    quick steps are worked on together with those of other runs.
    """
    turn = _Turn(claim, is_stopping, queues)
    if with_others and shift.is_on_runs(claim):
        shift.on_runs(claim, turn.is_over)
        return
    following: Claim | None = claim
    while following is not None:
        held = following
        try:
            hold(held)
            following = _attempt(held, turn)
        except errors.LostLease as lost:
            logger.warning("%s", lost)
            following = None
        except Exception as error:  # noqa: BLE001 - it is recorded or raised again
            _fail(held, error)
            following = None
        except BaseException as foreign:
            logger.warning("%s was interrupted by %r.", held.name, foreign)
            lose(held, foreign, now=clock.now())
            raise
        finally:
            let_go(held)


def _fail(held: Claim, error: Exception) -> None:
    """Fail the step with an error of the engine; raise the error if it cannot be recorded."""
    is_recorded = False
    try:
        if not is_away(error) and held.kind != HOOK:
            failing.fail(held, error)
            is_recorded = True
    except errors.LostLease as lost:
        logger.warning("%s", lost)
        is_recorded = True
    except Exception:
        logger.exception("The failure of %s could not be recorded.", held.name)
    if not is_recorded:
        release(held, now=clock.now(), cause=error)
        raise error


def _attempt(claim: Claim, turn: _Turn) -> Claim | None:
    definition = registry.get(claim.workflow_id)
    if claim.kind == HOOK:
        hooks.call_after_settling(definition, claim)
        reference.record_hook(claim)
        return None
    graph = definition.tree
    node = graph.nodes[claim.base_path]
    if node.step is not None and node.step.atomic:
        return _atomic(graph, claim, turn)
    if shift.is_on_items(claim):
        return shift.on_items(claim, turn.is_over)
    began = time.monotonic()
    done = execute(graph, claim)
    speeds.note(claim, time.monotonic() - began)
    return _settle(claim, done, turn)


def _settle(claim: Claim, done: Done, turn: _Turn) -> Claim | None:
    """Record the outcome of a claim; return the claim to continue with, if there is one."""
    keep = keep_none if turn.is_over() else keep_all
    ended = Ended(claim, done.outcome, done.said, keep, threading.get_ident())
    return next(iter(until_recorded([ended])), None)


class _RollBack(Exception):
    """The atomic step did not succeed: undo its writes, then record its outcome."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def _atomic(graph: Graph, claim: Claim, turn: _Turn) -> Claim | None:
    """Run the step and record its result in the same transaction, or do neither."""
    try:
        with transactions.write():
            done = atomicity.checked(claim, execute(graph, claim))
            if not isinstance(done.outcome, (Succeeded, Bailed)):
                raise _RollBack(done)  # noqa: TRY301 - undoes what the step wrote
            return _settle(claim, done, turn)
    except _RollBack as back:
        done = back.done
    except errors.LostLease:
        raise
    except Exception as error:
        if is_away(error):
            raise
        claim.session.forget()
        done = atomicity.refused(claim, error)
    finally:
        # If the step made the connection unusable, this is the first moment to close it.
        connection_here().close_if_unusable_or_obsolete()
    return _settle(claim, done, turn)
