"""Sync and async: the short database parts of the async verbs, and what must not block a loop."""

import asyncio
import functools
import inspect
import os
import re
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, close_old_connections, connection

from workflows_app import errors

P = ParamSpec("P")
R = TypeVar("R")


class InsideEventLoop(errors.InsideEventLoop, SynchronousOnlyOperation):
    """Also the error that Django raises there."""


def is_on_loop() -> bool:
    """Return whether this thread runs an event loop just now, which nothing may block.

    `DJANGO_ALLOW_ASYNC_UNSAFE` says that it may, as in a notebook; the same as Django has it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")


class NotMigrated(errors.NotMigrated, DatabaseError):
    """Also the error that Django raises for a missing table."""


#: What SQLite and PostgreSQL say of a table or a column of ours that is not there.
_LACKS: Final = re.compile(
    r"no such (?:table|column): \S*|has no column named \S*"
    r"|(?:relation|column) \S* (?:of relation \S* )?does not exist"
)


def blocking(call: Callable[P, R]) -> Callable[P, R]:
    """Return a public function that blocks, with better words for what goes wrong at its door.

    It refuses to be called on an event loop, and names its async twin; it says how it is called
    when the arguments do not fit; and it says what to do when the database has no tables.
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
                raise  # from inside: the call itself was fine
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
