"""A claim: one worker's hold on one attempt of one step, with all that it needs to execute it."""

import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from workflows_app.definition import LOOPS
from workflows_app.engine.run import payloads
from workflows_app.engine.run.sessions import Session
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot

#: The kind of a snapshot for a hook that is to be called; a hook is not an entry of the graph.
HOOK: Final = "hook"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker gets with a step. `token` is the fence: a newer claim has a higher token."""

    run: uuid.UUID
    run_id: str
    workflow_id: str
    resource_id: str | None
    trace_id: str
    span_id: str
    is_sampled: bool
    step: int
    path: str
    base_path: str
    kind: str
    token: int
    worker: uuid.UUID
    queue: str
    retry_count: int
    #: Whether an earlier attempt of this activation was lost with its worker.
    restarted: bool
    payload: Raw
    is_resuming: bool
    resume_payload: Raw | None
    suspend_payload: Raw | None
    state: dict[str, Any]
    request_context: dict[str, Any]
    claimed_at: datetime
    #: What this process knows about the run.
    session: Session = field(compare=False, repr=False)
    #: For the test of a loop: the number of the last iteration.
    round: int | None = None
    #: For an item that has no snapshot yet: the key of its stretch.
    stretch: int | None = None

    @property
    def name(self) -> str:
        """The step and its run, for messages."""
        return f"{self.path} of run {self.run_id}"

    def but(self, **changed: Any) -> "Claim":
        """Return this claim with other values; it takes half the time of `dataclasses.replace`."""
        made = object.__new__(Claim)
        values = {name: getattr(self, name) for name in _NAMES}
        values.update(changed)
        for name, value in values.items():
            object.__setattr__(made, name, value)
        return made


_NAMES: Final = tuple(each.name for each in fields(Claim))


def describe(run: Run, step: StepSnapshot, session: Session, payload: Raw, now: datetime) -> Claim:
    """Return the claim of a step that a worker now holds; `run` and `step` are as they are now."""
    resumed = step.is_resuming
    return Claim(
        run=run.pk,
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        resource_id=run.resource_id,
        trace_id=run.trace_id,
        span_id=run.span_id,
        is_sampled=bool(run.trace_id) and run.tracing.get("sampled", True),
        step=step.pk,
        path=step.path,
        base_path=step.base_path,
        kind=step.kind,
        token=step.token,
        worker=step.worker_id or uuid.UUID(int=0),
        queue=step.queue,
        retry_count=step.retry_count,
        restarted=step.lost_count > 0,
        payload=payload,
        is_resuming=resumed,
        resume_payload=payloads.column(step, "resume_payload") if resumed else None,
        suspend_payload=payloads.column(step, "suspend_payload") if resumed else None,
        state=run.state,
        request_context=run.request_context,
        claimed_at=now,
        session=session,
        round=step.opened - 1 if step.kind in LOOPS else None,
    )
