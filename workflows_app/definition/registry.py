"""The workflows that this process knows, by id. The latest definition of an id wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from workflows_app import errors

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder

_known: dict[str, Builder] = {}
_makers: dict[str, Callable[[str], Builder | None]] = {}
_queues: set[str] = set()
_conflicts: dict[str, tuple[str, str]] = {}


def register(workflow: Builder) -> None:
    """Make a committed workflow known; an earlier one with its id is replaced.

    If their graphs differ, the conflict is remembered for a system check.
    """
    earlier = _known.get(workflow.id)
    if earlier is not None and earlier.version_hash != workflow.version_hash:
        _conflicts[workflow.id] = (earlier.defined_in, workflow.defined_in)
    _known[workflow.id] = workflow


def make_by(prefix: str, make: Callable[[str], Builder | None]) -> None:
    """Let workflows whose ids begin with `prefix` be made when they are first asked for.

    `make` returns the committed workflow with an id; None: there is none.
    """
    _makers[prefix] = make


def add_queues(names: Iterable[str]) -> None:
    """Make queues known on which runs may wait though no definition names them."""
    _queues.update(names)


def queues() -> frozenset[str]:
    """Return the queues that were made known."""
    return frozenset(_queues)


def known(id_: str) -> Builder | None:
    """Return the workflow with this id if it is made already, or None."""
    return _known.get(id_)


def find(id_: str) -> Builder | None:
    """Return the workflow with this id, or None."""
    found = _known.get(id_)
    if found is None:
        found = next((make(id_) for pre, make in _makers.items() if id_.startswith(pre)), None)
    return found


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
    """Return the modules of the two different workflows with this id; the second one is in use."""
    return _conflicts.get(id_, ("", ""))


def conflicts() -> dict[str, tuple[str, str]]:
    """Return each id that has two different graphs, with the two modules that define them."""
    return dict(sorted(_conflicts.items()))
