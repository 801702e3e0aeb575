"""A claim: one worker's hold on one attempt of one step, and all it needs to execute it."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workflows_app.engine.sessions import Session
from workflows_app.jsontext import Raw

#: The kind of the snapshots that stand for a hook to be called; not an entry of the graph.
HOOK: Final = "hook"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker was given with a step. `token` is the fence: a newer claim has a higher one."""

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
    #: What this process knows of the run.
    session: Session = field(compare=False, repr=False)
    #: Of a loop that is to be tested: the number of its last round.
    round: int | None = None
