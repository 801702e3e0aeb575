"""Which suspended steps a `resume` means: the only one, or by step, path, label or suspension."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflows_app import errors
from workflows_app.definition.graph import places_of
from workflows_app.definition.names import listing
from workflows_app.engine.host.transactions import status_of
from workflows_app.engine.run import step_paths
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

if TYPE_CHECKING:
    from workflows_app.definition import Builder, Node
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


def node_of(definition: Builder, step: Any) -> Node:
    """Return the node of the graph that a Step, an id, a path or a list of these means.

    Raises StepNotFound.
    """
    nodes = definition.tree.nodes
    plain: dict[str, Node] = {}
    for path, node in nodes.items():
        plain.setdefault(step_paths.plain(path), node)
    found = plain.get(step_paths.plain(name_in(definition, step)))
    if found is None:
        known = listing(sorted(plain))
        raise errors.StepNotFound(
            f"Workflow {definition.id!r} has no step {path_of(step)!r}; it has {known}."
        )
    return found


@dataclass(frozen=True)
class AnswerTarget:
    """What a `resume` names: at most one of step, label and suspension, and an item."""

    step: Any = None
    label: str | None = None
    suspension: uuid.UUID | None = None
    foreach_index: int | None = None


def find(
    definition: Builder, run: Run, suspended: list[StepSnapshot], target: AnswerTarget
) -> list[StepSnapshot]:
    """Return the suspended steps of a run that are meant; raise what `resume` raises.

    Several steps are meant only if they are items of one foreach.
    """
    if target.suspension is not None:
        found = [_by_suspension(run, suspended, target.suspension)]
        return _that_fit(definition, run, found, target)
    if target.label is not None:
        return _that_fit(definition, run, _by_label(run, suspended, target.label), target)
    if target.step is not None:
        return _by_path(definition, run, suspended, target)
    return _only(definition, run, suspended, target)


def _by_label(run: Run, suspended: list[StepSnapshot], label: str) -> list[StepSnapshot]:
    if found := [row for row in suspended if label in row.resume_labels]:
        return found
    _refuse_unless_suspended(run, suspended)
    known = ", ".join(repr(name) for row in suspended for name in row.resume_labels) or "none"
    raise errors.LabelNotFound(
        f"No suspended step of run {run.run_id!r} has the label {label!r}; there are: {known}."
    )


def meant(definition: Builder, step: Any) -> Callable[[str], object]:
    """Return whether a path is that of the step, of its iterations or inside it; None means any.

    Raises StepNotFound.
    """
    if step is None:
        return lambda _: True
    node_of(definition, step)
    return pattern(definition, step).match


def _that_fit(
    definition: Builder, run: Run, found: list[StepSnapshot], target: AnswerTarget
) -> list[StepSnapshot]:
    """Check that the step of a label or suspension is also the named step and item."""
    wanted = None if target.step is None else pattern(definition, target.step)
    fitting = [
        row
        for row in found
        if (wanted is None or wanted.match(row.path)) and _is_item(row, target.foreach_index)
    ]
    if not fitting:
        raise errors.StepNotSuspended(
            f"The answer names {path_of(target.step) if target.step else 'an item'}, but its label "
            f"or suspension means {_listed(found)} of run {run.run_id!r}; name only one of the two."
        )
    return _of_one_step(run, fitting)


def _by_path(
    definition: Builder, run: Run, suspended: list[StepSnapshot], target: AnswerTarget
) -> list[StepSnapshot]:
    wanted = pattern(definition, target.step)
    inside = [row for row in suspended if wanted.match(row.path)]
    fitting = [row for row in inside if _is_item(row, target.foreach_index)]
    if fitting:
        return _of_one_step(run, fitting)
    path = path_of(target.step)
    seen = _recorded(run, wanted, target.foreach_index)
    if not seen and not inside and not _is_in_graph(definition, target.step):
        known = listing(sorted(step_paths.plain(p) for p in definition.tree.nodes))
        raise errors.StepNotFound(
            f"Workflow {definition.id!r} has no step {path!r}; it has {known}."
        )
    for row in seen:
        _refuse_if_claimed(run, row)
    _refuse_unless_suspended(run, suspended)
    status = seen[0].status if seen else "not reached"
    item = "" if target.foreach_index is None else f" (item {target.foreach_index})"
    raise errors.StepNotSuspended(
        f"Step {path!r}{item} of run {run.run_id!r} is {status} and does not wait for an answer; "
        f"suspended now: {_listed(suspended)}."
    )


def pattern(definition: Builder, step: Any) -> re.Pattern[str]:
    """Return a pattern for the paths of the step, its iterations and the steps inside it."""
    named = name_in(definition, step)
    parts = [
        re.escape(part) if part.endswith("]") else re.escape(part) + r"(\[\d+\])?"
        for part in named.split(".")
    ]
    return re.compile(r"\.".join(parts) + r"(?=$|[.\[])")


def name_in(definition: Builder, step: Any) -> str:
    """Return the path of a step in the graph, because its entry may have a name of its own."""
    if isinstance(step, str):
        return step
    if not isinstance(step, Sequence):
        return _find_name(definition, step, None) or path_of(step)
    names: list[str] = []
    for part in step:
        scope = ".".join(names)
        name = None if isinstance(part, (str, Sequence)) else _find_name(definition, part, scope)
        names.append(name.rpartition(".")[2] if name else path_of(part))
    return ".".join(names)


def _find_name(definition: Builder, step: Any, scope: str | None) -> str | None:
    """Return the path of the outermost entry of this step, inside `scope` if given."""
    found = [step_paths.plain(path) for path in places_of(definition.tree.nodes, step)]
    inside = [path for path in found if scope is None or path.rpartition(".")[0] == scope]
    return min(inside, key=lambda path: path.count("."), default=None)


def _is_in_graph(definition: Builder, step: Any) -> bool:
    plain = {step_paths.plain(path) for path in definition.tree.nodes}
    return step_paths.plain(name_in(definition, step)) in plain


def _recorded(run: Run, wanted: re.Pattern[str], foreach_index: int | None) -> list[StepSnapshot]:
    """Return the snapshots of the named step, those that have not ended first."""
    alive = [StepStatus.RUNNING, StepStatus.QUEUED]
    steps = StepSnapshot.objects.current().light().filter(run=run.pk)
    names = [wanted.match(path) for path in steps.values_list("path", flat=True)]
    paths = [match.string for match in names if match is not None]
    rows = [row for row in steps.filter(path__in=paths[:500]) if _is_item(row, foreach_index)]
    return sorted(rows, key=lambda row: (row.status not in alive, row.pk))


def _is_item(row: StepSnapshot, index: int | None) -> bool:
    return index is None or f"[{index}]" in row.path


def _of_one_step(run: Run, found: list[StepSnapshot]) -> list[StepSnapshot]:
    """Return the steps if they are one step or the items of one foreach; else refuse."""
    if len({step_paths.plain(row.path) for row in found}) > 1:
        raise _several(run, found)
    return found


def _by_suspension(run: Run, suspended: list[StepSnapshot], suspension: uuid.UUID) -> StepSnapshot:
    found = next((row for row in suspended if row.suspension == suspension), None)
    if found is not None:
        return found
    asked = StepSnapshot.objects.current().filter(run=run.pk, suspension=suspension).first()
    if asked is not None:
        _refuse_if_claimed(run, asked)
    _refuse_unless_suspended(run, suspended)
    raise errors.StepNotSuspended(
        f"The question {suspension} of run {run.run_id!r} was answered or is no longer asked; "
        f"suspended now: {_listed(suspended)}."
    )


def _only(
    definition: Builder, run: Run, suspended: list[StepSnapshot], target: AnswerTarget
) -> list[StepSnapshot]:
    fitting = [row for row in suspended if _is_item(row, target.foreach_index)]
    if fitting:
        return _of_one_step(run, fitting)
    resumed = StepSnapshot.objects.current().answered().filter(run=run.pk)
    for claimed in resumed:
        if _is_item(claimed, target.foreach_index):
            _refuse_if_claimed(run, claimed)
    _refuse_unless_suspended(run, suspended)
    raise errors.StepNotSuspended(
        f"Item {target.foreach_index} of run {run.run_id!r} does not wait for an answer; "
        f"suspended now: {_listed(suspended)}."
    )


def _refuse_if_claimed(run: Run, step: StepSnapshot) -> None:
    if step.was_answered:
        raise errors.ResumeAlreadyClaimed(
            f"Step {step.path!r} of run {run.run_id!r} was answered already and goes on with that "
            "answer; wait for its result."
        )


def _refuse_unless_suspended(run: Run, suspended: list[StepSnapshot]) -> None:
    if not suspended:
        raise errors.RunNotSuspended(
            f"Run {run.run_id!r} is {status_of(run)} and no step of it waits for an answer; "
            "resume() answers suspended steps only."
        )


def _several(run: Run, suspended: list[StepSnapshot]) -> errors.MultipleSuspendedSteps:
    return errors.MultipleSuspendedSteps(
        f"Several steps of run {run.run_id!r} wait for an answer: {_listed(suspended)}. Name one "
        "with step=."
    )


def _listed(suspended: list[StepSnapshot]) -> str:
    return ", ".join(row.path for row in suspended) or "none"
