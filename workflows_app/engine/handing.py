"""Handing a step that a verb has made ready straight to an idle thread of this process.

The verb claims it in the same change that makes it ready, where a dispatcher's `reserve` gives a
`Slot`: so nobody has to be told to look for it.
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import cast

from django.db import connection

from workflows_app.definition import Kind
from workflows_app.engine import definitions, ports, sessions, transactions
from workflows_app.engine.change import Change
from workflows_app.engine.claim import take
from workflows_app.engine.claims import Claim
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

_local = threading.local()


class Slot:
    """An idle thread that waits for a claim; whoever has it hands one over, or gives it back."""

    def __init__(
        self,
        worker: uuid.UUID,
        serves: Callable[[str], bool],
        hand: Callable[[Claim], None],
        give_back: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.serves = serves
        self._hand = hand
        self._give_back = give_back
        #: The claim that was made for the thread, once it is committed.
        self.claim: Claim | None = None

    def end(self) -> None:
        """Let the thread begin with its claim, or give it back."""
        if self.claim is None:
            self._give_back()
        else:
            self._hand(self.claim)


@contextmanager
def slot() -> Iterator[None]:
    """Let the verb that is called in the block have an idle thread, if this process has one."""
    reserve = getattr(ports.dispatcher(), "reserve", None)
    reserved: Slot | None = None
    if reserve is not None and not connection.in_atomic_block:
        reserved = reserve()
    _local.slot = reserved
    try:
        yield
    finally:
        _local.slot = None
        if reserved is not None:
            reserved.end()


def begin(changing: Change) -> None:
    """Claim the one plain step that this change makes ready, for the thread that waits for it."""
    reserved = _reserved()
    if reserved is None or len(changing.woken) != 1:
        return
    step = changing.woken[0]
    if not _is_ready(changing, step) or not reserved.serves(step.queue):
        return
    if definitions.problem_at(changing, step):
        return
    claim = take(changing, step, sessions.of(changing.model.pk), reserved.worker)
    transactions.after_commit(lambda: setattr(reserved, "claim", claim))


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
