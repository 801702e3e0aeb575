"""Names of the entries within a workflow, and the refusal of names that clash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from workflows_app import errors
from workflows_app.definition import functions
from workflows_app.definition.ids import check_id
from workflows_app.definition.steps import Step

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.graph import Kind

    Part: TypeAlias = Step | Builder


#: Entries without a record of their own: their generated names give way to steps.
FORKS: Final = frozenset({"parallel", "branch"})


@dataclass
class Names:
    """The names taken in one workflow.

    A method that raises takes nothing; to take several names or none, work on a `copy`.
    """

    workflow_id: str
    #: Name -> its bearer: a step, a nested workflow, or the kind of another entry.
    taken: dict[str, Part | Kind] = field(default_factory=dict)
    #: Step id -> the one step that has it.
    parts: dict[str, Part] = field(default_factory=dict)
    unnamed: Counter[Kind] = field(default_factory=Counter)
    #: Generated names of forks, until a step takes them.
    free: set[str] = field(default_factory=set)

    def copy(self) -> Self:
        """Return a copy, so that taking names in it does not change this one."""
        return replace(
            self,
            taken=dict(self.taken),
            parts=dict(self.parts),
            unnamed=Counter(self.unnamed),
            free=set(self.free),
        )

    def of_part(self, part: Part, entry_id: str | None = None) -> str:
        """Name a step or a nested workflow: `entry_id` if given, else its id, then `id#2`.

        Raises DuplicateStep if another step has the id, or another entry the name.
        """
        known = self.parts.get(part.id, part)
        if known is not part:
            raise errors.DuplicateStep(
                f"Workflow {self.workflow_id!r} has two different steps with the id {part.id!r}: "
                f"{describe(known)} and {describe(part)}. Give one another id, for example with "
                f".clone(id='{part.id}-again')."
            )
        name = self._next_free(part) if entry_id is None else check_id(entry_id, "entry")
        self._take(name, part)
        self.parts[part.id] = part
        return name

    def of_entry(self, kind: Kind, entry_id: str | None = None) -> str:
        """Name an entry that is not a step: `entry_id` if given, else `map-1`, counted by kind.

        Raises DuplicateStep if the name is taken.
        """
        if entry_id is not None:
            name = check_id(entry_id, "entry")
            self._take(name, kind)
            return name
        name = self.next_of(kind)
        if kind not in FORKS:
            self._take(name, kind)
        elif name in self.taken:
            name = another(name)
        else:
            self.free.add(name)
        self.unnamed[kind] += 1
        return name

    def next_of(self, kind: Kind) -> str:
        """Return the name of the next unnamed entry of a kind."""
        return f"{kind}-{self.unnamed[kind] + 1}"

    def claimed(self) -> list[str]:
        """Return the names that steps have taken from unnamed forks since the last call."""
        claimed = [name for name in self.free if name in self.taken]
        self.free.difference_update(claimed)
        return claimed

    def _next_free(self, part: Part) -> str:
        name, number = part.id, 1
        while self.taken.get(name) is part:
            number += 1
            name = f"{part.id}#{number}"
        return name

    def _take(self, name: str, bearer: Part | Kind) -> None:
        if name in self.taken:
            raise errors.DuplicateStep(
                f"Workflow {self.workflow_id!r} has two entries called {name!r}: "
                f"{describe(self.taken[name])} and {describe(bearer)}. Give one another name "
                "with id=..."
            )
        self.taken[name] = bearer


def another(name: str) -> str:
    """Return another name for an unnamed parallel or branch whose name a step has taken."""
    return f"{name}~"


def listing(paths: Iterable[str]) -> str:
    """Return the paths that people may name, without generated ones."""
    return ", ".join(path for path in paths if not path.endswith(another("")))


def describe(bearer: Part | Kind) -> str:
    """Return what bears a name, for a message that must tell two of them apart."""
    if isinstance(bearer, Step):
        return f"step {bearer.id!r} ({functions.where(bearer.fn)})"
    if isinstance(bearer, str):
        return f"a {bearer}"
    return f"workflow {bearer.id!r} ({bearer.defined_in})"
