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
    from workflows_app.models import Run

NOTHING: Permissions = {}


def is_person(actor: Any) -> bool:
    """Whether an actor is somebody who has permissions, not a name in the audit trail."""
    return callable(getattr(actor, "has_perm", None))


def shown(path: str) -> str:
    """Return a place in the graph as people write it."""
    return path.replace(BODY, "")


# What is needed.


def needed(definition: Builder, run: Run, paths: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the permissions that speaking for these places needs, by place, in reading order."""
    asked = _asked(definition, run)
    order = [path for path in definition.tree.nodes if path in paths and path in asked]
    return {path: asked[path] for path in order}


def to_act(stored: Permissions, workflow_id: str) -> tuple[str, ...]:
    """Return what any verb on a run needs; `stored` is what the run's version asks for."""
    return both(stored, _of_today(workflow_id)).get(WORKFLOW, ())


def to_answer(stored: Permissions, workflow_id: str, base_path: str) -> tuple[str, ...]:
    """Return what an answer to the step at a place needs: the step's own first."""
    asked = both(stored, _of_today(workflow_id))
    return tuple(dict.fromkeys([*asked.get(base_path, ()), *asked.get(WORKFLOW, ())]))


def _asked(definition: Builder, run: Run) -> Permissions:
    today = _of_tree(definition.tree)
    asked = today
    for version in (run.version_id, run.later_version_id):
        if version is not None and not versions.is_present(definition, version):
            asked = both(versions.permissions_of(version), asked)
    return asked


def _of_today(workflow_id: str) -> Permissions:
    definition = registry.find(workflow_id)
    return NOTHING if definition is None else _of_tree(definition.tree)


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
    definition: Builder, run: Run, paths: Collection[str], actor: Any, what: str = ""
) -> None:
    """Refuse a person who may not speak for these places. Raises NotAllowedToAnswer."""
    if not is_person(actor):
        return
    if refusal := why_not(needed(definition, run, paths), actor):
        raise errors.NotAllowedToAnswer(refusal)


def why_not(wanted: Mapping[str, Iterable[str]], person: actions.Person) -> str:
    """Return why a person may not speak for these places; empty when they may."""
    for path, names in wanted.items():
        if (missing := actions.missing(person, names)) is not None:
            return (
                f"Step {shown(path)!r} is answered only by who has {named(missing)}, and this "
                f"answers it, leaves it out or changes what its answer was about. {person} does "
                "not have it: ask somebody who does, or go back to the step, so that it asks again."
            )
    return ""


def named(permission: str) -> str:
    """Return a permission in words."""
    if permission.startswith(actions.GROUP):
        return f"membership of the group {permission.removeprefix(actions.GROUP)!r}"
    return f"the permission {permission!r}"
