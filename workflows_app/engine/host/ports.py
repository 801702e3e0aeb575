"""The two protocols through which the engine reaches workers and browsers, named in settings."""

import logging
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Protocol, cast

from django.utils.module_loading import import_string

from workflows_app import conf
from workflows_app.engine.host import live

logger = logging.getLogger(__name__)
_local = threading.local()


@dataclass(frozen=True, slots=True)
class ClaimableStep:
    """A step that can be claimed now, or from `wake_at` on.

    `lane_key` says in which lane it waits, if it is a plain step (`chain.lane_key`); 0: not known.
    """

    step: int
    run: uuid.UUID
    queue: str = "default"
    wake_at: datetime | None = None
    lane_key: int = 0


class Borrower(Protocol):
    """A step that waits for other runs, and asks for a thread to work on them meanwhile."""

    @property
    def name(self) -> str:
        """The step and its run, for messages."""

    @property
    def runs(self) -> list[uuid.UUID]:
        """The runs that it is waiting for."""

    @property
    def changed(self) -> threading.Event:
        """An event that is set when there may be something to do."""

    def is_over(self) -> bool:
        """Return whether it has stopped waiting; the lent thread must then end."""


class Dispatcher(Protocol):
    """How workers learn about work. Named by the setting `DISPATCHER`.

    Derive your own dispatcher from this class; methods that it leaves out then do nothing.
    """

    #: Whether `lend` ever lends a thread. If not, waiting steps do not ask for one.
    lends: bool = False

    def wake(self, steps: Sequence[ClaimableStep]) -> None:
        """Hint that these steps can be claimed. Never raises to the caller; may be lost."""

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Run the steps of a run in this thread, if this dispatcher does that.

        Inside a `TestCase`, where nobody else sees the run, sleeps and retries take at most
        `patience` seconds in all (None: two). Returns False if workers elsewhere run the steps and
        the caller only waits.
        """

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps where they are running."""

    def reserve(self) -> object | None:
        """Reserve an idle thread for a step that a verb makes ready, as a `verbs.idle_worker.Slot`.

        None: no thread is idle, or this dispatcher reserves none.
        """
        return None

    def lend(self, borrower: Borrower) -> bool:
        """Start a thread that works on the borrower's runs; return False if none is left."""
        return False

    def look_again(self) -> None:
        """Let an idle worker thread look for the oldest step, if there is one."""
        return


class Ear(Protocol):
    """How a waiting thread hears from the process that works on its run."""

    @property
    def address(self) -> str:
        """The address of this thread, for `told_end`."""

    def hear(self, run: uuid.UUID, seconds: float) -> str | None:
        """Return the message about the run; None if none came in this time, or if somebody rang."""

    def ring(self) -> None:
        """ClaimableStep the thread that waits in `hear`. Safe from every thread."""


@cache
def _load(path: str) -> object:
    return cast("object", import_string(path)())


def dispatcher() -> Dispatcher:
    """Return the configured dispatcher."""
    return cast("Dispatcher", _load(conf.get("DISPATCHER")))


def notifier() -> live.Notifier:
    """Return the configured notifier."""
    return cast("live.Notifier", _load(conf.get("NOTIFIER")))


def hub() -> live.Hub:
    """Return the hub of this process, and let it hear what other processes publish."""
    notifier().listen()
    return live.hub


def published(run: uuid.UUID, seq: int, *, is_settled: bool) -> None:
    """Tell watchers that a run has changed."""
    notifier().published(run, seq, is_settled=is_settled)


def told_end(caller: str, run: uuid.UUID, end: str) -> None:
    """Tell a caller in another process that its run has ended, before others hear of it.

    `end` is the packed result; if it is empty, the caller reads the result.
    """
    notifier().told_end(caller, run, end)


def wake(steps: Sequence[ClaimableStep]) -> None:
    """Hint at claimable steps; errors are only logged, because the database remembers the steps."""
    held: list[ClaimableStep] | None = getattr(_local, "held", None)
    if held is not None:
        held.extend(steps)
        return
    try:
        dispatcher().wake(steps)
    except Exception:
        logger.exception("Workers could not be told of new work; the sweep will find it.")


def look_again() -> None:
    """Let a worker thread of this process, if there is one, look for steps without a hint."""
    dispatcher().look_again()


def is_holding_back() -> bool:
    """Return whether this thread is collecting its hints."""
    return getattr(_local, "held", None) is not None


@contextmanager
def holding_back() -> Iterator[list[ClaimableStep]]:
    """Collect this thread's hints; the caller runs the steps, or gives the hints later."""
    held: list[ClaimableStep] = []
    _local.held = held
    try:
        yield held
    finally:
        _local.held = None
