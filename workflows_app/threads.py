"""Threads for the database parts of the async verbs, and a guard for event loops."""

import asyncio
import functools
import inspect
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, TypeVar

from asgiref.sync import AsyncToSync, SyncToAsync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, close_old_connections, connections

from workflows_app import errors

P = ParamSpec("P")
R = TypeVar("R")


class InsideEventLoop(errors.InsideEventLoop, SynchronousOnlyOperation):
    """Also the error that Django raises on an event loop."""


def is_on_loop() -> bool:
    """Return whether this thread is running an event loop, which nothing may block.

    As in Django, `DJANGO_ALLOW_ASYNC_UNSAFE` allows blocking it, for example in a notebook.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


class NotMigrated(errors.NotMigrated, DatabaseError):
    """Also the error that Django raises for a missing table."""


#: What SQLite and PostgreSQL say about a missing table or column of ours.
_LACKS: Final = re.compile(
    r"no such (?:table|column): \S*|has no column named \S*"
    r"|(?:relation|column) \S* (?:of relation \S* )?does not exist"
)


def blocking(call: Callable[P, R]) -> Callable[P, R]:
    """Return a public function that blocks, with clear errors for wrong calls.

    On an event loop it refuses, and names its async twin. If the arguments do not fit, it shows the
    right call. If the database has no tables, it says what to do.
    """

    @functools.wraps(call)
    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_on_loop():
            raise InsideEventLoop(
                f"{call.__name__}() was called inside a running event loop, which it would block. "
                f"Use its async twin: a{call.__name__}(), awaited (streams: `async for`)."
            )
        try:
            return call(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # raised inside, because the call itself was fine
            said = str(error).rpartition(".")[2]
            raise errors.InvalidArguments(
                f"{said}. It is called as {call.__name__}{_form(call)}."
            ) from None
        except DatabaseError as error:
            if (lacks := _LACKS.search(str(error))) is None or "workflows_app_" not in str(error):
                raise
            raise NotMigrated(
                f"The database is not ready for this version of the code ({lacks.group()}). Run "
                "`python manage.py migrate`; `up` does it by itself."
            ) from error

    return calling


def _form(call: Callable[..., object]) -> str:
    """Return the parameters of a method as a caller writes them, without their types."""
    parameters = list(inspect.signature(call).parameters.values())[1:]
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    return str(inspect.Signature(bare))


def in_thread(call: Callable[P, R]) -> Callable[P, "asyncio.Future[R]"]:
    """Return `call` as an awaitable in a thread that gives its connection back afterwards.

    Unlike that of Channels, it leaves an open transaction alone, above all that of a `TestCase`.
    """

    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return awaitable(call, *args, **kwargs)
        finally:
            _give_back()

    def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
        if _is_sharing():
            return sync_to_async(calling, thread_sensitive=False, executor=_pool())(*args, **kwargs)
        return sync_to_async(calling)(*args, **kwargs)

    return awaited


def _give_back() -> None:
    """Give this thread's connections back, unless a transaction is open.

    A shared thread keeps its connection to SQLite, which is a file: opening it again costs more
    than most requests, and nobody else could use it.
    """
    open_here = connections.all(initialized_only=True)
    if any(each.in_atomic_block for each in open_here):
        return
    is_shared = threading.current_thread().name.startswith(_SHARED)
    if not is_shared or any(each.vendor != "sqlite" or each.errors_occurred for each in open_here):
        close_old_connections()


#: Threads for the short database parts of requests that may wait for long.
MOST_THREADS: Final = 16
_SHARED: Final = "signalbox-request"
_shares: ContextVar[bool] = ContextVar("shares", default=False)


def share_threads() -> None:
    """Let `in_thread` use threads that all requests share, from here on in this request.

    Django gives each request a thread of its own, and keeps it until the answer is sent; a request
    that waits would hold it. It is given back here.
    """
    if _is_under_sync_code():
        return
    _shares.set(True)
    own = SyncToAsync.thread_sensitive_context.get(None)
    executor = None if own is None else SyncToAsync.context_to_thread_executor.pop(own, None)
    if executor is not None:
        executor.shutdown(wait=False)


def _is_sharing() -> bool:
    return _shares.get() and not _is_under_sync_code()


def _is_under_sync_code() -> bool:
    """Return whether sync code waits for this loop, in whose thread the database parts belong."""
    return getattr(AsyncToSync.executors, "current", None) is not None


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_THREADS, thread_name_prefix=_SHARED)


def awaitable(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function for a future; a StopIteration becomes a RuntimeError with it as the cause.

    A coroutine does the same, because a future cannot hold a StopIteration.
    """
    try:
        return call(*args, **kwargs)
    except StopIteration as stop:
        name = getattr(call, "__name__", "the call")
        raise RuntimeError(f"{name} raised StopIteration, which cannot be awaited") from stop
