"""Which suspended steps a `resume` means: by itself, by step, by path, by label, by suspension."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflows_app import errors
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

if TYPE_CHECKING:
    from workflows_app.definition import Builder
    from workflows_app.models import Run


def path_of(step: Any) -> str:
    """Return the dotted path that a Step, an id, a path or a list of Steps and ids means."""
    if isinstance(step, str):
        return step
    if isinstance(step, Sequence):
        return ".".join(path_of(part) for part in step)
    if isinstance(getattr(step, "id", None), str):
        return str(step.id)
    raise errors.StepNotFound(
        f"A step is named by a Step, an id, a dotted path or a list of these, not by {step!r}."
    )


def find(
    definition: Builder,
    run: Run,
    *,
    step: Any = None,
    label: str | None = None,
    suspension: uuid.UUID | None = None,
) -> list[StepSnapshot]:
    """Return the suspended steps that are meant; raises what `resume` raises."""
    steps = StepSnapshot.objects.current().filter(run=run.pk).order_by("pk")
    suspended = list(steps.filter(status=StepStatus.SUSPENDED))
    if label is not None:
        return [_by_label(run, suspended, label)]
    if step is not None:
        return [_by_path(definition, run, suspended, path_of(step))]
    if suspension is not None:
        return [_by_suspension(run, suspended, suspension)]
    return [_only(run, suspended)]


def _by_label(run: Run, suspended: list[StepSnapshot], label: str) -> StepSnapshot:
    found = next((row for row in suspended if label in row.resume_labels), None)
    if found is not None:
        return found
    _refuse_unless_suspended(run, suspended)
    known = ", ".join(repr(name) for row in suspended for name in row.resume_labels) or "none"
    raise errors.LabelNotFound(
        f"No suspended step of run {run.run_id!r} has the label {label!r}; there are: {known}."
    )


def _by_path(
    definition: Builder, run: Run, suspended: list[StepSnapshot], path: str
) -> StepSnapshot:
    inside = [row for row in suspended if row.path == path or row.path.startswith(f"{path}.")]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise _several(run, inside)
    current = StepSnapshot.objects.current().filter(run=run.pk, path=path).first()
    if current is None and path not in definition.tree.nodes:
        known = ", ".join(sorted(definition.tree.nodes))
        raise errors.StepNotFound(
            f"Workflow {definition.id!r} has no step {path!r}; it has {known}."
        )
    if current is not None:
        _refuse_if_claimed(run, current)
    _refuse_unless_suspended(run, suspended)
    status = "not reached" if current is None else current.status
    raise errors.StepNotSuspended(
        f"Step {path!r} of run {run.run_id!r} is {status} and waits for no answer; suspended now: "
        f"{_listed(suspended)}."
    )


def _by_suspension(run: Run, suspended: list[StepSnapshot], suspension: uuid.UUID) -> StepSnapshot:
    found = next((row for row in suspended if row.suspension == suspension), None)
    if found is not None:
        return found
    asked = StepSnapshot.objects.current().filter(run=run.pk, suspension=suspension).first()
    if asked is not None:
        _refuse_if_claimed(run, asked)
    _refuse_unless_suspended(run, suspended)
    raise errors.StepNotSuspended(
        f"The question {suspension} of run {run.run_id!r} was answered or is asked no more; "
        f"suspended now: {_listed(suspended)}."
    )


def _only(run: Run, suspended: list[StepSnapshot]) -> StepSnapshot:
    if len(suspended) == 1:
        return suspended[0]
    if suspended:
        raise _several(run, suspended)
    resumed = StepSnapshot.objects.current().filter(
        run=run.pk, is_resuming=True, status__in=[StepStatus.RUNNING, StepStatus.QUEUED]
    )
    if (claimed := resumed.first()) is not None:
        _refuse_if_claimed(run, claimed)
    _refuse_unless_suspended(run, suspended)
    raise AssertionError("unreachable")


def _refuse_if_claimed(run: Run, step: StepSnapshot) -> None:
    if step.is_resuming and step.status in {StepStatus.RUNNING, StepStatus.QUEUED}:
        raise errors.ResumeAlreadyClaimed(
            f"Step {step.path!r} of run {run.run_id!r} was answered already and runs with that "
            "answer; wait for what comes of it."
        )


def _refuse_unless_suspended(run: Run, suspended: list[StepSnapshot]) -> None:
    if not suspended:
        raise errors.RunNotSuspended(
            f"Run {run.run_id!r} is {run.status} and no step of it waits for an answer; resume() "
            "answers suspended steps only."
        )


def _several(run: Run, suspended: list[StepSnapshot]) -> errors.MultipleSuspendedSteps:
    return errors.MultipleSuspendedSteps(
        f"Several steps of run {run.run_id!r} wait for an answer: {_listed(suspended)}. Name one "
        "with step=."
    )


def _listed(suspended: list[StepSnapshot]) -> str:
    return ", ".join(row.path for row in suspended) or "none"
