"""Sync and async: the short database parts of the async verbs, and what must not block a loop."""

import asyncio
import functools
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import close_old_connections, connection

from workflows_app import errors

P = ParamSpec("P")
R = TypeVar("R")


class _Blocks(errors.InsideEventLoop, SynchronousOnlyOperation):
    """Also what Django raises there, for who catches that."""


def is_on_loop() -> bool:
    """Return whether this thread runs an event loop just now, which nothing may block.

    `DJANGO_ALLOW_ASYNC_UNSAFE` says that it may, as in a notebook; the same as Django has it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


def blocking(call: Callable[P, R]) -> Callable[P, R]:
    """Return a function that refuses to be called on an event loop, and names its async twin."""

    @functools.wraps(call)
    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_on_loop():
            raise _Blocks(
                f"{call.__name__}() was called inside a running event loop, which it would block. "
                f"Use its async twin: a{call.__name__}(), awaited (streams: `async for`)."
            )
        return call(*args, **kwargs)

    return calling


def in_thread(call: Callable[P, R]) -> Callable[P, "asyncio.Future[R]"]:
    """Return `call` to be awaited; its thread gives its connection back afterwards.

    Unlike Channels' own, it leaves an open transaction alone: that of a `TestCase`, above all.
    """

    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return awaitable(call, *args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                close_old_connections()

    awaited: Any = sync_to_async(calling)
    return awaited  # type: ignore[no-any-return]


def awaitable(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function whose outcome is awaited: a StopIteration becomes what a coroutine makes of
    it, a RuntimeError with the StopIteration as its cause. No future takes one.
    """
    try:
        return call(*args, **kwargs)
    except StopIteration as stop:
        name = getattr(call, "__name__", "the call")
        raise RuntimeError(f"{name} raised StopIteration, which cannot be awaited") from stop
