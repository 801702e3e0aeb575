"""Tells watchers in this process that a run has changed.

The hub carries event numbers, not events: a listener reads the log after the last number it has
seen. Only transient events travel through the hub, because no log holds them.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

logger = logging.getLogger(__name__)

Event = dict[str, Any]

#: The key for the place of a transient event in its run's log: after which number, and after how
#: many events that its attempt emitted for the log. Only streams read it.
PLACE: Final = "place"
RunCallback = Callable[[int | None, list[Event]], None]
FeedCallback = Callable[[uuid.UUID], None]
Unsubscribe = Callable[[], None]
T = TypeVar("T")


class Notifier(Protocol):
    """How browsers and waiting callers learn of a change. Named by the setting `NOTIFIER`.

    Derive your own notifier from this class; methods that it leaves out then do nothing.
    """

    #: Whether it also carries news between processes.
    crosses_processes: bool = False

    def published(
        self,
        run: uuid.UUID,
        seq: int | None,
        transient: Sequence[Event] = (),
        *,
        is_settled: bool = False,
    ) -> None:
        """Announce that the run's log has grown to `seq`, and whether the run has settled.

        Never raises to the caller, and does not keep it waiting.
        """

    def told_end(self, caller: str, run: uuid.UUID, end: str) -> None:
        """Send one caller in another process, at its address, the end of its run."""
        return

    def listen(self) -> None:
        """Let news from other processes reach the hub of this one."""
        return


def without_place(event: Event) -> Event:
    """Return a transient event without its place, as people see it."""
    return {name: value for name, value in event.items() if name != PLACE}


class Hub:
    """Callbacks by run, and callbacks for any run. Safe from every thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[uuid.UUID, set[RunCallback]] = {}
        self._waiting: dict[uuid.UUID, set[Callable[[], object]]] = {}
        self._feed: set[FeedCallback] = set()

    def subscribe(self, run: uuid.UUID, callback: RunCallback) -> Unsubscribe:
        """Call `callback` with each new event number of the run, and its transient events.

        It is called from the thread that committed: it must be quick, and must not raise.
        """
        return self._add(self._runs, run, callback)

    def subscribe_settled(self, run: uuid.UUID, callback: Callable[[], object]) -> Unsubscribe:
        """Call `callback` when the run settles; the same rules."""
        return self._add(self._waiting, run, callback)

    def _add(self, of: dict[uuid.UUID, set[T]], run: uuid.UUID, callback: T) -> Unsubscribe:
        with self._lock:
            of.setdefault(run, set()).add(callback)

        def unsubscribe() -> None:
            with self._lock:
                callbacks = of.get(run, set())
                callbacks.discard(callback)
                if not callbacks:
                    of.pop(run, None)

        return unsubscribe

    def subscribe_feed(self, callback: FeedCallback) -> Unsubscribe:
        """Call `callback` with the key of every run that changes."""
        with self._lock:
            self._feed.add(callback)

        def unsubscribe() -> None:
            with self._lock:
                self._feed.discard(callback)

        return unsubscribe

    def publish(
        self,
        run: uuid.UUID,
        seq: int | None,
        transient: Sequence[Event] = (),
        *,
        is_settled: bool = False,
    ) -> None:
        """Call the listeners of this run, of all runs, and of this run's settling."""
        if not self._runs and not self._feed and not self._waiting:
            return
        with self._lock:
            callbacks = list(self._runs.get(run, ()))
            waiting = list(self._waiting.get(run, ())) if is_settled else []
            feed = list(self._feed)
        for waiting_callback in waiting:
            _call(waiting_callback)
        for callback in callbacks:
            _call(partial(callback, seq, list(transient)))
        for feed_callback in feed:
            _call(partial(feed_callback, run))


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("A live callback failed; the others were called.")


#: The one hub of this process.
hub = Hub()


class InProcessNotifier(Notifier):
    """Tells the watchers in this process."""

    def published(
        self,
        run: uuid.UUID,
        seq: int | None,
        transient: Sequence[Event] = (),
        *,
        is_settled: bool = False,
    ) -> None:
        """Pass the number on to the hub."""
        hub.publish(run, seq, transient, is_settled=is_settled)
