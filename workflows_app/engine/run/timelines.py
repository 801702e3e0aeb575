"""Timelines: a retry or a time travel leaves one, which stays readable, and begins another."""

import uuid
from collections.abc import Mapping
from typing import Any

from workflows_app.definition import Builder
from workflows_app.engine.run import accepted, audit, deadlines, unique_keys
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import revealed
from workflows_app.models import Run, RunEvent, StepSnapshot, Timeline, persons
from workflows_app.planner.statuses import RunStatus


def begin(changing: Change, cause: str, step: str, actor: Any) -> None:
    """Leave the run's current timeline, and begin the next one, in which nothing has ended.

    Raises UniqueKeyTaken.
    """
    unique_keys.take_again(changing)
    leave(changing)
    run = changing.model
    run.timeline += 1
    mark(changing, cause, step, actor)
    reopen(changing)
    deadlines.begin(changing)


def leave(changing: Change) -> None:
    """Store the state of the run's current timeline."""
    run = Run.objects.only("result", "error", "state").get(pk=changing.model.pk)
    model = changing.model
    Timeline.objects.create(
        run=model,
        number=model.timeline,
        cause=model.timeline_cause,
        step=model.timeline_step,
        actor=model.timeline_actor,
        status=model.status,
        result=run.result,
        error=run.error,
        state=run.state,
        started_at=model.timeline_started_at or model.started_at,
        left_at=changing.now,
    )


def mark(changing: Change, cause: str, step: str, actor: Any) -> None:
    """Note what began the run's current timeline."""
    run = changing.model
    run.timeline_cause, run.timeline_step = cause, step[:1000]
    run.timeline_actor = audit.name_of(actor) or ""
    run.timeline_started_at = changing.now
    changing.touch("timeline_cause", "timeline_step", "timeline_actor", "timeline_started_at")


def reopen(changing: Change) -> None:
    """Let a settled run continue; its result belongs to the previous timeline."""
    run = changing.model
    changing.status = RunStatus.RUNNING
    run.ending = run.canceled_by = run.ended_reason = ""
    run.cancel_requested_at = run.ended_at = run.settled_at = None
    run.started_at = run.started_at or changing.now
    run.result = run.error = None
    run.active_count = run.waiting_count = run.suspended_count = run.paused_count = 0
    changing.touch("result", "error")


def merge_context(changing: Change, definition: Builder, context: Mapping[str, Any] | None) -> None:
    """Merge the context of a verb over the run's request context."""
    if not context:
        return
    merged = {**revealed(changing.model.request_context), **context}
    changing.model.request_context = accepted.context(definition, merged)
    changing.touch("request_context")


def state_at_start(run: Run, path: str) -> dict[str, Any]:
    """Return the run's state as it was when the step at `path` first started.

    It is read from the log, which has the state after each change. For a step that was not reached,
    it is the current state.
    """
    step = StepSnapshot.objects.current().light().filter(run=run.pk, path=path).first()
    if step is None or step.started_at is None:
        return dict(run.state)
    before = RunEvent.objects.filter(run=run.pk, at__lte=step.started_at).order_by("-first_seq")
    for row in before.iterator(chunk_size=100):
        found = _last_state(row, path)
        if found is not None:
            return found
    return dict(run.initial_state or {})


def _last_state(row: RunEvent, path: str) -> dict[str, Any] | None:
    """Return the last state in a row of the log before the step at `path` starts in it."""
    found: dict[str, Any] | None = None
    for event in row.events:
        payload = event["payload"]
        if event["type"] == "workflow-step-start" and payload.get("path") == path:
            break
        if isinstance(payload.get("state"), dict):
            found = payload["state"]
    return found


def listed(run: uuid.UUID) -> list[Timeline]:
    """Return the timelines of a run, oldest first; the current one is last, and not stored."""
    row = persons.joined_or_later(Run.objects.all(), "started_by").get(pk=run)
    current = Timeline(
        run=row,
        number=row.timeline,
        cause=row.timeline_cause,
        step=row.timeline_step,
        actor=row.timeline_actor,
        status=row.status,
        result=row.result,
        error=row.error,
        state=row.state,
        started_at=row.timeline_started_at or row.started_at,
    )
    return [*Timeline.objects.filter(run=run).order_by("number"), current]
