"""Ending waits early: a sleep or a retry's delay is skipped, or the step is given up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workflows_app import errors
from workflows_app.definition import Builder
from workflows_app.engine.host import clock
from workflows_app.engine.host.transactions import status_of
from workflows_app.engine.run import audit, definitions, events, step_paths, timelines, tracing
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.performing import change
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner import decide
from workflows_app.planner.statuses import StepStatus

#: Returns whether the snapshot at a path is meant.
Meant = Callable[[str], object]


def skip(
    definition: Builder,
    run: Run,
    meant: Meant,
    *,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Let a step that sleeps, or waits for its next attempt, go on now.

    Of a run that is held it waits until the run is let on. Raises StepNotWaiting,
    MultipleWaitingSteps, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        found = _meant(changing, "skip_wait()", meant, _sleeps, _awaits_attempt)
        _begin(changing, "skip-wait", definition, found, actor=actor, door=door)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        for step in found:
            if step.status == StepStatus.WAITING:
                apply(changing, decide.wake(changing.graph, changing, step.path))
            else:
                _try_now(changing, step)


def give_up(
    definition: Builder,
    run: Run,
    meant: Meant,
    *,
    context: Mapping[str, Any] | None = None,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
) -> None:
    """Fail a step that waits for its next attempt now, with the error of its last one.

    Raises StepNotWaiting, MultipleWaitingSteps, DefinitionChanged.
    """
    with change(run.pk, clock.now()) as changing:
        found = _meant(changing, "give_up()", meant, _awaits_attempt)
        _begin(changing, "give-up", definition, found, actor=actor, door=door)
        timelines.merge_context(changing, definition, context)
        tracing.keep(changing, trace)
        for step in found:
            if step.status in {StepStatus.QUEUED, StepStatus.PAUSED}:  # not ended by one before
                error = step.error or {}
                apply(changing, decide.fail_now(changing.graph, changing, step.path, error))


def _begin(
    changing: Change,
    verb: str,
    definition: Builder,
    found: Sequence[StepSnapshot],
    *,
    actor: Any,
    door: str,
) -> None:
    for step in found:
        definitions.require_same(definition, changing.model, step, verb.replace("-", "_"))
    paths = [step.path for step in found]
    name, timeline = audit.name_of(actor), changing.model.timeline
    changing.log.add(events.steered("workflow-resumed", paths, name, timeline))
    audit.record(changing, verb, actor, door=door, path=", ".join(paths))


def _try_now(changing: Change, step: StepSnapshot) -> None:
    changing.write(step, wake_at=None, queued_at=changing.now)
    if step.status == StepStatus.QUEUED:
        changing.woken.append(step)


def _sleeps(changing: Change, step: StepSnapshot) -> bool:
    return step.status == StepStatus.WAITING and step.wake_at is not None


def _awaits_attempt(changing: Change, step: StepSnapshot) -> bool:
    is_ahead = step.wake_at is not None and step.wake_at > changing.now
    is_again = step.retry_count > 0 and step.unknown_since is None
    return is_ahead and is_again and step.status in {StepStatus.QUEUED, StepStatus.PAUSED}


def _meant(
    changing: Change, verb: str, meant: Meant, *rules: Callable[[Change, StepSnapshot], bool]
) -> list[StepSnapshot]:
    """Return the steps that are meant: one step, or the waiting items of one foreach."""
    waiting = [
        step for step in changing.open_snapshots() if any(fits(changing, step) for fits in rules)
    ]
    found = [step for step in waiting if meant(step.path)]
    listed = ", ".join(step.path for step in waiting) or "none"
    run = changing.model
    if not found:
        raise errors.StepNotWaiting(
            f"Run {run.run_id!r} is {status_of(run)} and has no such step for {verb}; steps that "
            f"wait by themselves: {listed}."
        )
    if len({step_paths.plain(step.path) for step in found}) > 1:
        raise errors.MultipleWaitingSteps(
            f"Several steps of run {run.run_id!r} wait by themselves: {listed}. Name one with "
            "step=."
        )
    return found
