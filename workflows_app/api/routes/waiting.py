"""Answering with a run and, where that is asked for, waiting for it: on the loop, without a thread.

Verbs are called without a wait, in the thread that read the request. A request that does not wait
is answered from there.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from workflows_app import errors
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.engine.host import transactions
from workflows_app.engine.verbs import waiting
from workflows_app.models import Run
from workflows_app.planner.statuses import ENDED, SETTLED
from workflows_app.threads import in_thread

#: Stands for the status that says whether the run is over.
OVER: Final = -1


async def until_settled(run: uuid.UUID, query: Any) -> bool:
    """Wait until a run has settled, for as long as the query says; return whether it has."""
    try:
        if await in_thread(transactions.is_inside_testcase)():
            await in_thread(waiting.go_on_in_test)(run, query.timeout)
        else:
            await waiting.await_settled(run, query.timeout)
    except errors.WaitTimeout:
        return False
    return True


def answered(
    call: Call, pk: uuid.UUID, status: int = 0, *, is_new: bool = False, **more: Any
) -> Answer | Awaitable[Answer]:
    """Return the answer to a verb that was done: the run, once it was waited for if that was asked.

    Takes what `shown` takes.
    """
    answer = partial(shown, call, pk, status, is_new=is_new, **more)
    return _later(call, pk, answer) if call.query.wait else answer()


async def _later(call: Call, pk: uuid.UUID, answer: Callable[[], Answer]) -> Answer:
    await until_settled(pk, call.query)
    return await in_thread(answer)()


def shown(
    call: Call,
    pk: uuid.UUID,
    status: int = 0,
    *,
    is_new: bool = False,
    begun: Run | None = None,
    **more: Any,
) -> Answer:
    """Return the answer to a verb: the run as it stands, and where it is if it was made.

    `begun`: its row as the caller's start wrote it, while a worker has its first step; shown as it
    is where nobody waits and no value is wanted. `call.wanted` says with which values. Without a
    status: 200 where it was waited for and has settled, else 202; `OVER`: 200 where it has ended,
    else 202.
    """
    try:
        is_known = begun is not None and not call.query.wait and not call.wanted.names
        if begun is not None and is_known:
            found = run_shapes.begun(call, begun, call.wanted)
        else:
            found = run_shapes.one(call, pk, call.wanted)
    except Run.DoesNotExist:
        raise errors.RunNotFound("The run was deleted meanwhile.") from None
    headers = {"ETag": f'"{found["revision"]}"'}
    if is_new:
        headers["Location"] = call.address("runs", found["run_id"])
    if status == OVER:
        status = 200 if found["status"] in ENDED else 202
    if not status:
        status = 200 if call.query.wait and found["status"] in SETTLED else 202
    return Answer({**found, **more}, status, headers, found["workflow_id"])
