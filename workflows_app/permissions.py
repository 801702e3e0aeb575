"""What a verb needs of a person beyond the permission of the action: the one rule for every door.

Whatever is done with the runs of a workflow needs the workflow's `permission`. Whatever answers a
step, leaves it out or stands in for it, needs the step's; and that of each nested workflow around
it. A run that began, or went on, under other code has the rules of each to meet. Pages and the
admin show by this what is refused; the verbs refuse by it. Without an actor who is a person, Python
code is trusted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from workflows_app import actions, errors
from workflows_app.definition import BODY, registry
from workflows_app.definition.permissions import WORKFLOW, Permissions, both, of_graph
from workflows_app.engine import versions

if TYPE_CHECKING:
    from workflows_app.definition import Builder, Graph
    from workflows_app.models import Run, StepSnapshot

_NOTHING: Permissions = {}


def is_person(actor: Any) -> bool:
    """Whether an actor is somebody who has permissions, not a name in the audit trail."""
    return callable(getattr(actor, "has_perm", None))


def shown(path: str) -> str:
    """Return a place in the graph as people write it."""
    return path.replace(BODY, "")


# What is needed.


def needed(
    definition: Builder, run: Run, paths: Collection[str], steps: Iterable[StepSnapshot] = ()
) -> dict[str, tuple[str, ...]]:
    """Return the permissions that speaking for these places needs, by place, in reading order.

    `steps`: those that are answered, for the code that queued them.
    """
    asked = _asked(definition, run, *steps)
    order = [path for path in definition.tree.nodes if path in paths and path in asked]
    return {path: asked[path] for path in order}


def to_start(workflow_id: str) -> tuple[str, ...]:
    """Return what starting a run needs, by today's code."""
    return _of_today(workflow_id).get(WORKFLOW, ())


def to_act(stored: Iterable[Permissions], workflow_id: str) -> tuple[str, ...]:
    """Return what any verb on a run needs; `stored` is what each of its `versions_of` asks for."""
    return _together(stored, _of_today(workflow_id)).get(WORKFLOW, ())


def to_answer(stored: Iterable[Permissions], workflow_id: str, base_path: str) -> tuple[str, ...]:
    """Return what an answer to the step at a place needs: the step's own first."""
    asked = _together(stored, _of_today(workflow_id))
    return tuple(dict.fromkeys([*asked.get(base_path, ()), *asked.get(WORKFLOW, ())]))


def versions_of(run: Run, *steps: StepSnapshot) -> list[int]:
    """Return the versions whose rules count for a run, and for these steps of it, each once.

    The one it began with, the one it went on under last, and those whose code queued the steps.
    """
    keys = (run.version_id, run.later_version_id, *(step.version_id for step in steps))
    return list(dict.fromkeys(key for key in keys if key is not None))


def _asked(definition: Builder, run: Run, *steps: StepSnapshot) -> Permissions:
    keys = versions_of(run, *steps)
    older = (key for key in keys if not versions.is_present(definition, key))
    return _together(map(versions.permissions_of, older), _of_tree(definition.tree))


def _together(stored: Iterable[Permissions], today: Permissions) -> Permissions:
    asked = today
    for each in stored:
        asked = both(each, asked)
    return asked


def _of_today(workflow_id: str) -> Permissions:
    definition = registry.find(workflow_id)
    return _NOTHING if definition is None else _of_tree(definition.tree)


@lru_cache(maxsize=256)
def _of_tree(tree: Graph) -> Permissions:
    return of_graph(tree)


# Refusing.


def require(definition: Builder, actor: Any, run: Run | None = None) -> None:
    """Refuse a person without what the workflow asks for. Raises NotPermitted.

    `run`: the one to act on; None where there is none yet.
    """
    if not is_person(actor):
        return
    if run is None:
        own = definition.permission
        wanted: Iterable[str] = [own] if own else []
    else:
        wanted = _asked(definition, run).get(WORKFLOW, ())
    if (missing := actions.missing(actor, wanted)) is not None:
        raise errors.NotPermitted(
            f"{actor} may do nothing with runs of workflow {definition.id!r}: that needs "
            f"{named(missing)}. Ask somebody who has it."
        )


def require_answers(
    definition: Builder,
    run: Run,
    paths: Collection[str],
    actor: Any,
    steps: Iterable[StepSnapshot] = (),
) -> None:
    """Refuse a person who may not speak for what `needed` takes. Raises NotAllowedToAnswer."""
    if not is_person(actor):
        return
    if refusal := why_not(needed(definition, run, paths, steps), actor):
        raise errors.NotAllowedToAnswer(refusal)


def why_not(wanted: Mapping[str, Iterable[str]], person: actions.Person) -> str:
    """Return why a person may not speak for these places; empty when they may."""
    for path, names in wanted.items():
        if (missing := actions.missing(person, names)) is not None:
            return (
                f"Answering step {shown(path)!r} needs {named(missing)}, which {person} does not "
                "have; leaving the step out, or changing what its answer was about, needs it, too. "
                "Ask somebody who has it, or go back to the step so that it asks again."
            )
    return ""


def named(permission: str) -> str:
    """Return a permission in words."""
    if permission.startswith(actions.GROUP):
        return f"membership of the group {permission.removeprefix(actions.GROUP)!r}"
    return f"the permission {permission!r}"
