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
from workflows_app.engine import live

logger = logging.getLogger(__name__)
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Wake:
    """A hint that a step can be claimed, now or from `wake_at` on.

    `place` says where it waits, if it is a plain step (`express.place`); 0: that is not known.
    """

    step: int
    run: uuid.UUID
    queue: str = "default"
    wake_at: datetime | None = None
    place: int = 0


class Dispatcher(Protocol):
    """How workers learn that there is work. Named by the setting `DISPATCHER`."""

    def wake(self, steps: Sequence[Wake]) -> None:
        """Hint that these steps can be claimed. Never raises to the caller; may be lost."""

    def drive(self, run: uuid.UUID, patience: float | None = None) -> bool:
        """Run what the run has to do in this thread, if this dispatcher does so.

        Inside a `TestCase`, which stands alone with its run, sleeps and retries are waited for no
        longer than `patience` seconds in all (None: two). Returns False when workers elsewhere do
        it, and the caller has but to wait.
        """

    def abort(self, run: uuid.UUID) -> None:
        """Raise the abort signal of the run's steps where they are running."""


class Ear(Protocol):
    """How a waiting thread hears of its run from the process that works on it."""

    @property
    def address(self) -> str:
        """Where to tell it; see `told_end`."""

    def hear(self, run: uuid.UUID, seconds: float) -> str | None:
        """Return what is told of the run; None: not in this time, or somebody rang."""

    def ring(self) -> None:
        """Let the thread that hears look up. Safe from every thread."""


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
    """Return the hub of this process, which hears from now on what other processes publish."""
    if listen := getattr(notifier(), "listen", None):
        listen()
    return live.hub


def published(run: uuid.UUID, seq: int, *, is_settled: bool) -> None:
    """Tell those who watch that a run has changed."""
    notifier().published(run, seq, is_settled=is_settled)


def told_end(caller: str, run: uuid.UUID, end: str) -> None:
    """Let a caller in another process know that its run has ended, before others hear of it.

    `end` says what came of it; empty: the caller reads it.
    """
    if tell := getattr(notifier(), "told_end", None):
        tell(caller, run, end)


def wake(steps: Sequence[Wake]) -> None:
    """Hint at claimable steps; what goes wrong is logged, since the database remembers them."""
    held: list[Wake] | None = getattr(_local, "held", None)
    if held is not None:
        held.extend(steps)
        return
    try:
        dispatcher().wake(steps)
    except Exception:
        logger.exception("Workers could not be told of new work; the sweep will find it.")


def look_again() -> None:
    """Let a worker's thread of this process look for what nobody was told of, if it has any."""
    if look := getattr(dispatcher(), "look_again", None):
        look()


def is_holding_back() -> bool:
    """Return whether this thread's hints are collected just now."""
    return getattr(_local, "held", None) is not None


@contextmanager
def holding_back() -> Iterator[list[Wake]]:
    """Collect this thread's hints: the caller runs the steps, or gives the hints later."""
    held: list[Wake] = []
    _local.held = held
    try:
        yield held
    finally:
        _local.held = None
