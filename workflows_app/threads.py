"""The short database parts of the async verbs, in Django's thread for them."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection

P = ParamSpec("P")
R = TypeVar("R")


def in_thread(call: Callable[P, R]) -> Callable[P, "asyncio.Future[R]"]:
    """Return `call` to be awaited; its thread gives its connection back afterwards.

    Unlike Channels' own, it leaves an open transaction alone: that of a `TestCase`, above all.
    """

    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        finally:
            if not connection.in_atomic_block:
                close_old_connections()

    awaited: Any = sync_to_async(calling)
    return awaited  # type: ignore[no-any-return]
