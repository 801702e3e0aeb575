"""Threads that read the database for open pages; each keeps its connection while there is work.

To take a connection from the pool for every read, have it checked and give it back would cost more
than most reads do.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from django.db import InterfaceError, OperationalError

from workflows_app.models.sqltext import connection_here

R = TypeVar("R")

#: The seconds without work after which a thread returns its connection and ends.
IDLE: Final = 1.0


class Readers:
    """A few threads that read. `most` is their number; further calls wait in turn."""

    def __init__(self, name: str, most: int) -> None:
        self._name = f"signalbox-reader-{name}"
        self._most = most
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        #: The number of threads, and of calls that they have to do.
        self._threads = self._due = 0

    async def do(self, call: Callable[[], R]) -> R:
        """Return what `call` returns in one of the threads, or raise what it raises.

        It must only read: if the connection has died, it is called a second time.
        """
        future: Future[R] = Future()
        with self._lock:
            self._due += 1
            self._calls.put((future, call))
            if self._threads < min(self._due, self._most):
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
                self._threads += 1
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        try:
            while work := self._next():
                future, call = work
                if future.set_running_or_notify_cancel():
                    _answer(future, call)
                with self._lock:
                    self._due -= 1
        finally:
            connection_here().close()

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        try:
            return self._calls.get(timeout=IDLE)
        except queue.Empty:
            with self._lock:
                if self._calls.empty():
                    self._threads -= 1
                    return None
            return self._next()


def _answer(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(_done(call))
    except BaseException as error:  # noqa: BLE001 - it is raised where the call was asked for
        future.set_exception(error)


def _done(call: Callable[[], R]) -> R:
    try:
        return call()
    except (OperationalError, InterfaceError):
        if not connection_here().errors_occurred:
            raise
        connection_here().close()
        return call()
    finally:
        if connection_here().errors_occurred:
            connection_here().close()
