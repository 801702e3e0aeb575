"""News for a stream: that its run's log has grown, and transient events in their place."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from workflows_app.engine.host import ports
from workflows_app.engine.host.live import PLACE, Event

if TYPE_CHECKING:
    import uuid

#: Most transient events that are kept for a stream that nobody reads; the oldest are dropped.
MOST_KEPT: Final = 10_000
#: The type of a step's output from its writer, besides its custom events.
_OUTPUT: Final = "workflow-step-output"
_OWN: Final = "data-"
_START: Final = "workflow-step-start"


class NewsListener:
    """Listens to one run between `open()` and `close()`. Safe from every thread."""

    def __init__(self, run: uuid.UUID) -> None:
        self._run = run
        self._kept: deque[Event] = deque(maxlen=MOST_KEPT)
        self._is_new = threading.Event()
        self._unsubscribe: Callable[[], None] | None = None
        #: The newest event number that it has heard.
        self.newest = 0
        #: A function to call at each piece of news.
        self.call: Callable[[], object] | None = None

    def open(self) -> None:
        """Listen from now on; a second call changes nothing."""
        if self._unsubscribe is None:
            self._unsubscribe = ports.hub().subscribe(self._run, self._hear)

    def close(self) -> None:
        """Stop listening."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def expect(self) -> None:
        """Let `wait` wait for news from now on."""
        self._is_new.clear()

    def take(self) -> list[Event]:
        """Return the transient events that have come since the last call."""
        taken: list[Event] = []
        while self._kept:
            taken.append(self._kept.popleft())
        return taken

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` for news since `expect`; return whether there is any."""
        return self._is_new.wait(seconds)

    def _hear(self, seq: int | None, transient: list[Event]) -> None:
        self.newest = max(self.newest, seq or 0)
        self._kept.extend(transient)
        self._is_new.set()
        call = self.call
        if call is not None:
            call()


class Order:
    """Puts transient events in their place among the recorded ones, which have numbers.

    A transient event follows everything that its step emitted before it, even events that are
    recorded after the transient event arrives. It precedes everything that its step emits later.
    """

    def __init__(self, after: int) -> None:
        """`after` is the number of the last event before the stream."""
        self.seen = after
        self._first = after
        #: How many events each step has emitted since it began, by path.
        self._said: dict[str, int] = {}
        self._held: list[Event] = []

    def arrange(self, transient: Iterable[Event], recorded: Iterable[Event]) -> Iterator[Event]:
        """Yield the events whose place is known now, in order."""
        self._held.extend(transient)
        yield from self._leave(self._is_due)
        for event in recorded:
            path = event["payload"].get("path", "")
            said = self._said.get(path, 0)
            is_said = event["type"] == _OUTPUT or event["type"].startswith(_OWN)
            self._said[path] = said + 1 if is_said else 0
            if not is_said and event["type"] != _START and self._held:
                yield from self._leave(partial(_is_before, event["seq"], path))
            self.seen = event["seq"]
            yield event
            if self._held:
                yield from self._leave(self._is_due)

    def rest(self) -> Iterator[Event]:
        """Yield the remaining events at the end."""
        yield from self._leave(lambda _held: True)

    def _is_due(self, held: Event) -> bool:
        began, said = _place(held)
        if began <= self._first:
            return True
        return began <= self.seen and self._said.get(_path(held), 0) >= said

    def _leave(self, may_go: Callable[[Event], bool]) -> list[Event]:
        if not self._held:
            return []
        going: list[Event] = []
        staying: list[Event] = []
        for event in self._held:
            (going if may_go(event) else staying).append(event)
        self._held = staying
        return going


def _is_before(seq: int, path: str, held: Event) -> bool:
    """Return whether a transient event belongs before a recorded event that ends its attempt."""
    began, _ = _place(held)
    return _path(held) == path and began < seq


def _path(event: Event) -> str:
    path: str = event["payload"].get("path", "")
    return path


def _place(event: Event) -> tuple[int, int]:
    began, said = event.get(PLACE, (0, 0))
    return int(began), int(said)
