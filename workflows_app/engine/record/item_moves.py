"""What one move writes: items of a foreach that have succeeded, and the stretches taken after them.

The move is built once, for either database. It needs no knowledge of the run and no guard on its
revision, so many processes can work on one list: the run is locked, the database counts the items,
and each result is fenced by its token or by its stretch.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

from workflows_app.definition import BODY, Graph, Node
from workflows_app.engine.record.recorder import Ended
from workflows_app.engine.run import events
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.step_paths import index_of
from workflows_app.jsontext import Raw, dumps
from workflows_app.models.fields import step_key
from workflows_app.planner.outcomes import Succeeded
from workflows_app.planner.statuses import StepStatus


class Written(NamedTuple):
    """The run and the list after a move, which took `taken` items, beginning with `first`."""

    revision: int
    event_seq: int
    active_count: int
    stretches: int
    timeline: int
    state: str
    request_context: str
    list: int
    unfinished: int
    first: int
    taken: int


class Mismatch(Exception):
    """The run or the list is not as the move needs it. Nothing was written."""


class EndedItem(NamedTuple):
    """One item that ends, and the text of its events before and after the counts of its list."""

    claim: Claim
    position: int
    output: Raw
    before: str
    after: str


class Fence(NamedTuple):
    """Items of one stretch that end: its next `n` items, which begin at `position`."""

    id: int
    position: int
    n: int


class Take(NamedTuple):
    """A stretch of at most `n` items, which a thread takes after its items have ended."""

    key: int
    n: int


@dataclass(frozen=True)
class ItemMove:
    """Items of one list that end together, and the stretches that their threads take next."""

    held: Claim
    body: Node
    container: Node
    items: Sequence[EndedItem]
    fences: Sequence[Fence]
    takes: Sequence[Take]
    now: datetime
    #: The version of the workflow in this process: items of a run of another one are not plain,
    #: because what follows them has to say of which version it is.
    version: int

    @property
    def count(self) -> int:
        """How many items end."""
        return len(self.items)

    @cached_property
    def rows(self) -> Sequence[EndedItem]:
        """The items that end and have snapshots."""
        return [each for each in self.items if each.claim.stretch is None]

    @cached_property
    def new(self) -> Sequence[EndedItem]:
        """The items that end and have no snapshots yet."""
        return [each for each in self.items if each.claim.stretch is not None]

    @property
    def events(self) -> int:
        """How many events the move adds to the log; items of a stretch also begin in it."""
        return 3 * self.count + len(self.new)

    @property
    def metadata(self) -> str:
        """The metadata of the step, as JSON text."""
        return dumps({} if self.body.step is None else self.body.step.metadata)


def shares(takes: Sequence[Take], first: int, taken: int) -> list[tuple[Take, range]]:
    """Return the indexes that each thread gets, if `taken` items were taken from `first` on."""
    found, start, end = [], first, first + taken
    for take in takes:
        until = min(start + take.n, end)
        found.append((take, range(start, until)))
        start = until
    return found


def move_of(graph: Graph, ended: Sequence[Ended], now: datetime, version: int) -> ItemMove:
    """Return the move of items that have succeeded."""
    held = ended[0].claim
    body = graph.nodes[held.base_path]
    container = graph.nodes[held.base_path.removesuffix(BODY)]
    items = [_ended_item(each, body, container, now) for each in ended]
    counts = Counter(each.thread for each in ended)
    takes = [Take(step_key(count=n), n) for n in counts.values()]
    return ItemMove(held, body, container, items, _fences(items), takes, now, version)


def _fences(items: Sequence[EndedItem]) -> list[Fence]:
    of_each: dict[int, list[int]] = {}
    for each in items:
        if each.claim.stretch is not None:
            of_each.setdefault(each.claim.stretch, []).append(each.position)
    return [Fence(stretch, min(indexes), len(indexes)) for stretch, indexes in of_each.items()]


#: The place in the text of an event for the counts of the list, which only the database knows.
_COUNTS: Final = '"completed_count":0,"total_count":0,'


def _ended_item(ended: Ended, body: Node, container: Node, now: datetime) -> EndedItem:
    """Return an item that has ended. Raises TypeError if it has not succeeded."""
    claim, outcome = ended.claim, ended.outcome
    position = index_of(claim.path)
    if not isinstance(outcome, Succeeded) or position is None:
        raise TypeError(f"{claim.path} has not succeeded.")
    output = outcome.output
    named = {"id": body.key, "path": claim.path}
    told: list[dict[str, Any]] = []
    if claim.stretch is not None:
        told.append(events.step_started(named, claim.step, claim.payload, claim.claimed_at))
    told += events.step_ended(named, claim.step, StepStatus.SUCCESS, now, {"output": output})
    progress = events.progressed(
        {"id": container.key, "path": container.path}, claim.step, position, StepStatus.SUCCESS,
        output, done=0, of_all=0,
    )  # fmt: skip
    before, _, after = dumps(progress).partition(_COUNTS)
    ended_as_text = ",".join(map(dumps, told))
    return EndedItem(claim, position, output, f'{ended_as_text},{before}"completed_count":', after)


def counted(item: EndedItem, done: int, total: int) -> str:
    """Return the events of an item as text, with the counts of its list filled in."""
    return f'{item.before}{done},"total_count":{total},{item.after}'
