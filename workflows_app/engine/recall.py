"""What a caller knows of the run that it worked on itself, so that it need not read it again.

Kept while a run that was just started goes on by plain steps alone, in its caller's thread. As
soon as anything else happens, the session forgets it, and the caller reads what came of the run.
"""

from datetime import datetime
from typing import Any, Final

from workflows_app.engine import payloads
from workflows_app.engine.claims import Claim
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import Run, StepSnapshot, statements

#: Most steps that are kept in memory: whoever waits for a longer run reads it.
MOST: Final = 32

#: What a step does not have that succeeded at once.
_NONE: Final = (
    "error", "suspend_payload", "resume_payload", "state_changes", "context_changes",
)  # fmt: skip
_JSON: Final = ("input", "state", "initial_state", "request_context", "initial_request_context")


class Recall:
    """The steps of one run that have ended, and at its end the run, as they would be read."""

    def __init__(self, *, is_told: bool = False) -> None:
        """`is_told`: the caller is in another process, which is told of it with the news."""
        self.is_told = is_told
        self.steps: list[StepSnapshot] = []
        #: The run, once it has ended.
        self.run: Run | None = None

    def note(
        self, row: StepSnapshot, held: Claim, output: Raw, metadata: Any, at: datetime
    ) -> bool:
        """Keep a step that succeeded; return False if no more can be kept."""
        if len(self.steps) == MOST or payloads.is_large(held.payload) or payloads.is_large(output):
            return False
        kept = statements.duplicate(row)
        kept.__dict__.update(
            status="success", worker_id=None, settled_token=held.token, ended_at=at,
            payload=loads(held.payload), output=loads(output), metadata=loads(dumps(metadata)),
            **dict.fromkeys(_NONE),
        )  # fmt: skip
        self.steps.append(kept)
        return True

    def end(self, model: Run, output: Raw, last_seq: int, at: datetime) -> None:
        """Keep the run, which has ended with success."""
        run = as_read(model)
        run.__dict__.update(
            status="success", active_count=0, settled_at=at, ended_at=at, error=None,
            result=loads(output), revision=model.revision + 1, event_seq=last_seq,
        )  # fmt: skip
        self.run = run


def as_read(model: Run) -> Run:
    """Return a run that was just written as it would be read, as far as it is known."""
    run = statements.duplicate(model)
    known = run.__dict__
    known.update({name: _read(known[name]) for name in _JSON if name in known})
    return run


def _read(value: Any) -> Any:
    """Return a value as it is read once it was written."""
    return None if value is None else loads(dumps(value))
