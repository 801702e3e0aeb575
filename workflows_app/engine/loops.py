"""The one event loop of a process on which `async def` steps run."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any

from workflows_app.engine.attempts import Attempt
from workflows_app.engine.control import Interrupted

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(coroutine: Coroutine[Any, Any, Any], attempt: Attempt) -> Any:
    """Run a coroutine on the engine's loop and return what it returns, or raise what it raises.

    When the attempt's time is up the coroutine is canceled and `Interrupted` raised.
    """
    future = asyncio.run_coroutine_threadsafe(_boxed(coroutine), _running_loop())
    try:
        value, raised = future.result(attempt.timeout)
    except concurrent.futures.TimeoutError:
        future.cancel()
        attempt.timed_out = True
        attempt.signal.abort()
        raise Interrupted from None
    except BaseException:
        future.cancel()
        raise
    if raised is not None:
        raise raised
    return value


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that is no attempt on the engine's loop; return or raise what it does."""
    value, raised = asyncio.run_coroutine_threadsafe(_boxed(coroutine), _running_loop()).result()
    if raised is not None:
        raise raised
    return value


async def _boxed(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    """Carry a foreign BaseException to the caller: raised here, it would end the loop."""
    try:
        return await coroutine, None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - carried over, not swallowed
        return None, error


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop a process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(
                target=_loop.run_forever, name="signalbox-async-steps", daemon=True
            ).start()
        return _loop
