"""The events of a run's log: one function makes each event type, from values.

An event has a type and a payload. A large value that is stored elsewhere is replaced by a
reference.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from workflows_app.engine.run import payloads
from workflows_app.engine.run.holds import Halt
from workflows_app.jsontext import Raw
from workflows_app.planner.statuses import RunStatus, StepStatus

Event = dict[str, Any]
Named = Mapping[str, Any]


def of(kind: str, payload: Mapping[str, Any], refs: Mapping[str, str] = {}) -> Event:
    """Return an event; `refs` says where large values of the payload are stored."""
    moved = {
        name: ref
        for name, ref in refs.items()
        if ref and isinstance(payload.get(name), Raw) and payloads.is_large(payload[name])
    }
    if not moved:
        return {"type": kind, "payload": payload}
    kept = {name: value for name, value in payload.items() if name not in moved}
    return {"type": kind, "payload": kept, "refs": moved}


# Events of a run.


def started(workflow_id: str, taken: Raw, actor: str | None) -> Event:
    """Return the event of a run that starts with this input."""
    payload = {"workflow_id": workflow_id, "input": taken, "actor": actor}
    return of("workflow-start", payload, {"input": payloads.RUN_INPUT})


def finished(status: RunStatus, outcome: Mapping[str, Any], result_from: str = "") -> Event:
    """Return the event of a run that settles; `outcome` is its result or its error."""
    payload = {"status": status.value, **outcome}
    return of("workflow-finish", payload, {"result": result_from})


def canceled(actor: str | None, reason: str | None) -> Event:
    """Return the event of a run that was canceled."""
    return of("workflow-canceled", {"actor": actor, "reason": reason})


def deadline_near(ends_at: datetime, then: str) -> Event:
    """Return the event of a run that is warned of its deadline; `then` is what happens at it."""
    return of("workflow-deadline-warning", {"ends_at": ends_at.isoformat(), "then": then})


def deadline_passed(ends_at: datetime, then: str) -> Event:
    """Return the event of a run that has passed its deadline."""
    return of("workflow-deadline", {"ends_at": ends_at.isoformat(), "then": then})


def paused(by: Halt | None) -> Event:
    """Return the event of a run that waits for `proceed`; `by` is None if it goes step by step."""
    if by is None:
        return of("workflow-paused", {"actor": None, "reason": None})
    return of("workflow-paused", {"actor": by.actor, "reason": by.reason or None})


def steered(
    kind: str, paths: Sequence[str], actor: str | None, timeline: int, **more: Any
) -> Event:
    """Return the event of steps that a person or the engine lets continue.

    `kind` is `workflow-resumed`, `workflow-restarted` or `workflow-retried`.
    """
    named = {"path": paths[0]} if len(paths) == 1 else {"paths": list(paths)}
    return of(kind, {**named, "actor": actor, "timeline": timeline, **more})


def traveled(path: str, actor: str | None, timeline: int, state: Any, **given: Any) -> Event:
    """Return the event of a time travel to a step, with its new timeline and values."""
    payload = {"path": path, "actor": actor, "timeline": timeline, "state": state, **given}
    return of("workflow-time-travel", payload)


# Events of a step.


def step_started(
    named: Named, key: int, payload: Raw, at: datetime, answer: Raw | None = None
) -> Event:
    """Return the event of a step that a worker took, or of an entry that begins without one."""
    told = {
        **named,
        "payload": payload,
        "status": StepStatus.RUNNING.value,
        "started_at": at.isoformat(),
    }
    if answer is not None:
        told["resume_payload"] = answer
    return of("workflow-step-start", told, {"payload": f"{key}.payload"})


def step_waiting(named: Named, resume_at: datetime) -> Event:
    """Return the event of a sleep, with its end."""
    return of("workflow-step-waiting", {**named, "resume_at": resume_at.isoformat()})


def step_retried(named: Named, count: int, error: Mapping[str, Any] | None, at: datetime) -> Event:
    """Return the event of a step that failed and will be tried again."""
    told = {"retry_count": count, "error": error, "next_attempt_at": at.isoformat()}
    return of("workflow-step-retry", {**named, **told})


def step_suspended(
    named: Named, suspension: str, asked: Any, labels: Mapping[str, Any], **state: Any
) -> Event:
    """Return the event of a step that asks a question."""
    told = {"suspension": suspension, "suspend_payload": asked, "resume_labels": labels}
    return of("workflow-step-suspended", {**named, **told, **state})


def step_ended(
    named: Named,
    key: int,
    status: StepStatus,
    at: datetime,
    came: Mapping[str, Any],
    **state: Any,
) -> list[Event]:
    """Return the two events of a step that ended; `came` is its output or its error."""
    told = {**named, "status": status.value, **came, "ended_at": at.isoformat(), **state}
    result = of("workflow-step-result", told, {"output": f"{key}.output"})
    return [result, of("workflow-step-finish", named)]


def progressed(
    named: Named,
    key: int,
    index: int | None,
    status: StepStatus,
    output: Raw | None,
    *,
    done: int,
    of_all: int,
) -> Event:
    """Return the event with a foreach's count of finished items; `key` is that of the last one."""
    told = {
        **named,
        "completed_count": done,
        "total_count": of_all,
        "current_index": index,
        "iteration_status": status.value,
        "iteration_output": output,
    }
    return of("workflow-step-progress", told, {"iteration_output": f"{key}.output"})


def said(named: Named, chunk: Any) -> tuple[str, dict[str, Any]]:
    """Return the type and the payload of what a step wrote for watchers."""
    return "workflow-step-output", {**named, "output": chunk}
