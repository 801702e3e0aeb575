"""The records of a run's steps that its page shows, in few queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    DateTimeField,
    F,
    IntegerField,
    Max,
    Q,
    QuerySet,
    UUIDField,
    Value,
    When,
)
from django.utils import timezone

from workflows_app.models import Run, StepSnapshot
from workflows_app.models.queries import Parameter, QueryReader, TupleReader
from workflows_app.models.sqltext import connection_here
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.statuses import StepStatus

from ..graph.graphs import Graph
from ..status import busy, retrying, standing
from ..status.standing import ASKING
from ..values import previews
from . import past
from .playback import Moment
from .view import View

#: How many entries of a graph the page of a run lists.
MOST_CARDS: Final = 100
#: How many records that ask for attention are read, wherever they are.
MOST_ASKING: Final = 200
#: How many records of entries inside a foreach or loop are read.
MOST_REPEATED: Final = 100
#: How many open records are read to work out the statuses of containers.
MOST_INSIDE: Final = 2000
#: How many rows of the timeline are shown at once.
MOST_ROWS: Final = 100
#: The largest key that a row can have; an address may name larger ones.
MOST_KEY: Final = 2**63 - 1
#: The columns that a row of the timeline needs.
TIMED: Final = (
    "run", "path", "base_path", "kind", "status", "retry_count",
    "queued_at", "started_at", "ended_at", "suspended_at", "resumed_at", "timeline", "wake_at",
    "unknown_since",
)  # fmt: skip
STEP_FIELDS: Final = ("payload", "output", "suspend_payload", "resume_payload")
#: The same for a past moment, without queued steps: the log does not say when they were queued.
OPEN: Final = tuple(status.value for status in ASKING if status != StepStatus.QUEUED)
#: The order of keys, written so that PostgreSQL sorts the records of one run instead of walking the
#: primary key of all runs' steps.
BY_KEY: Final = F("pk") + 0
#: What runs or is ready to comes first.
_LIVELY: Final = Case(
    When(shown__in=[StepStatus.RUNNING.value, StepStatus.QUEUED.value], then=Value(0)),
    default=Value(1),
    output_field=IntegerField(),
)
_RANKS: Final = {status.value: number for number, status in enumerate(ASKING)}
INTEREST: Final = Case(
    *(When(status=status.value, then=Value(number)) for number, status in enumerate(ASKING)),
    default=Value(9),
    output_field=IntegerField(),
)


@dataclass(frozen=True)
class ShownRecords:
    """The records that the page of a run shows, and the paths of the entries that it lists."""

    steps: list[StepSnapshot]
    listed: list[str]


def steps_of(
    run: Run, graph: Graph, moment: Moment | None = None, first: int | None = None
) -> ShownRecords:
    """Return the records to show, and the entries to list; one query or two.

    A drawing shows the status of every entry, so a graph that has one needs all of its records. At
    most `MOST_CARDS` entries are listed, around the first that asks for attention. Records that ask
    for attention are included wherever they are. Inside a foreach or loop they come first, followed
    by the latest record of each entry. With a `moment` everything is as it was then; with `first`
    the list begins at this index of the graph's entries.
    """
    if moment is not None:
        return _steps_at(run, graph, moment, first)
    if len(graph.paths) <= MOST_CARDS:
        # All entries are listed, whatever asks, so one query finds everything.
        return _in_order(_rows(run, tuple(graph.paths), None), list(graph.paths))
    found = _asking(run)
    listed = window_of(graph.paths, {path for _, path in found}, first)
    needed = graph.paths if graph.drawing else listed
    return _in_order(_rows(run, tuple(needed), [pk for pk, _ in found]), listed)


def _steps_at(run: Run, graph: Graph, moment: Moment, first: int | None) -> ShownRecords:
    steps = past.rows_of(run, moment).exclude(path__startswith="$")
    asking = steps.filter(path__in=past.with_status(moment, OPEN)).order_by("-pk")
    found: list[tuple[int, str]] = []
    first_ones = asking.values("pk")[:MOST_ASKING]
    keys = StepSnapshot.objects.filter(pk__in=first_ones).order_by().values("pk")
    if len(graph.paths) > MOST_CARDS:
        found = list(asking.values_list("pk", "base_path")[:MOST_ASKING])
        keys = StepSnapshot.objects.filter(pk__in=[pk for pk, _ in found]).order_by().values("pk")
    listed = window_of(graph.paths, {path for _, path in found}, first)
    needed = graph.paths if graph.drawing else listed
    parts = [steps.filter(path__in=[path for path in needed if "[" not in path])]
    if any("[" in path for path in needed):
        inside = [path for path in moment.steps if "[" in path]
        rest = steps.filter(path__in=inside[-MOST_REPEATED:]).order_by(BY_KEY.desc())
        parts.append(StepSnapshot.objects.filter(pk__in=rest.values("pk")[:MOST_REPEATED]))
    # One statement whose parts find keys: an OR of the parts would read the whole table.
    keys = keys.union(*(part.order_by().values("pk") for part in parts))
    rows = past.as_of(_previewed(StepSnapshot.objects.filter(pk__in=keys)), moment)
    return _in_order(rows, listed)


def _in_order(rows: Iterable[StepSnapshot], listed: list[str]) -> ShownRecords:
    rows = list(rows)
    plain = sorted((step for step in rows if "[" not in step.path), key=lambda step: step.pk)
    repeated = sorted((step for step in rows if "[" in step.path), key=_interest)
    return ShownRecords([*plain, *repeated[:MOST_REPEATED]], listed)


class _Asking(NamedTuple):
    """The key of a record that asks for attention, and the path of its entry."""

    pk: int
    base_path: str


def _asking(run: Run) -> list[_Asking]:
    """Return what asks for attention, the most urgent first."""
    return _asking_reader(connection_here().vendor).read(run=run.pk)


def _rows(run: Run, paths: tuple[str, ...], keys: list[int] | None) -> list[StepSnapshot]:
    """Return the records with these keys and of these entries; of each inside others, the latest.

    Without keys, return those that ask for attention instead.
    """
    given = keys or []
    # Statements have room for a few fixed numbers of keys, so that few statements are compiled.
    size = 0 if keys is None else next(size for size in _SIZES if size >= len(given))
    padded = [*given, *[0] * (size - len(given))]
    values = {f"key{number}": key for number, key in enumerate(padded)}
    return _rows_reader(connection_here().vendor, paths, size).read(run=run.pk, **values)


#: The numbers of keys for which there is a statement.
_SIZES: Final = (1, 4, 16, 64, MOST_ASKING)


def _of_run() -> QuerySet[StepSnapshot]:
    return StepSnapshot.objects.filter(run_id=Parameter("run", UUIDField())).current()


def _current() -> QuerySet[StepSnapshot]:
    return _of_run().exclude(path__startswith="$")


def _askers() -> QuerySet[StepSnapshot]:
    return _current().filter(status__in=ASKING).order_by(INTEREST, "-pk")


@lru_cache(maxsize=4)
def _asking_reader(_vendor: str) -> TupleReader[_Asking]:
    return TupleReader(_askers()[:MOST_ASKING], _Asking)


def _latest(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot, Any]:
    """Return the key of the latest record of each entry inside a foreach or loop.

    The page shows one record of an entry, so the hundred rounds before it need not be read.
    """
    rest = steps.filter(path__contains="[").exclude(status__in=ASKING).order_by()
    latest = rest.values("base_path").annotate(latest=Max("pk")).order_by("-latest")
    return latest.values("latest")[:MOST_REPEATED]


@lru_cache(maxsize=64)
def _rows_reader(_vendor: str, paths: tuple[str, ...], size: int) -> QueryReader[StepSnapshot]:
    steps = _current()
    parts = [steps.filter(path__in=[path for path in paths if "[" not in path])]
    if any("[" in path for path in paths):
        parts.append(StepSnapshot.objects.filter(pk__in=_latest(steps)))
    # One statement whose parts find keys: an OR of the parts would read the whole table.
    given = [Parameter(f"key{number}", BigIntegerField()) for number in range(size)]
    found = Q(pk__in=given or _askers().values("pk")[:MOST_ASKING])
    keys = StepSnapshot.objects.filter(found).order_by().values("pk")
    keys = keys.union(*(part.order_by().values("pk") for part in parts))
    return QueryReader(_previewed(StepSnapshot.objects.filter(pk__in=keys)))


def window_of(paths: Sequence[str], asking: Collection[str], first: int | None = None) -> list[str]:
    """Return the entries that the page lists: from an index on, or around what asks first."""
    if len(paths) <= MOST_CARDS:
        return list(paths)
    if first is not None:
        first = min(first, len(paths) - 1)
        return list(paths[first : first + MOST_CARDS])
    middle = next((at for at, path in enumerate(paths) if path in asking), 0)
    first = min(max(middle - MOST_CARDS // 2, 0), len(paths) - MOST_CARDS)
    return list(paths[first : first + MOST_CARDS])


def _interest(step: StepSnapshot) -> tuple[int, int]:
    return _RANKS.get(step.status, len(_RANKS)), -step.pk


def with_keys(run: Run, keys: list[int], limit: int = previews.LIMIT) -> list[StepSnapshot]:
    """Return these records, in this order, with the beginnings of their values."""
    # Django checks a number that is compared with `=`, but not those in a list.
    keys = [key for key in keys if key <= MOST_KEY]
    found = {step.pk: step for step in _previewed(run.steps.filter(pk__in=keys), limit)}
    return [found[key] for key in keys if key in found]


def at_path(
    rows: QuerySet[StepSnapshot], path: str, limit: int = previews.LIMIT
) -> StepSnapshot | None:
    """Return the record at a path with the beginnings of its values; None if there is none."""
    return _previewed(rows.filter(path=path), limit).first()


def _previewed(
    steps: QuerySet[StepSnapshot], limit: int = previews.LIMIT
) -> QuerySet[StepSnapshot]:
    light = steps.defer(*PAYLOAD_FIELDS).select_related("worker")
    shown = previews.with_previews(light, STEP_FIELDS, limit)
    return previews.with_previews(shown, ["error"], previews.ERROR_LIMIT)


def timed(run: Run, view: View, moment: Moment | None = None) -> QuerySet[StepSnapshot]:
    """Return the steps that the timeline shows, including items, without their values.

    With a `moment` these are the rows that existed then; `past.as_of` changes them to what they
    were.
    """
    steps = past.rows_of(run, moment).exclude(path__startswith="$").only(*TIMED)
    if moment is not None:
        steps = steps.filter(queued_at__lte=moment.at)
    return steps.filter(looked_at(run, view, moment))


def looked_at(run: Run, view: View, moment: Moment | None = None) -> Q:
    """Return which steps of a run the address asks for: only failed ones, or a time range."""
    found = Q(pk__isnull=False)
    if view.errors_only and moment is not None:
        found = Q(path__in=past.with_status(moment, [StepStatus.FAILED]))
    elif view.errors_only:
        found = Q(status=StepStatus.FAILED)
    if view.window is not None and run.started_at is not None:
        since, until = (run.started_at + timedelta(seconds=min(s, 1e9)) for s in view.window)
        still = Q(ended_at__isnull=True) | Q(ended_at__gte=since)
        found &= still & Q(queued_at__lte=until)
    return found


def timed_window(run: Run, view: View, moment: Moment | None = None) -> QuerySet[StepSnapshot]:
    """Return one window of the timeline's steps and one more, without the items of lists.

    With a `moment` these are the rows that existed then; `past.as_of` changes them to what they
    were.
    """
    steps = timed(run, view, moment).exclude(path__contains="[").order_by(BY_KEY)
    return steps[view.skip : view.skip + MOST_ROWS + 1]


def tallies_of(
    run: Run, graph: Graph, moment: Moment | None = None
) -> dict[str, list[tuple[str, int]]]:
    """Return how many records of each entry inside a foreach or loop have which status."""
    if not graph.has_repeated:
        return {}
    if moment is not None:
        at_once = past.tallies_at(run, moment)
        return with_holders(graph, at_once, lambda _: past.leaves_at(moment, graph))
    found: dict[str, list[tuple[str, int]]] = {}
    for row in _tally_reader(connection_here().vendor).read(run=run.pk, now=timezone.now()):
        found.setdefault(row.base_path, []).append((row.shown, row.number))
    return tallied(run, graph, found)


#: How many records have which status, by the path of their entry.
Tallies = dict[str, list[tuple[str, int]]]
#: Open records that contain no others: path, path of the entry, status as pages show it.
Leaves = Iterable[tuple[str, str, str]]


def tallied(run: Run, graph: Graph, found: Tallies) -> Tallies:
    """Return tallies in which containers count with the status of what happens inside them.

    At most one query.
    """
    return with_holders(graph, found, lambda bases: _leaves(run, bases))


def with_holders(graph: Graph, found: Tallies, leaves_of: Callable[[set[str]], Leaves]) -> Tallies:
    """Return the same, given a function that returns the open records inside these containers."""
    running = StepStatus.RUNNING.value
    holders = [path for path in found if graph.below(path) and dict(found[path]).get(running)]
    leaves = list(leaves_of(set().union(*map(graph.below, holders)))) if holders else []
    if len(leaves) >= MOST_INSIDE:
        return found
    for holder in holders:
        is_fork = graph.entries[holder].is_fork
        depth = holder.count(".") + (0 if is_fork else 1)
        inside: dict[str, set[str]] = {}
        for path, base, status in leaves:
            if base in graph.below(holder):
                item = ".".join(path.split(".")[:depth])
                inside.setdefault(item, set()).add(status)
        counted = Counter(dict(found[holder]))
        counted.subtract({running: len(inside)})
        counted.update(standing.of_holder(running, each) for each in inside.values())
        found[holder] = sorted((status, n) for status, n in counted.items() if n > 0)
    return found


def _leaves(run: Run, bases: set[str]) -> Leaves:
    return _open_leaves(past.rows_of(run), bases).order_by()[:MOST_INSIDE]


def _open_leaves(rows: QuerySet[StepSnapshot], bases: set[str]) -> QuerySet[Any, Any]:
    """Return what is open at these entries and contains nothing: path, entry, status as shown."""
    leaves = Q(kind__in=(*busy.LEAVES, busy.SLEEP)) | Q(worker__isnull=False)
    found = rows.filter(leaves, base_path__in=bases, status__in=ASKING)
    shown = found.annotate(shown=retrying.shown_status_of_steps())
    return shown.values_list("path", "base_path", "shown")


class _Tally(NamedTuple):
    """How many records of an entry are shown with a status."""

    base_path: str
    shown: str
    number: int


@lru_cache(maxsize=4)
def _tally_reader(_vendor: str) -> TupleReader[_Tally]:
    now = Parameter("now", DateTimeField())
    rows = _of_run().filter(path__contains="[")
    shown = rows.annotate(shown=retrying.shown_status_of_steps(now))
    counted = shown.order_by("base_path", "shown").values("base_path", "shown")
    return TupleReader(counted.annotate(number=Count("pk")), _Tally)


def inside_of(
    rows: QuerySet[StepSnapshot], graph: Graph, steps: Iterable[StepSnapshot]
) -> dict[str, set[str]]:
    """Return the statuses of what is open inside each container among these steps, by its path.

    One query if a container is open. If there is much, what runs is read first.
    """
    holders = [step for step in steps if step.status == StepStatus.RUNNING]
    below = {step.path: graph.below(step.base_path) for step in holders}
    bases = set().union(*below.values())
    if not bases:
        return {}
    found: dict[str, set[str]] = {}
    for path, base, status in _open_leaves(rows, bases).order_by(_LIVELY)[:MOST_INSIDE]:
        for step in holders:
            # A fork is not in the paths of its arms, but in the same item as they are.
            item = step.path[: step.path.rfind("]") + 1]
            if base in below[step.path] and path.startswith(item):
                found.setdefault(step.path, set()).add(status)
    return found
