"""What a worker's thread does with a claim: execute, settle, go on with what follows."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from workflows_app import errors
from workflows_app.definition import Graph, registry
from workflows_app.engine import clock, express, hooks, transactions
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.engine.execute import Done, execute
from workflows_app.engine.recover import holding, release
from workflows_app.engine.settle import settle_hook, settle_until_recorded
from workflows_app.planner.outcomes import Bailed, Succeeded

logger = logging.getLogger(__name__)


def never() -> bool:
    """Say that no stop was asked for."""
    return False


def work(claim: Claim, *, is_stopping: Callable[[], bool] = never) -> None:
    """Execute a claim, and then what follows it on its queue, until nothing does.

    After a stop was asked, what follows is left to others.
    """
    following: Claim | None = claim
    while following is not None:
        held = following
        try:
            with holding(held):
                following = _attempt(held, is_stopping)
        except errors.LostLease as lost:
            logger.warning("%s", lost)
            following = None
        except Exception:
            release(held, now=clock.now())
            raise
        except BaseException:
            logger.warning(
                "%s in run %s was interrupted; it is free again.", held.path, held.run_id
            )
            release(held, now=clock.now())
            raise


def _attempt(claim: Claim, is_stopping: Callable[[], bool]) -> Claim | None:
    definition = registry.get(claim.workflow_id)
    if claim.kind == HOOK:
        hooks.call_after_settling(definition, claim)
        settle_hook(claim)
        return None
    graph = definition.tree
    node = graph.nodes[claim.base_path]
    if node.step is not None and node.step.atomic:
        return _atomic(graph, claim, is_stopping)
    done = execute(graph, claim)
    _mend_connection()
    if not done.said and not is_stopping():
        following = _settle_express(graph, claim, done)
        if following is not None:
            return following
    return settle_until_recorded(claim, done.outcome, go_on=not is_stopping(), events=done.said)


def _settle_express(graph: Graph, claim: Claim, done: Done) -> Claim | None:
    """Take the express lane; None: it was closed, or the database went away on it."""
    try:
        return express.settle(graph, claim, done.outcome)
    except (OperationalError, InterfaceError):
        claim.session.forget()
        connection.close()
        return None


class _RollBack(Exception):
    """The atomic step did not succeed: undo what it wrote, then record that."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def _atomic(graph: Graph, claim: Claim, is_stopping: Callable[[], bool]) -> Claim | None:
    """Run the step and record its result in one transaction, or neither."""
    try:
        with transactions.write():
            done = execute(graph, claim)
            if not isinstance(done.outcome, (Succeeded, Bailed)):
                raise _RollBack(done)  # noqa: TRY301 - undoes what the step wrote
            go_on = not is_stopping()
            return settle_until_recorded(claim, done.outcome, go_on=go_on, events=done.said)
    except _RollBack as back:
        done = back.done
        return settle_until_recorded(claim, done.outcome, go_on=not is_stopping(), events=done.said)


def _mend_connection() -> None:
    """Do not let a connection that user code broke keep its result from being recorded."""
    if connection.errors_occurred and not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
