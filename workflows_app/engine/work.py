"""What a worker's thread does with a claim: execute, settle, go on with what follows."""

import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from django.db import Error, InterfaceError, OperationalError, connection

from workflows_app import errors
from workflows_app.definition import Graph, registry
from workflows_app.engine import (
    atomicity,
    bundles,
    clock,
    express,
    failing,
    hooks,
    paces,
    rounds,
    transactions,
)
from workflows_app.engine.claim import is_work_waiting
from workflows_app.engine.claims import HOOK, Claim
from workflows_app.engine.execute import Done, execute
from workflows_app.engine.failing import is_away
from workflows_app.engine.recover import keep, let_go, lose, release
from workflows_app.engine.settle import settle_hook, settle_until_recorded
from workflows_app.planner.outcomes import Bailed, Succeeded

logger = logging.getLogger(__name__)


#: For so long, or so many steps, a thread goes on with one run before it looks at others.
TURN_SECONDS: Final = 0.5
TURN_STEPS: Final = 200


def never() -> bool:
    """Say that no stop was asked for."""
    return False


class _Turn:
    """How long a thread has gone on with one run; others may wait for it."""

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
        """Return whether what follows is to be left to others: asked once a step."""
        if self._is_stopping():
            return True
        self._steps -= 1
        if self._steps > 0 and time.monotonic() < self._until:
            return False
        self._begin()
        try:
            return is_work_waiting(self._run, now=clock.now(), queues=self._queues)
        except (OperationalError, InterfaceError):
            return False  # the settle that follows finds out, and waits until it is back


def work(
    claim: Claim,
    *,
    is_stopping: Callable[[], bool] = never,
    queues: Collection[str] | None = None,
    with_others: bool = False,
) -> None:
    """Execute a claim, and then what follows it on its queue, until nothing does.

    After a stop was asked, what follows is left to others; and where steps of other runs have
    waited while this one went on for a while. `queues` are those that the worker serves.
    `with_others`, what is quick is worked on together with other runs.
    """
    turn = _Turn(claim, is_stopping, queues)
    if with_others and rounds.is_for(claim):
        rounds.work(claim, turn.is_over)
        return
    following: Claim | None = claim
    while following is not None:
        held = following
        try:
            keep(held)
            following = _attempt(held, turn)
        except errors.LostLease as lost:
            logger.warning("%s", lost)
            following = None
        except Exception as error:  # noqa: BLE001 - it is recorded, or raised again
            _fail(held, error)
            following = None
        except BaseException as foreign:
            logger.warning("%s was interrupted by %r.", held.name, foreign)
            lose(held, foreign, now=clock.now())
            raise
        finally:
            let_go(held)


def _fail(held: Claim, error: Exception) -> None:
    """Let the step fail with an error of the engine's; raise it where the database is away."""
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
        settle_hook(claim)
        return None
    graph = definition.tree
    node = graph.nodes[claim.base_path]
    if node.step is not None and node.step.atomic:
        return _atomic(graph, claim, turn)
    if bundles.is_possible(graph, claim):
        return bundles.work(graph, claim, turn.is_over)
    began = time.monotonic()
    done = execute(graph, claim)
    paces.note(claim, time.monotonic() - began)
    go_on = not turn.is_over()
    if go_on and not done.said:
        is_done, following = _settle_express(graph, claim, done)
        if is_done:
            return following
    return settle_until_recorded(claim, done.outcome, go_on=go_on, events=done.said)


def _settle_express(graph: Graph, claim: Claim, done: Done) -> tuple[bool, Claim | None]:
    """Take the express lane; False: it was closed, or the database refused or went away."""
    try:
        return express.settle(graph, claim, done.outcome)
    except Exception as error:
        claim.session.forget()
        if isinstance(error, Error):
            connection.close()
        else:
            logger.exception("%s takes the long way.", claim.name)
        return False, None


class _RollBack(Exception):
    """The atomic step did not succeed: undo what it wrote, then record that."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def _atomic(graph: Graph, claim: Claim, turn: _Turn) -> Claim | None:
    """Run the step and record its result in one transaction, or neither."""
    try:
        with transactions.write():
            done = atomicity.checked(claim, execute(graph, claim))
            if not isinstance(done.outcome, (Succeeded, Bailed)):
                raise _RollBack(done)  # noqa: TRY301 - undoes what the step wrote
            go_on = not turn.is_over()
            return settle_until_recorded(claim, done.outcome, go_on=go_on, events=done.said)
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
        # Where the step changed the session, this is the first moment at which it can go.
        connection.close_if_unusable_or_obsolete()
    go_on = not turn.is_over()
    return settle_until_recorded(claim, done.outcome, go_on=go_on, events=done.said)
