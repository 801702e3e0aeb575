"""The workflows that this process knows, by id. The latest definition of an id wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows_app import errors

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder

_known: dict[str, Builder] = {}
_conflicts: dict[str, None] = {}


def register(workflow: Builder) -> None:
    """Make a committed workflow known; a definition of the same id is replaced."""
    previous = _known.get(workflow.id)
    if previous is not None and previous.version_hash != workflow.version_hash:
        _conflicts[workflow.id] = None
    _known[workflow.id] = workflow


def find(id_: str) -> Builder | None:
    """Return the workflow with this id, or None."""
    return _known.get(id_)


def get(id_: str) -> Builder:
    """Return the workflow with this id; WorkflowNotFound when this process knows none."""
    workflow = find(id_)
    if workflow is None:
        known = ", ".join(sorted(_known)) or "none"
        raise errors.WorkflowNotFound(
            f"No workflow is called {id_!r}; this process knows {known}. Put it into a `workflows` "
            "module of an installed app, or name its module in WORKFLOWS_MODULES."
        )
    return workflow


def all() -> list[Builder]:  # noqa: A001 - read as registry.all()
    """Return every workflow, ordered by id."""
    return [_known[id_] for id_ in sorted(_known)]


def conflicts() -> list[str]:
    """Return the ids that were defined more than once, with different graphs."""
    return list(_conflicts)
