"""Which suspended steps a `resume` means: by itself, by step, by path, by label, by suspension."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workflows_app import errors
from workflows_app.definition.graph import places_of
from workflows_app.definition.names import listing
from workflows_app.engine import places
from workflows_app.engine.transactions import status_of
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
    """Return the place in the graph that a Step, an id, a path or a list of these means.

    Raises StepNotFound.
    """
    nodes = definition.tree.nodes
    plain: dict[str, Node] = {}
    for path, node in nodes.items():
        plain.setdefault(places.plain(path), node)
    found = plain.get(places.plain(name_in(definition, step)))
    if found is None:
        known = listing(sorted(plain))
        raise errors.StepNotFound(
            f"Workflow {definition.id!r} has no step {path_of(step)!r}; it has {known}."
        )
    return found


@dataclass(frozen=True)
class Asked:
    """What a `resume` names: at most one of step, label and suspension, and an item."""

    step: Any = None
    label: str | None = None
    suspension: uuid.UUID | None = None
    foreach_index: int | None = None


def find(
    definition: Builder, run: Run, suspended: list[StepSnapshot], asked: Asked
) -> list[StepSnapshot]:
    """Return those of a run's suspended steps that are meant; raises what `resume` raises.

    Several are meant only where they are items of one foreach.
    """
    if asked.suspension is not None:
        found = [_by_suspension(run, suspended, asked.suspension)]
        return _that_fit(definition, run, found, asked)
    if asked.label is not None:
        return _that_fit(definition, run, _by_label(run, suspended, asked.label), asked)
    if asked.step is not None:
        return _by_path(definition, run, suspended, asked)
    return _only(definition, run, suspended, asked)


def _by_label(run: Run, suspended: list[StepSnapshot], label: str) -> list[StepSnapshot]:
    if found := [row for row in suspended if label in row.resume_labels]:
        return found
    _refuse_unless_suspended(run, suspended)
    known = ", ".join(repr(name) for row in suspended for name in row.resume_labels) or "none"
    raise errors.LabelNotFound(
        f"No suspended step of run {run.run_id!r} has the label {label!r}; there are: {known}."
    )


def _that_fit(
    definition: Builder, run: Run, found: list[StepSnapshot], asked: Asked
) -> list[StepSnapshot]:
    """Check that what a label or suspension means is also the step and item that are named."""
    wanted = None if asked.step is None else _pattern(definition, asked.step)
    fitting = [
        row
        for row in found
        if (wanted is None or wanted.match(row.path)) and _is_item(row, asked.foreach_index)
    ]
    if not fitting:
        raise errors.StepNotSuspended(
            f"The answer names {path_of(asked.step) if asked.step else 'an item'}, and what waits "
            f"is {_listed(found)} of run {run.run_id!r}; name one of the two."
        )
    return _of_one_step(run, fitting)


def _by_path(
    definition: Builder, run: Run, suspended: list[StepSnapshot], asked: Asked
) -> list[StepSnapshot]:
    wanted = _pattern(definition, asked.step)
    inside = [row for row in suspended if wanted.match(row.path)]
    fitting = [row for row in inside if _is_item(row, asked.foreach_index)]
    if fitting:
        return _of_one_step(run, fitting)
    path = path_of(asked.step)
    seen = _recorded(run, wanted, asked.foreach_index)
    if not seen and not inside and not _is_in_graph(definition, asked.step):
        known = listing(sorted(places.plain(p) for p in definition.tree.nodes))
        raise errors.StepNotFound(
            f"Workflow {definition.id!r} has no step {path!r}; it has {known}."
        )
    for row in seen:
        _refuse_if_claimed(run, row)
    _refuse_unless_suspended(run, suspended)
    status = seen[0].status if seen else "not reached"
    item = "" if asked.foreach_index is None else f" (item {asked.foreach_index})"
    raise errors.StepNotSuspended(
        f"Step {path!r}{item} of run {run.run_id!r} is {status} and waits for no answer; "
        f"suspended now: {_listed(suspended)}."
    )


def _pattern(definition: Builder, step: Any) -> re.Pattern[str]:
    """Return what the paths of the step look like: it, its items and rounds, what is inside."""
    named = name_in(definition, step)
    parts = [
        re.escape(part) if part.endswith("]") else re.escape(part) + r"(\[\d+\])?"
        for part in named.split(".")
    ]
    return re.compile(r"\.".join(parts) + r"(?=$|[.\[])")


def name_in(definition: Builder, step: Any) -> str:
    """Return the path that a step goes by in the graph: an entry may have a name of its own."""
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
    """Return the path of the outermost entry that is this step, inside `scope` if one is named."""
    found = [places.plain(path) for path in places_of(definition.tree.nodes, step)]
    inside = [path for path in found if scope is None or path.rpartition(".")[0] == scope]
    return min(inside, key=lambda path: path.count("."), default=None)


def _is_in_graph(definition: Builder, step: Any) -> bool:
    plain = {places.plain(path) for path in definition.tree.nodes}
    return places.plain(name_in(definition, step)) in plain


def _recorded(run: Run, wanted: re.Pattern[str], foreach_index: int | None) -> list[StepSnapshot]:
    """Return what is recorded of the step that is named, what goes on first."""
    alive = [StepStatus.RUNNING, StepStatus.QUEUED]
    steps = StepSnapshot.objects.current().light().filter(run=run.pk)
    names = [wanted.match(path) for path in steps.values_list("path", flat=True)]
    paths = [match.string for match in names if match is not None]
    rows = [row for row in steps.filter(path__in=paths[:500]) if _is_item(row, foreach_index)]
    return sorted(rows, key=lambda row: (row.status not in alive, row.pk))


def _is_item(row: StepSnapshot, index: int | None) -> bool:
    return index is None or f"[{index}]" in row.path


def _of_one_step(run: Run, found: list[StepSnapshot]) -> list[StepSnapshot]:
    """Return them if they are one step, or the items of one foreach; else refuse."""
    if len({places.plain(row.path) for row in found}) > 1:
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
        f"The question {suspension} of run {run.run_id!r} was answered or is asked no more; "
        f"suspended now: {_listed(suspended)}."
    )


def _only(
    definition: Builder, run: Run, suspended: list[StepSnapshot], asked: Asked
) -> list[StepSnapshot]:
    fitting = [row for row in suspended if _is_item(row, asked.foreach_index)]
    if fitting:
        return _of_one_step(run, fitting)
    resumed = StepSnapshot.objects.current().filter(
        run=run.pk, is_resuming=True, status__in=[StepStatus.RUNNING, StepStatus.QUEUED]
    )
    for claimed in resumed:
        if _is_item(claimed, asked.foreach_index):
            _refuse_if_claimed(run, claimed)
    _refuse_unless_suspended(run, suspended)
    raise errors.StepNotSuspended(
        f"Item {asked.foreach_index} of run {run.run_id!r} waits for no answer; suspended now: "
        f"{_listed(suspended)}."
    )


def _refuse_if_claimed(run: Run, step: StepSnapshot) -> None:
    if step.is_resuming and step.status in {StepStatus.RUNNING, StepStatus.QUEUED}:
        raise errors.ResumeAlreadyClaimed(
            f"Step {step.path!r} of run {run.run_id!r} was answered already and runs with that "
            "answer; wait for what comes of it."
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
