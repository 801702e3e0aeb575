"""The workflows that this process knows, by id. The latest definition of an id wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows_app import errors

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder

_known: dict[str, Builder] = {}
_conflicts: dict[str, tuple[str, str]] = {}


def register(workflow: Builder) -> None:
    """Make a committed workflow known; an earlier one with its id is replaced.

    Two with different graphs are remembered as a conflict, for a system check.
    """
    earlier = _known.get(workflow.id)
    if earlier is not None and earlier.version_hash != workflow.version_hash:
        _conflicts[workflow.id] = (earlier.defined_in, workflow.defined_in)
    _known[workflow.id] = workflow


def find(id_: str) -> Builder | None:
    """Return the workflow with this id, or None."""
    return _known.get(id_)


def get(id_: str) -> Builder:
    """Return the workflow with this id. Raises WorkflowNotFound."""
    workflow = find(id_)
    if workflow is None:
        known = ", ".join(sorted(_known)) or "none"
        raise errors.WorkflowNotFound(
            f"This process knows no workflow {id_!r}; it knows {known}. Put it into a `workflows` "
            "module of an installed app, or name its module in WORKFLOWS_MODULES."
        )
    return workflow


def all() -> list[Builder]:  # noqa: A001 - read as registry.all()
    """Return every workflow, ordered by id."""
    return [_known[id_] for id_ in sorted(_known)]


def modules_of(id_: str) -> tuple[str, str]:
    """Return the modules of the two different workflows that have one id, the latter in use."""
    return _conflicts.get(id_, ("", ""))


def conflicts() -> dict[str, tuple[str, str]]:
    """Return each id that was defined with two different graphs, and in which two modules."""
    return dict(sorted(_conflicts.items()))
