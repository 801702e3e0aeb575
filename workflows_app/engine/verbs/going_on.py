"""Letting go of the steps of a paused run: all of them, or as many as one step needs."""

from collections.abc import Sequence
from typing import Any

from workflows_app.definition import Builder, Kind
from workflows_app.engine.run import audit, definitions, events
from workflows_app.engine.run.change import Change
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus


def release(changing: Change, definition: Builder, *, per_step: bool, actor: Any = None) -> None:
    """Let the paused steps of a run start; with `per_step` one of them, and what is no step.

    Raises DefinitionChanged.
    """
    paused = [step for step in changing.open_snapshots() if step.status == StepStatus.PAUSED]
    chosen = _for_one_step(paused) if per_step else paused
    for step in chosen:
        definitions.require_same(definition, changing.model, step, "proceed")
    # If only other entries go on, the step that comes after them may start as well.
    ahead = 0 if any(step.kind == Kind.STEP for step in chosen) else 1
    changing.model.allowance = ahead if per_step else None
    paths = [step.path for step in chosen]
    name = audit.name_of(actor)
    changing.log.add(events.steered("workflow-resumed", paths, name, changing.model.timeline))
    for step in chosen:
        _let_go(changing, step)


def _for_one_step(paused: Sequence[StepSnapshot]) -> list[StepSnapshot]:
    """Return what has begun and what is no step; if no step is among these, the first one, too."""
    chosen = [step for step in paused if step.kind != Kind.STEP or step.started_at is not None]
    if any(step.kind == Kind.STEP for step in chosen):
        return chosen
    return [*chosen, *[step for step in paused if step.kind == Kind.STEP][:1]]


def _let_go(changing: Change, step: StepSnapshot) -> None:
    changing.move(step, StepStatus.QUEUED, queued_at=changing.now)
    changing.model.paused_count -= 1
    changing.model.active_count += 1
    changing.woken.append(step)
