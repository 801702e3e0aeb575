"""The event loop of a process, on which all its `async def` steps run."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from workflows_app.engine.host.control import Interrupted
from workflows_app.engine.host.surroundings import Aside
from workflows_app.engine.work.attempts import Attempt

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(coroutine: Coroutine[Any, Any, Any], attempt: Attempt, what: str) -> Any:
    """Run a coroutine on the engine's loop and return what it returns, or raise what it raises.

    When the attempt's time is up the coroutine is canceled and `Interrupted` raised. `what` names
    the step in warnings.
    """
    future = asyncio.run_coroutine_threadsafe(_boxed(coroutine, what), _running_loop())
    try:
        value, raised = future.result(attempt.longest)
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


def run_to_end(coroutine: Coroutine[Any, Any, Any], what: str) -> Any:
    """Run a coroutine without a deadline on the engine's loop; return or raise what it does."""
    boxed = _boxed(coroutine, what)
    value, raised = asyncio.run_coroutine_threadsafe(boxed, _running_loop()).result()
    if raised is not None:
        raise raised
    return value


async def _boxed(
    coroutine: Coroutine[Any, Any, Any], what: str
) -> tuple[Any, BaseException | None]:
    """Return a BaseException to the caller; raised here, it would end the loop or look canceled.

    If the caller has canceled this, nobody reads what is returned.
    """
    aside = Aside(what)
    around = ThreadSensitiveContext()
    async with around:
        SyncToAsync.context_to_thread_executor[around] = aside.executor
        try:
            return await coroutine, None
        except BaseException as error:  # noqa: BLE001 - carried over, not swallowed
            return None, error
        finally:
            if aside.is_used:
                await asyncio.get_running_loop().run_in_executor(aside.executor, aside.end)
            SyncToAsync.context_to_thread_executor.pop(around, None)
            aside.executor.shutdown(wait=False)


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop a process
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(
                target=_loop.run_forever, name="signalbox-async-steps", daemon=True
            ).start()
        return _loop
