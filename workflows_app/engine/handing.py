"""Taking a step that a verb has made ready at once, without telling anybody to look for it.

The verb claims it in the same change that makes it ready, where a dispatcher's `reserve` gives a
`Slot`: an idle thread is kept for it. A caller that waits for the run anyway works in its place;
else the thread begins. The thread may be another process's, to which the claim is then handed.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import cast

from workflows_app.definition import Builder, Kind, registry
from workflows_app.engine import attempts, definitions, ports, rounds, sessions, transactions
from workflows_app.engine.change import Change
from workflows_app.engine.claim import take
from workflows_app.engine.claims import Claim
from workflows_app.engine.recall import Recall
from workflows_app.models import StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import StepStatus

_local = threading.local()


class Slot:
    """An idle thread that waits for a claim; whoever has it hands one over, or gives it back."""

    #: Whether the thread is one of this process.
    is_here = True

    def __init__(
        self,
        worker: uuid.UUID,
        serves: Callable[[str], bool],
        hand: Callable[[Claim], None],
        give_back: Callable[[], None],
        work: Callable[[Claim], None],
    ) -> None:
        self.worker = worker
        self.serves = serves
        self._hand = hand
        self._give_back = give_back
        self._work = work
        #: The claim that was made for the thread, once it is committed.
        self.claim: Claim | None = None
        #: What is known of the run at its end, if the caller waits for it from its start.
        self.recall: Recall | None = None
        #: How the caller hears of the end, if it waits and another process works on the claim.
        self.ear: ports.Ear | None = None

    def expect(self) -> None:
        """Wait until it is known whether there is such a thread."""

    def await_end(self) -> None:
        """Note that the caller waits for what comes of the run."""
        self.recall = Recall()

    def end(self) -> None:
        """Let a thread begin with the claim: one that has room beside others like it, else this."""
        if self.claim is None or rounds.give(self.claim):
            self._give_back()
        else:
            self._hand(self.claim)

    def work_here(self) -> None:
        """Work on the claim in the calling thread, while the one that was kept stays idle.

        Nothing, if the thread is another process's: it has the claim already.
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
    """Let the verb that is called in the block have an idle thread, if this process has one.

    With `is_waiting` the caller works on the claim itself (`work_here`) if there is one after the
    block; not inside a step, whose time may be up while it does.
    """
    reserve = getattr(ports.dispatcher(), "reserve", None)
    reserved: Slot | None = None
    if reserve is not None and not connection_here().in_atomic_block:
        reserved = reserve()
        if is_waiting and reserved is not None:
            reserved.await_end()
            is_waiting = reserved.is_here
    _local.slot = reserved
    is_left = False
    try:
        yield reserved
        is_left = is_waiting and reserved is not None and reserved.claim is not None
    finally:
        _local.slot = None
        if reserved is not None and not is_left:
            reserved.end()


def may_work_here() -> bool:
    """Return whether this thread may work on a step: it is not at one already."""
    return attempts.current() is None and not getattr(_local, "is_working", False)


@contextmanager
def _working() -> Iterator[None]:
    _local.is_working = True
    try:
        yield
    finally:
        _local.is_working = False


def free_slot(queue: str, definition: Builder) -> Slot | None:
    """Return the slot that a step of this queue may be claimed for, if there is one.

    A claim that gets lost on its way to another process counts as one that was begun with: what
    does not go on by itself after that does not travel.
    """
    reserved = _reserved()
    if reserved is None or reserved.claim is not None or not reserved.serves(queue):
        return None
    return reserved if reserved.is_here or definition.auto_restart else None


def begin(changing: Change) -> None:
    """Claim the one plain step that this change makes ready, for the thread that waits for it."""
    if len(changing.woken) != 1:
        return
    step = changing.woken[0]
    definition = registry.find(changing.model.workflow_id)
    reserved = None if definition is None else free_slot(step.queue, definition)
    if reserved is None or not _is_ready(changing, step):
        return
    if definitions.problem_at(changing.model, step):
        return
    claim = take(changing, step, sessions.of(changing.model.pk), reserved.worker)
    transactions.after_commit(lambda: setattr(reserved, "claim", claim))


def expect() -> None:
    """Wait until it is known whether there is an idle thread, before a lock is taken for a change.

    For one of another process it was asked over a network.
    """
    reserved = _reserved()
    if reserved is not None:
        reserved.expect()


def let_know(mine: sessions.Session) -> None:
    """Let the thread that gets the claim know what its maker knows of the run."""
    reserved = _reserved()
    if reserved is None or reserved.claim is None or mine.model is None:
        return
    shared = reserved.claim.session
    with shared.lock:
        if shared.model is None or shared.model.revision < mine.model.revision:
            shared.keep(mine.model, mine.rows)


def _reserved() -> Slot | None:
    return cast("Slot | None", getattr(_local, "slot", None))


def _is_ready(changing: Change, step: StepSnapshot) -> bool:
    soon = changing.now + timedelta(milliseconds=1)
    is_due = step.wake_at is None or step.wake_at < soon
    return step.kind == Kind.STEP and step.status == StepStatus.QUEUED and is_due
