"""Claiming a step in the same change in which a verb makes it ready, so that nobody looks for it.

The dispatcher's `reserve` gives the verb a `Slot`: an idle thread that is reserved for the step. A
caller that waits for the run works on the step in place of that thread; otherwise the thread
begins. The thread may be in another process; the claim is then transferred to it.
"""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeGuard, TypeVar, cast

from workflows_app import errors
from workflows_app.definition import Builder, Kind, registry
from workflows_app.engine.host import clock, ports, transactions
from workflows_app.engine.run import definitions, sessions
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.performing import perform as perform_change
from workflows_app.engine.run.recall import Recall
from workflows_app.engine.run.taking import take
from workflows_app.engine.work import attempts, shift
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import StepStatus

T = TypeVar("T")
_local = threading.local()


class Slot:
    """An idle thread that waits for a claim. Its owner hands over a claim, or gives it back."""

    #: Whether the thread belongs to this process.
    is_here = True

    def __init__(
        self,
        worker: uuid.UUID,
        serves: Callable[[str], bool],
        hand_over: Callable[[Claim], None],
        give_back: Callable[[], None],
        work: Callable[[Claim], None],
    ) -> None:
        self.worker = worker
        self.serves = serves
        self._hand_over = hand_over
        self._give_back = give_back
        self._work = work
        #: The claim that was made for the thread, after its transaction was committed.
        self.claim: Claim | None = None
        #: What is known about the run, if the caller waits for it from its start.
        self.recall: Recall | None = None
        #: How the caller hears that the run has ended, if another process works on the claim.
        self.ear: ports.Ear | None = None

    def expect(self) -> None:
        """Wait until it is known whether there is such a thread. Called before a lock is taken.

        A thread of another process is asked for over the network.
        """

    def await_end(self) -> None:
        """Note that the caller waits for the result of the run."""
        self.recall = Recall()

    def end(self) -> None:
        """Hand over the claim, to a shift that has room or else to this thread; or give back."""
        if self.claim is None or shift.give(self.claim):
            self._give_back()
        else:
            self._hand_over(self.claim)

    def work_here(self) -> None:
        """Work on the claim in the calling thread, while the reserved thread stays idle.

        Does nothing if the thread belongs to another process, which already has the claim.
        """
        if self.claim is None or not self.is_here:
            return
        try:
            with _working():
                self._work(self.claim)
        finally:
            self._give_back()


@contextmanager
def slot(*, is_waiting: bool = False) -> Iterator[Slot | None]:
    """Reserve an idle thread, if there is one, for the verb that is called in the block.

    With `is_waiting`, the caller works on the claim itself (`work_here`) if there is one after the
    block. It must not do so inside a step, whose time may be up meanwhile.
    """
    reserved: Slot | None = None
    if not connection_here().in_atomic_block:
        reserved = cast("Slot | None", ports.dispatcher().reserve())
        if is_waiting and reserved is not None:
            reserved.await_end()
            is_waiting = reserved.is_here
    is_left = False
    try:
        yield reserved
        is_left = is_waiting and reserved is not None and reserved.claim is not None
    finally:
        if reserved is not None and not is_left:
            reserved.end()


def may_work_here() -> bool:
    """Return whether this thread may work on a step, because it is not working on one already."""
    return attempts.current() is None and not getattr(_local, "is_working", False)


@contextmanager
def _working() -> Iterator[None]:
    _local.is_working = True
    try:
        yield
    finally:
        _local.is_working = False


def is_free(slot: Slot | None, queue: str, definition: Builder) -> TypeGuard[Slot]:
    """Return whether a step of this queue may be claimed for the slot.

    A claim that is lost on its way to another process counts as begun, so a workflow that does not
    restart by itself uses only threads of this process.
    """
    if slot is None or slot.claim is not None or not slot.serves(queue):
        return False
    return slot.is_here or definition.auto_restart


def perform(
    run: Run,
    steps: Sequence[StepSnapshot],
    act: Callable[[Change], T],
    slot: Slot | None,
) -> T | None:
    """Act on a run and steps that were just read; act again under the lock if they have changed.

    `act` may claim the step that it makes ready for the slot (`claim_ready`). Raises RunNotFound.
    """
    session = sessions.Session(run.pk)
    session.keep(statements.duplicate(run), sessions.Rows())
    for step in steps:
        session.rows.add(statements.duplicate(step))
    if slot is not None:
        slot.expect()
    try:
        done = perform_change(session, clock.now(), act)
    except Run.DoesNotExist:
        raise errors.RunNotFound(f"Run {run.run_id!r} was deleted; create a new one.") from None
    if slot is not None:
        let_know(slot, session)
    return done


def claim_ready(changing: Change, slot: Slot | None) -> None:
    """Claim the step that this change makes ready, if it is the only one, for the idle thread."""
    if len(changing.woken) != 1:
        return
    step = changing.woken[0]
    definition = registry.find(changing.model.workflow_id)
    if definition is None or not is_free(slot, step.queue, definition):
        return
    if not _is_ready(changing, step) or definitions.problem_at(changing.model, step):
        return
    claim = take(changing, step, sessions.of(changing.model.pk), slot.worker)
    transactions.after_commit(lambda: setattr(slot, "claim", claim))


def let_know(slot: Slot, mine: sessions.Session) -> None:
    """Give the thread that gets the claim what this process knows about the run."""
    if slot.claim is None or mine.model is None:
        return
    shared = slot.claim.session
    with shared.lock:
        if shared.model is None or shared.model.revision < mine.model.revision:
            shared.keep(mine.model, mine.rows)


def _is_ready(changing: Change, step: StepSnapshot) -> bool:
    soon = changing.now + timedelta(milliseconds=1)
    is_due = step.wake_at is None or step.wake_at < soon
    return step.kind == Kind.STEP and step.status == StepStatus.QUEUED and is_due
