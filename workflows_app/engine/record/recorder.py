"""The protocol of recorders: a recorder writes outcomes of claims and returns what follows them.

There are three: `chain` (plain steps of many runs, in one move), `items` (plain items of one list,
in one move) and `reference` (everything, by the planner). `settle` chooses among them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from workflows_app.definition import Node
from workflows_app.engine.run.claims import Claim
from workflows_app.planner.outcomes import Outcome

#: An event that a step wrote to the stream: its type and payload.
Said = tuple[str, dict[str, Any]]

#: Decides whether the thread that worked on a claim also takes the step at the node that follows.
Keep = Callable[[Claim, Node], bool]


def keep_all(_claim: Claim, _following: Node) -> bool:
    """Take whatever follows."""
    return True


def keep_none(_claim: Claim, _following: Node) -> bool:
    """Leave what follows to others."""
    return False


class Ended(NamedTuple):
    """The outcome of a claim, to be recorded."""

    claim: Claim
    outcome: Outcome
    said: Sequence[Said] = ()
    keep: Keep = keep_none
    #: The thread that worked on the claim, as `threading.get_ident` numbers it; 0 if unimportant.
    thread: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome is recorded, and nothing follows for its thread."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The outcome is recorded, and its thread continues with this claim."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class NotPlain:
    """Nothing was written; another recorder has to record the outcome."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written because of this error: LostLease, a database error, or a bug."""

    error: Exception


Recorded = Done | Followed | NotPlain | Refused

DONE: Final = Done()
NOT_PLAIN: Final = NotPlain()


class Recorder(Protocol):
    """Writes the outcomes of claims."""

    def record(self, ended: Sequence[Ended]) -> list[Recorded]:
        """Record the outcomes of claims; return for each how that went.

        Recording again with the same token changes nothing. Raises errors of the database; it is
        then not known what was written.
        """
