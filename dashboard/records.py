"""The records of a run's steps that its page shows, and the values they share, in few queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from django.db import connection
from django.db.models import Case, Count, F, IntegerField, Max, Q, QuerySet, Value, When
from django.utils import timezone

from dashboard import busy, past, previews, retrying, standing
from dashboard.graphs import Graph
from dashboard.playback import Moment
from dashboard.run_view import View
from dashboard.statements import RUN, SINCE, Reading, Statement, prepared, written
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.statuses import StepStatus

#: Entries of a graph that the page of a run lists.
MOST_CARDS: Final = 100
#: Records that ask for attention, wherever they stand.
MOST_ASKING: Final = 200
#: Records of entries inside a foreach or loop: of each what asks, and the latest.
MOST_REPEATED: Final = 100
#: Open records that are looked at to tell how what holds them stands.
MOST_INSIDE: Final = 2000
#: Rows of the timeline that are shown at once.
MOST_ROWS: Final = 100
#: The largest key that a row can have; an address may name larger ones.
MOST_KEY: Final = 2**63 - 1
#: What a row of the timeline is made of.
TIMED: Final = (
    "run", "path", "base_path", "kind", "status", "retry_count",
    "queued_at", "started_at", "ended_at", "suspended_at", "resumed_at", "timeline", "wake_at",
    "unknown_since",
)  # fmt: skip
STEP_FIELDS: Final = ("payload", "output", "suspend_payload", "resume_payload")
#: What asks for attention comes first.
ASKING: Final = (
    StepStatus.FAILED,
    StepStatus.SUSPENDED,
    StepStatus.RUNNING,
    StepStatus.WAITING,
    StepStatus.PAUSED,
    StepStatus.QUEUED,
)
#: The same, of what was at a moment: what waits for a worker is not told in the log.
OPEN: Final = tuple(status.value for status in ASKING if status != StepStatus.QUEUED)
#: The order of keys, so written that PostgreSQL does not walk the primary key of all runs' steps to
#: find those of one run in order: it sorts that run's own.
BY_KEY: Final = F("pk") + 0
#: What runs, or is ready to, first.
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
class Shown:
    """What the page of a run shows: records, and by their paths the entries that it lists."""

    steps: list[StepSnapshot]
    listed: list[str]


def steps_of(
    run: Run, graph: Graph, moment: Moment | None = None, first: int | None = None
) -> Shown:
    """Return the records to show, and the entries to list; one query or two.

    A drawing shows the status of every entry, so that a graph that has one needs all of its
    records. At most `MOST_CARDS` are listed, around the first that asks for attention. What asks
    comes along wherever it stands; of what is inside a foreach or loop, that comes first, then
    the latest record of each entry. With a `moment`, all as it stood then; with `first`, those
    from this index of the graph's entries on are listed.
    """
    if moment is not None:
        return _steps_at(run, graph, moment, first)
    if len(graph.paths) <= MOST_CARDS:
        # All entries are listed, whatever asks: both are found at once.
        return _in_order(_rows(run, tuple(graph.paths), None), list(graph.paths))
    found = _asking(run)
    listed = window_of(graph.paths, {path for _, path in found}, first)
    needed = graph.paths if graph.drawing else listed
    return _in_order(_rows(run, tuple(needed), [pk for pk, _ in found]), listed)


def _steps_at(run: Run, graph: Graph, moment: Moment, first: int | None) -> Shown:
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
    # One statement, each part by keys: an OR of them would read the table from end to end.
    keys = keys.union(*(part.order_by().values("pk") for part in parts))
    rows = past.as_of(_previewed(StepSnapshot.objects.filter(pk__in=keys)), moment)
    return _in_order(rows, listed)


def _in_order(rows: Iterable[StepSnapshot], listed: list[str]) -> Shown:
    rows = list(rows)
    plain = sorted((step for step in rows if "[" not in step.path), key=lambda step: step.pk)
    repeated = sorted((step for step in rows if "[" in step.path), key=_interest)
    return Shown([*plain, *repeated[:MOST_REPEATED]], listed)


def _asking(run: Run) -> list[tuple[int, str]]:
    """Return the keys and entries of what asks for attention, that first which asks most."""
    statement = _asking_statement(connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.given({RUN: prepared(run.pk)}))
        return [(pk, path) for pk, path in cursor.fetchall()]


def _rows(run: Run, paths: tuple[str, ...], keys: list[int] | None) -> list[StepSnapshot]:
    """Return the records of these entries, the latest of each inside others, and these keys.

    Without keys, with those that ask for attention.
    """
    given = keys or []
    # The statement has a few places more than there are keys, so that few statements do for all.
    marks = 0 if keys is None else next(size for size in _SIZES if size >= len(given))
    filled = dict(zip(_KEYS, [*given, *[0] * (marks - len(given))], strict=False))
    reading = _rows_reading(connection.vendor, paths, marks)
    return reading.read({RUN: prepared(run.pk), **filled})


#: How many keys a statement may have places for, and what stands for them.
_SIZES: Final = (1, 4, 16, 64, MOST_ASKING)
_KEYS: Final = tuple(range(-1, -MOST_ASKING - 1, -1))


def _current() -> QuerySet[StepSnapshot]:
    of_run = StepSnapshot.objects.filter(run_id=RUN)
    return of_run.current().exclude(path__startswith="$")


def _askers() -> QuerySet[StepSnapshot]:
    return _current().filter(status__in=ASKING).order_by(INTEREST, "-pk")


@lru_cache(maxsize=4)
def _asking_statement(_vendor: str) -> Statement:
    return written(_askers().values_list("pk", "base_path")[:MOST_ASKING], [RUN])


def _latest(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot, Any]:
    """Return the key of the latest record of each entry inside a foreach or loop.

    The page shows one of an entry: a hundred rounds of a loop need not be read for it.
    """
    rest = steps.filter(path__contains="[").exclude(status__in=ASKING).order_by()
    latest = rest.values("base_path").annotate(latest=Max("pk")).order_by("-latest")
    return latest.values("latest")[:MOST_REPEATED]


@lru_cache(maxsize=64)
def _rows_reading(_vendor: str, paths: tuple[str, ...], marks: int) -> Reading[StepSnapshot]:
    steps = _current()
    parts = [steps.filter(path__in=[path for path in paths if "[" not in path])]
    if any("[" in path for path in paths):
        parts.append(StepSnapshot.objects.filter(pk__in=_latest(steps)))
    # One statement, each part by keys: an OR of them would read the table from end to end.
    found = Q(pk__in=_KEYS[:marks]) if marks else Q(pk__in=_askers().values("pk")[:MOST_ASKING])
    keys = StepSnapshot.objects.filter(found).order_by().values("pk")
    keys = keys.union(*(part.order_by().values("pk") for part in parts))
    rows = _previewed(StepSnapshot.objects.filter(pk__in=keys))
    return Reading(rows, [RUN, *_KEYS[:marks]])


def window_of(
    places: Sequence[str], asking: Collection[str], first: int | None = None
) -> list[str]:
    """Return the entries that the page lists: those from an index on, or around what asks first."""
    if len(places) <= MOST_CARDS:
        return list(places)
    if first is not None:
        first = min(first, len(places) - 1)
        return list(places[first : first + MOST_CARDS])
    middle = next((at for at, path in enumerate(places) if path in asking), 0)
    first = min(max(middle - MOST_CARDS // 2, 0), len(places) - MOST_CARDS)
    return list(places[first : first + MOST_CARDS])


def _interest(step: StepSnapshot) -> tuple[int, int]:
    return _RANKS.get(step.status, len(_RANKS)), -step.pk


def shown(run: Run, keys: list[int], limit: int = previews.LIMIT) -> list[StepSnapshot]:
    """Return these records with the beginnings of their values."""
    return _with_previews(run, keys, limit)


def at_path(
    rows: QuerySet[StepSnapshot], path: str, limit: int = previews.LIMIT
) -> StepSnapshot | None:
    """Return the record at a path with the beginnings of its values; None: there is none."""
    return _previewed(rows.filter(path=path), limit).first()


def _with_previews(run: Run, keys: list[int], limit: int = previews.LIMIT) -> list[StepSnapshot]:
    """Return these records, in this order, with the beginnings of their values."""
    # Django checks a number that is compared with `=`, but not those in a list.
    keys = [key for key in keys if key <= MOST_KEY]
    found = {step.pk: step for step in _previewed(run.steps.filter(pk__in=keys), limit)}
    return [found[key] for key in keys if key in found]


def _previewed(
    steps: QuerySet[StepSnapshot], limit: int = previews.LIMIT
) -> QuerySet[StepSnapshot]:
    light = steps.defer(*PAYLOAD_FIELDS).select_related("worker")
    shown = previews.with_previews(light, STEP_FIELDS, limit)
    return previews.with_previews(shown, ["error"], previews.ERROR_LIMIT)


def timed(run: Run, view: View, moment: Moment | None = None) -> QuerySet[StepSnapshot]:
    """Return the steps that the timeline shows, items among them, without their values.

    At a `moment` these are the rows that there were; `past.as_of` tells how they stood.
    """
    steps = past.rows_of(run, moment).exclude(path__startswith="$").only(*TIMED)
    if moment is not None:
        steps = steps.filter(queued_at__lte=moment.at)
    return steps.filter(looked_at(run, view, moment))


def looked_at(run: Run, view: View, moment: Moment | None = None) -> Q:
    """Return which steps of a run the address asks for: failed ones, those of a stretch of time."""
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
    """Return the steps of one window of the timeline and one more; those in lists are left out.

    At a `moment` these are the rows that there were; `past.as_of` tells how they stood.
    """
    steps = timed(run, view, moment).exclude(path__contains="[").order_by(BY_KEY)
    return steps[view.skip : view.skip + MOST_ROWS + 1]


def tallies_of(
    run: Run, graph: Graph, moment: Moment | None = None
) -> dict[str, list[tuple[str, int]]]:
    """Return how many records with which status each entry inside a foreach or loop has."""
    if not graph.has_repeated:
        return {}
    if moment is not None:
        at_once = past.tallies_at(run, moment)
        return with_holders(graph, at_once, lambda _: past.leaves_at(moment, graph))
    statement = _tally_statement(connection.vendor)
    found: dict[str, list[tuple[str, int]]] = {}
    with connection.cursor() as cursor:
        given = {RUN: prepared(run.pk), SINCE: prepared(timezone.now())}
        cursor.execute(statement.sql, statement.given(given))
        for path, status, number in cursor.fetchall():
            found.setdefault(path, []).append((status, number))
    return tallied(run, graph, found)


#: How many records with which status, by the path of their entry.
Tallies = dict[str, list[tuple[str, int]]]
#: Open records that hold no others: the path, the path of the entry, the status as it is shown.
Leaves = Iterable[tuple[str, str, str]]


def tallied(run: Run, graph: Graph, found: Tallies) -> Tallies:
    """Return tallies in which what holds others counts as what goes on in it; one query, if any."""
    return with_holders(graph, found, lambda bases: _leaves(run, bases))


def with_holders(graph: Graph, found: Tallies, leaves_of: Callable[[set[str]], Leaves]) -> Tallies:
    """Return the same from what is open in what holds others, if any of that is running."""
    running = StepStatus.RUNNING.value
    holders = [path for path in found if graph.below(path) and dict(found[path]).get(running)]
    leaves = list(leaves_of(set().union(*map(graph.below, holders)))) if holders else []
    if len(leaves) >= MOST_INSIDE:
        return found
    for holder in holders:
        is_fork = graph.places[holder].is_fork
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
    """Return what is open at these entries and holds no others: path, entry, status as shown."""
    leaves = Q(kind__in=(*busy.LEAVES, busy.SLEEP)) | Q(worker__isnull=False)
    found = rows.filter(leaves, base_path__in=bases, status__in=ASKING)
    shown = found.annotate(shown=retrying.shown_status_of_steps())
    return shown.values_list("path", "base_path", "shown")


@lru_cache(maxsize=4)
def _tally_statement(_vendor: str) -> Statement:
    of_run = StepSnapshot.objects.filter(run_id=RUN).current()
    rows = of_run.filter(path__contains="[")
    shown = rows.annotate(shown=retrying.shown_status_of_steps(SINCE))
    counted = shown.order_by("base_path", "shown").values_list("base_path", "shown")
    return written(counted.annotate(Count("pk")), [RUN, SINCE])


def inside_of(
    rows: QuerySet[StepSnapshot], graph: Graph, steps: Iterable[StepSnapshot]
) -> dict[str, set[str]]:
    """Return the statuses of what is open inside those of these that hold others, by path.

    One query, if one of them does and is open: what runs is told first, where there is much.
    """
    holders = [step for step in steps if step.status == StepStatus.RUNNING]
    below = {step.path: graph.below(step.base_path) for step in holders}
    bases = set().union(*below.values())
    if not bases:
        return {}
    found: dict[str, set[str]] = {}
    for path, base, status in _open_leaves(rows, bases).order_by(_LIVELY)[:MOST_INSIDE]:
        for step in holders:
            # A fork does not stand in the paths of its arms, but in the same item as they do.
            item = step.path[: step.path.rfind("]") + 1]
            if base in below[step.path] and path.startswith(item):
                found.setdefault(step.path, set()).add(status)
    return found


def borrowed_by(
    run: Run, steps: Sequence[StepSnapshot], limit: int = previews.LIMIT
) -> dict[str, tuple[str, int]]:
    """Return the values that stand elsewhere than in the step they belong to, by reference."""
    wanted = {ref for step in steps for ref in (step.payload_from, step.output_from) if ref}
    found: dict[str, tuple[str, int]] = {}
    if "run.input" in wanted and limit == previews.LIMIT and "input_text" in run.__dict__:
        text = run.__dict__["input_text"] or "null"
        found["run.input"] = (text[:limit], run.__dict__["input_size"] or 0)
    elif "run.input" in wanted:
        own = Run.objects.filter(pk=run.pk).only("pk")
        rows = previews.with_previews(own, ["input"], limit)
        row: Any = rows.first()
        found["run.input"] = (row.input_text or "null", row.input_size or 0)
    return found | lent_by(steps, limit)


def lent_by(
    steps: Iterable[StepSnapshot], limit: int = previews.LIMIT
) -> dict[str, tuple[str, int]]:
    """Return the values of other steps that these refer to, by reference; one query."""
    wanted = {ref for step in steps for ref in (step.payload_from, step.output_from) if ref}
    keys = {int(ref.partition(".")[0]) for ref in wanted if ref[0].isdecimal()}
    found: dict[str, tuple[str, int]] = {}
    if keys:
        others = StepSnapshot.objects.filter(pk__in=keys).only("pk")
        for other in previews.with_previews(others, ["output", "payload"], limit):
            for reference, name in ((f"{other.pk}", "output"), (f"{other.pk}.payload", "payload")):
                preview = previews.preview_of(other, name)
                if preview is not None:
                    found[reference] = (preview.text, preview.size)
    return found
