"""What a caller knows about the run that it waits for, so that it need not read it again.

It is kept while a run that was just started continues with plain steps in one process: the
caller's, or that of the worker with the first claim. If anything else happens, the session forgets
it, and the caller reads the result.
"""

import uuid
from datetime import datetime
from typing import Any, Final

from workflows_app.definition import Kind
from workflows_app.engine.run import payloads
from workflows_app.engine.run.claims import Claim
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import Run, StepSnapshot, statements
from workflows_app.planner.statuses import RunStatus, StepStatus

#: Most steps that are kept in memory; callers read longer runs from the database.
MOST: Final = 32

_JSON: Final = ("input", "state", "initial_state", "request_context", "initial_request_context")

#: The facts of a step that succeeded: path, base path, metadata, start and end, and its input and
#: output as they are written.
EndedStep = tuple[str, str, Any, Any, Any, Any, Any]
#: The facts of a run that succeeded: revision, newest event, end, result.
EndedRun = tuple[int, int, Any, Any]


class Recalled:
    """A plain step that succeeded at once: what a result shows of it, named like a snapshot."""

    kind = Kind.STEP.value
    status = StepStatus.SUCCESS.value
    error = suspend_payload = resume_payload = None
    suspended_at = resumed_at = worker_id = None
    retry_count = opened = 0
    given_by = ""

    def __init__(self, run: uuid.UUID, noted: EndedStep) -> None:
        self.run_id = run
        self.path, self.base_path, metadata, started_at, ended_at, payload, output = noted
        self.metadata = _copy(metadata)
        self.started_at, self.ended_at = _time(started_at), _time(ended_at)
        self.payload, self.output = _value(payload), _value(output)


class Recall:
    """The ended steps of one run, and finally the run: everything that a result reads."""

    def __init__(self) -> None:
        self.steps: list[EndedStep] = []
        #: The run, once it has ended.
        self.ended: EndedRun | None = None

    def note(
        self, row: StepSnapshot, held: Claim, output: Raw, metadata: Any, at: datetime
    ) -> bool:
        """Keep a step that succeeded; return False if there is no room."""
        if len(self.steps) == MOST or payloads.is_large(held.payload) or payloads.is_large(output):
            return False
        self.steps.append(
            (held.path, held.base_path, metadata, row.started_at, at, held.payload, output)
        )
        return True

    def end(self, model: Run, output: Raw, last_seq: int, at: datetime) -> None:
        """Keep what changes when a run ends with success."""
        self.ended = (model.revision + 1, last_seq, at, output)

    def rows(self, begun: Run) -> tuple[Run, list[Recalled]] | None:
        """Return the run as it would be read, and its steps; None if not all of it is known.

        `begun` is the run as it was started.
        """
        if self.ended is None:
            return None
        revision, last_seq, at, result = self.ended
        run = _as_read(begun)
        ended_at = _time(at)
        run.__dict__.update(
            status=RunStatus.SUCCESS.value, active_count=0, settled_at=ended_at,
            ended_at=ended_at, error=None, result=_value(result), revision=revision,
            event_seq=last_seq,
        )  # fmt: skip
        return run, [Recalled(run.pk, noted) for noted in self.steps]


def _as_read(model: Run) -> Run:
    """Return a run that was just written as it would be read."""
    run = statements.duplicate(model)
    known = run.__dict__
    known.update({name: _copy(known[name]) for name in _JSON if name in known})
    return run


def _copy(value: Any) -> Any:
    """Return a value as it would be read after it was written."""
    if not value:
        return type(value)() if isinstance(value, (dict, list)) else value
    return loads(dumps(value))


def _value(text: Any) -> Any:
    """Return the value of JSON text; values from another process are read already."""
    return loads(text) if isinstance(text, Raw) else text


def _time(at: Any) -> Any:
    """Return a time, which is text if it came from another process."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at
