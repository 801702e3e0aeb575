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

_JSON: Final = ("input", "state", "initial_state", "request_context", "initial_request_context")


class Recall:
    """The steps of one run that have ended, and at its end the run, as they would be read."""

    def __init__(self) -> None:
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
        )  # fmt: skip
        self.steps.append(kept)
        return True

    def end(self, model: Run, output: Raw, last_seq: int, at: datetime) -> None:
        """Keep the run, which has ended with success."""
        run = statements.duplicate(model)
        run.__dict__.update({name: _read(model.__dict__[name]) for name in _JSON})
        run.__dict__.update(
            status="success", active_count=0, settled_at=at, ended_at=at, error=None,
            result=loads(output), revision=model.revision + 1, event_seq=last_seq,
        )  # fmt: skip
        self.run = run


def _read(value: Any) -> Any:
    """Return a value as it is read once it was written."""
    return None if value is None else loads(dumps(value))
