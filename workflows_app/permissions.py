"""Which permissions a verb needs besides that of its action: one rule for every door.

Every verb on the runs of a workflow needs the workflow's `permission`. A verb that answers a step,
leaves it out or replaces its result needs the step's, and that of each nested workflow around it.
For a run that began or continued under other code, the rules of all its versions count. The verbs
refuse by this rule, and pages and the admin show what they would refuse. Python code without an
actor who is a person is trusted.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db.models import Max, QuerySet

from workflows_app import actions, errors
from workflows_app.definition import BODY, registry
from workflows_app.definition.permissions import WORKFLOW, Permissions, both, of_graph
from workflows_app.engine.run import versions
from workflows_app.models import Workflow

if TYPE_CHECKING:
    from workflows_app.definition import Builder, Graph
    from workflows_app.models import Run, StepSnapshot

#: Seeing the values of runs, on top of seeing runs.
VALUES: Final = f"{actions.APP}.view_payload"
_NOTHING: Permissions = {}
#: For how many seconds a process remembers what workflows ask for whose code is not here.
REMEMBERED: Final = 5.0
#: Where an object of a person keeps what is hidden from them.
_HIDDEN: Final = "_signalbox_hidden"

Rows = TypeVar("Rows", bound=QuerySet[Any])


def is_person(actor: Any) -> bool:
    """Whether an actor is a person with permissions, not only a name for the audit trail."""
    return callable(getattr(actor, "has_perm", None))


def shown(path: str) -> str:
    """Return a place in the graph as people write it."""
    return path.replace(BODY, "")


# Permissions that are needed.


def needed(
    definition: Builder, run: Run, paths: Collection[str], steps: Iterable[StepSnapshot] = ()
) -> dict[str, tuple[str, ...]]:
    """Return the permissions needed to answer for these places, by place, in reading order.

    `steps`: the steps to answer, because the versions that queued them count.
    """
    asked = _asked(definition, run, *steps)
    order = [path for path in definition.tree.nodes if path in paths and path in asked]
    return {path: asked[path] for path in order}


def of_workflows() -> dict[str, str]:
    """Return the permission of each workflow that asks for one, also of those without code here."""
    here = registry.all()
    found = {each.id: each.permission for each in here if each.permission}
    return _elsewhere.besides([each.id for each in here]) | found


class _Elsewhere:
    """The permissions of workflows without code here, read again after some seconds.

    Each page and each list of the API asks, and only another deployment changes them.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._until = 0.0

    def besides(self, here: list[str]) -> dict[str, str]:
        """Return them by workflow, for all but those whose code is here."""
        if time.monotonic() > self._until:
            self._known = self._read(here)
            self._until = time.monotonic() + REMEMBERED
        return {key: name for key, name in self._known.items() if key not in here}

    def _read(self, here: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        rows = Workflow.objects.exclude(pk__in=here)
        for key, latest in rows.annotate(latest=Max("versions")).values_list("pk", "latest"):
            if latest is not None and (own := versions.permissions_of(latest).get(WORKFLOW)):
                found[key] = own[0]
        return found

    def forget(self) -> None:
        """Read them again when they are asked for next."""
        self._until = 0.0


_elsewhere: Final = _Elsewhere()


def hidden_from(person: Any) -> frozenset[str]:
    """Return the workflows that are not there for a person, because they lack its permission.

    Empty for whoever may see all of them: lists then need no further condition. Asked once for
    each object of a person.
    """
    if person.is_active and person.is_superuser:
        return frozenset()
    known: frozenset[str] | None = getattr(person, _HIDDEN, None)
    if known is None:
        needed = of_workflows().items()
        known = frozenset(each for each, name in needed if not actions.holds(person, name))
        setattr(person, _HIDDEN, known)
    return known


def knows_of(person: Any, workflow_id: str) -> bool:
    """Return whether a workflow, if it exists, is there for a person."""
    here = registry.find(workflow_id)
    if here is None:
        return workflow_id not in hidden_from(person)
    return not here.permission or actions.holds(person, here.permission)


def is_there(person: Any, workflow_id: str) -> bool:
    """Return whether a workflow exists and is there for a person."""
    exists = registry.find(workflow_id) or Workflow.objects.filter(pk=workflow_id).exists()
    return bool(exists) and knows_of(person, workflow_id)


def visible(person: Any, rows: Rows, field: str = "workflow_id") -> Rows:
    """Return those rows that belong to a workflow which is there for a person.

    `field` is where a row names its workflow.
    """
    hidden = hidden_from(person)
    if not hidden:
        return rows
    shown: Rows = rows.exclude(**{f"{field}__in": sorted(hidden)})
    return shown


def sees_values(person: Any) -> bool:
    """Return whether a person may see the values of the runs that they see."""
    return bool(person.has_perm(VALUES))


def to_start(workflow_id: str) -> tuple[str, ...]:
    """Return the permissions needed to start a run, by today's code."""
    return _of_today(workflow_id).get(WORKFLOW, ())


def to_act(stored: Iterable[Permissions], workflow_id: str) -> tuple[str, ...]:
    """Return the permissions that every verb on a run needs; `stored` has those of its versions."""
    return _together(stored, _of_today(workflow_id)).get(WORKFLOW, ())


def to_answer(stored: Iterable[Permissions], workflow_id: str, base_path: str) -> tuple[str, ...]:
    """Return the permissions needed to answer the step at a place, the step's own first."""
    asked = _together(stored, _of_today(workflow_id))
    return tuple(dict.fromkeys([*asked.get(base_path, ()), *asked.get(WORKFLOW, ())]))


def versions_of(run: Run, *steps: StepSnapshot) -> list[int]:
    """Return the versions whose rules count for a run and for these of its steps, each once.

    They are the version that it began with, the one that it continued under last, and those whose
    code queued the steps.
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
    """Refuse a person without the workflow's permissions. Raises NotPermitted.

    `run`: the run to act on; None if there is none yet.
    """
    if not is_person(actor):
        return
    if run is None:
        own = definition.permission
        wanted: Iterable[str] = [own] if own else []
    else:
        wanted = _asked(definition, run).get(WORKFLOW, ())
    if (missing := actions.missing(actor, wanted)) is not None:
        refusal = errors.NotPermitted(
            f"{actor} may not act on runs of workflow {definition.id!r}, because that needs "
            f"{named(missing)}. Ask somebody who has it."
        )
        refusal.details = {"permission": missing}
        raise refusal


def require_answers(
    definition: Builder,
    run: Run,
    paths: Collection[str],
    actor: Any,
    steps: Iterable[StepSnapshot] = (),
) -> None:
    """Refuse a person without the permissions of `needed`. Raises NotAllowedToAnswer."""
    if not is_person(actor):
        return
    if refusal := why_not(needed(definition, run, paths, steps), actor):
        raise errors.NotAllowedToAnswer(refusal)


def why_not(wanted: Mapping[str, Iterable[str]], person: actions.Person) -> str:
    """Return why a person may not answer for these places; empty if they may."""
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
