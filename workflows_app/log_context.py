"""What a line of the log is about: a filter for Python's logging, which any project may use.

It gives each record `run_id`, `step_path`, `attempt`, `worker`, `trace_id` and `request_id`, each
empty where it is not known. It asks nobody: what it says stands in the context of the code that
wrote the line.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from workflows_app.engine.run.claims import Claim

#: What a record is given, in this order.
FIELDS: Final = ("run_id", "step_path", "attempt", "worker", "trace_id", "request_id")
#: The kind of a claim that calls a hook, which is no step.
_HOOK: Final = "hook"

#: What the running code works on.
claim: Final[ContextVar[Claim | None]] = ContextVar("signalbox_claim", default=None)
#: Where requests are known; it needs Django's apps, which are not there yet when logging begins.
_ENTRANCE: Final = "workflows_app.engine.host.entrance"


class About(logging.Filter):
    """Adds to each record what it is about. What a caller gave as `extra` stays as it is."""

    def filter(self, record: logging.LogRecord) -> Literal[True]:
        """Let every record pass."""
        for name, value in _known():
            record.__dict__.setdefault(name, value)
        for name in FIELDS:
            record.__dict__.setdefault(name, "")
        return True


def _known() -> Iterator[tuple[str, object]]:
    held = claim.get()
    if held is not None:
        yield "run_id", held.run_id
        yield "worker", str(held.worker)
        yield "trace_id", held.trace_id
        if held.kind != _HOOK:
            yield "step_path", held.path
            yield "attempt", held.retry_count + 1
    if entrance := sys.modules.get(_ENTRANCE):
        yield "request_id", entrance.current().request_id
