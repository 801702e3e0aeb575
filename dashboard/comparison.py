"""Two runs, or two timelines of one, side by side: their steps aligned by path.

A handful of queries, however many steps there are. Payloads are compared by their beginnings, as
long as a page shows them; of larger ones only the sizes and the beginnings are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils import timezone

from dashboard import (
    busy,
    differences,
    finding,
    forks,
    graphs,
    merging,
    previews,
    records,
    standing,
)
from dashboard.differences import Differences
from dashboard.forms.fields import JSON, MISSING, Missing
from dashboard.graphs import Graph
from dashboard.merging import Merged
from dashboard.previews import Preview
from workflows_app import jsontext, results
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot, Timeline
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus

#: Steps that are compared on one page: those that differ at first sight before the others.
MOST_ROWS: Final = 200
#: Steps of one run that are looked at.
MOST_READ: Final = 2000

LABELS: Final = {
    "payload": "Input",
    "output": "Output",
    "resume_payload": "The answer",
    "error": "Error",
    "input": "Input",
    "result": "Result",
}
RUN_FIELDS: Final = ("input", "result", "error")
STEP_FIELDS: Final = ("payload", "output", "resume_payload", "error")
ERROR_KEYS: Final = ("type", "message", "details")

_INDEX: Final = re.compile(r"\[(\d+)\]$")


@dataclass(frozen=True)
class Pair:
    """One value of each side, and what differs; `found` is None where they are too large."""

    label: str
    old: Preview | None
    new: Preview | None
    found: Differences | None

    @property
    def is_different(self) -> bool:
        """Whether the two differ, as far as can be told."""
        if self.found is not None:
            return bool(self.found)
        ours, theirs = self.old, self.new
        same = ours and theirs and (ours.size, ours.text) == (theirs.size, theirs.text)
        return not same

    @property
    def is_empty(self) -> bool:
        """Whether neither side has a value."""
        return self.old is None and self.new is None

    @property
    def sides(self) -> list[tuple[str, Preview]]:
        """The values that there are, each with the letter of its side."""
        return [(letter, one) for letter, one in (("A", self.old), ("B", self.new)) if one]


@dataclass
class Side:
    """One of the two: a run on one of its timelines."""

    letter: str
    run: Run
    timeline: int
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    values: dict[str, Preview | None]
    graph: Graph
    #: The timeline as it was left; None: it is the present one.
    earlier: Timeline | None = None
    #: When its steps ran and waited.
    times: busy.Busy = field(default_factory=busy.Busy)
    steps: list[StepSnapshot] = field(default_factory=list)
    is_whole: bool = True

    @property
    def is_current(self) -> bool:
        """Whether this is how the run stands now, not an earlier timeline."""
        return self.timeline == self.run.timeline

    @property
    def is_canceling(self) -> bool:
        """Whether the run waits for running steps to end."""
        return self.is_current and self.run.is_canceling

    @property
    def is_ended(self) -> bool:
        """Whether nothing more comes on this timeline."""
        return not self.is_current or self.status in ENDED

    @property
    def took(self) -> timedelta | None:
        """How long it took, as every page means it; None while it goes on."""
        if self.started_at is None or self.ended_at is None:
            return None
        if self.earlier is None:
            length = self.run.duration or timedelta()
            return max(length - self.times.held_for(self.started_at, self.ended_at), timedelta())
        stood = self.times.stood.get("", ())
        waited = busy.length_in(stood, self.started_at, self.ended_at)
        return self.ended_at - self.started_at - waited

    @property
    def waits_since(self) -> datetime | None:
        """Since when only a time to come is waited for; None: something goes on, or it is over."""
        now = timezone.now()
        spans = self.times.held if self.status == RunStatus.WAITING else ()
        return next((first for first, last in spans if last is None or last > now), None)

    @property
    def held(self) -> timedelta:
        """For how long it waited for times to come before that."""
        end = self.run.stood_since or self.waits_since or timezone.now()
        return timedelta() if self.started_at is None else self.times.held_for(self.started_at, end)

    @cached_property
    def known(self) -> dict[str, StepSnapshot]:
        """The steps by path."""
        return {step.path: step for step in self.steps}

    @property
    def status_by_place(self) -> dict[str, str]:
        """The status of each entry that was taken; of items and rounds, the worst.

        One query where there were more steps than were looked at: none is called missing for that.
        """
        if not self.is_whole:
            steps = StepSnapshot.objects.on_timeline(self.run.pk, self.timeline).order_by()
            pairs = steps.values_list("base_path", "status").distinct()
            return merging.worst_by_place(pairs, records.ASKING)
        known = ((s.base_path, self.status_of(s)) for s in self.steps)
        return merging.worst_by_place(known, records.ASKING)

    def status_of(self, step: StepSnapshot) -> str:
        """Return the status of one of its steps, as it is shown."""
        is_open = step.kind in standing.HOLDERS and step.status == StepStatus.RUNNING
        return standing.status_of(step, standing.inside_of(step, self.steps) if is_open else ())

    def absence_of(self, step: StepSnapshot) -> str:
        """Return the status that says why a step of the other side is not here."""
        place = self.graph.places.get(step.base_path)
        if place is None:
            return "unknown"
        # The conditions of a branch are asked at once: the arms it did not take never come.
        return "untaken" if self.is_ended or place.parent in self.branches else "pending"

    @cached_property
    def branches(self) -> set[str]:
        """The paths of the branches of which an arm was taken."""
        places = self.graph.places
        taken = {places[step.base_path].parent for step in self.steps if step.base_path in places}
        return {path for path in taken if path in places and places[path].kind == "branch"}


@dataclass
class Row:
    """One path, and what both sides know of it."""

    path: str
    kind: str
    old: StepSnapshot | None
    new: StepSnapshot | None
    statuses: tuple[str, str]
    #: How long each side took, where it has ended.
    took: tuple[timedelta | None, timedelta | None] = (None, None)
    pairs: list[Pair] = field(default_factory=list)

    @property
    def only(self) -> str:
        """The letter of the only side that took this step; empty where both did."""
        return "B" if self.old is None else "A" if self.new is None else ""

    @property
    def may_follow(self) -> bool:
        """Whether the side without this step may still come to it."""
        return bool(self.only) and "pending" in self.statuses

    @property
    def is_different_at_sight(self) -> bool:
        """Whether the path or the status differ, which needs no payload to be read."""
        return self.statuses[0] != self.statuses[1]

    @property
    def is_different(self) -> bool:
        """Whether anything but the time it took differs."""
        return self.is_different_at_sight or any(pair.is_different for pair in self.pairs)

    @property
    def delta(self) -> timedelta | None:
        """How much longer the second side took; None where one has no length yet."""
        ours, theirs = self.took
        return None if ours is None or theirs is None else _shown(theirs) - _shown(ours)

    @property
    def both(self) -> tuple[StepSnapshot | None, StepSnapshot | None]:
        """The two records."""
        return self.old, self.new


@dataclass
class Comparison:
    """The page, ready for its template."""

    sides: tuple[Side, Side]
    rows: list[Row]
    pairs: list[Pair]
    #: Steps that are not compared: too many, or beyond what was looked at.
    left_out: int = 0

    @property
    def delta(self) -> timedelta | None:
        """How much longer the second side took as a whole."""
        ours, theirs = (side.took for side in self.sides)
        return None if ours is None or theirs is None else _shown(theirs) - _shown(ours)

    @cached_property
    def merged(self) -> Merged | None:
        """Both graphs as one drawing, with the way that each side took; None: it is too large."""
        old, new = self.sides
        return merging.draw(
            (old.graph.json, new.graph.json),
            (old.status_by_place, new.status_by_place),
            (old.status, new.status),
        )

    @property
    def different(self) -> list[Row]:
        """The rows in which something differs."""
        return [row for row in self.rows if row.is_different]

    @property
    def diverged(self) -> int:
        """How many steps only one of the two took, and the other will not come to."""
        return sum(1 for row in self.rows if row.only and not row.may_follow)

    @property
    def is_whole(self) -> bool:
        """Whether all steps of both sides were looked at."""
        return all(side.is_whole for side in self.sides)

    @property
    def is_one_run(self) -> bool:
        """Whether both sides are of one run, on whatever timelines."""
        return self.sides[0].run.pk == self.sides[1].run.pk

    @property
    def is_same_thing(self) -> bool:
        """Whether both sides are one run on one timeline."""
        ours, theirs = self.sides
        return (ours.run.pk, ours.timeline) == (theirs.run.pk, theirs.timeline)


def find(run_ids: Iterable[str]) -> dict[str, Run]:
    """Return the runs with these public ids, with the beginnings of their values, by id."""
    wanted = {run_id for run_id in run_ids if run_id and "\0" not in run_id}
    rows = forks.with_given(Run.objects.light(), previews.LIMIT).filter(run_id__in=wanted)
    rows = rows.select_related("workflow", "version", "started_by").defer("version__graph")
    return {run.run_id: run for run in previews.with_previews(rows, RUN_FIELDS)}


def whole_id(text: str) -> str:
    """Return the id of the run that was meant, in any spelling; else what was asked for."""
    run = finding.only_one(finding.clean(text))
    return run.run_id if run else text


def timelines_of(runs: Iterable[Run]) -> dict[tuple[Any, int], Timeline]:
    """Return the earlier timelines of these runs, by run and number."""
    wanted = [run.pk for run in runs if run.timeline > 1]
    if not wanted:
        return {}
    rows = Timeline.objects.filter(run__in=wanted).defer("state", "result", "error")
    # It was left by a person, later than it came to its end.
    told = RunEvent.objects.filter(run=OuterRef("run"), timeline=OuterRef("number"))
    rows = rows.annotate(last_at=Subquery(told.order_by("-first_seq").values("at")[:1]))
    found = previews.with_previews(rows, ("result", "error"))
    return {(row.run_id, row.number): row for row in found}


def side_of(letter: str, run: Run, number: int, earlier: Timeline | None) -> Side:
    """Return one side: a run as it stands, or an earlier timeline of it."""
    urls = {name: reverse("raw-run", args=[run.run_id, name]) for name in RUN_FIELDS}
    values = {name: previews.preview_of(run, name, urls[name]) for name in RUN_FIELDS}
    if earlier is None:
        values["input"] = forks.given_in(run) or values["input"]
    else:
        # What an earlier timeline came to has no address of its own.
        values |= {name: previews.preview_of(earlier, name) for name in ("result", "error")}
    return Side(
        letter=letter,
        run=run,
        timeline=number,
        status=earlier.status if earlier else run.status,
        started_at=(earlier.started_at if earlier else None) or run.started_at,
        ended_at=getattr(earlier, "last_at", earlier.left_at) if earlier else run.ended_at,
        earlier=earlier,
        values=values,
        graph=graphs.of_run(run),
    )


def _shown(length: timedelta) -> timedelta:
    """Return a length of time as exactly as it is shown, so that differences are of what is."""
    return timedelta(milliseconds=round(length / timedelta(milliseconds=1)))


def compare(old: Side, new: Side) -> Comparison:
    """Read the steps of both sides and compare them."""
    for side in (old, new):
        _read_steps(side)
    old.times, new.times = busy.of_records([(side.run, side.steps) for side in (old, new)])
    for side in (old, new):
        if side.is_current:
            side.status = standing.status_of_run(side.run, side.steps)
    rows, left_out = _rows(old, new)
    _read_values(old, new, rows)
    pairs = [_pair(name, old.values[name], new.values[name]) for name in RUN_FIELDS]
    return Comparison((old, new), rows, [p for p in pairs if not p.is_empty], left_out)


def _read_steps(side: Side) -> None:
    steps = StepSnapshot.objects.on_timeline(side.run.pk, side.timeline).light()
    steps = steps.exclude(path__startswith="$").exclude(kind__in=results.HIDDEN)
    found = list(steps.order_by("pk")[: MOST_READ + 1])
    side.steps, side.is_whole = found[:MOST_READ], len(found) <= MOST_READ


def _rows(old: Side, new: Side) -> tuple[list[Row], int]:
    """Return the rows in the order of the graph, and how many are left out."""
    rows = [_row(old, new, path) for path in _in_order(old, new)]
    # Where one side was not read to its end, what is missing there may still come.
    sure = [row for row in rows if not row.only or (old if row.only == "B" else new).is_whole]
    eager = sorted(sure, key=lambda row: not row.is_different_at_sight)[:MOST_ROWS]
    chosen = {row.path for row in eager}
    return [row for row in sure if row.path in chosen], len(rows) - len(chosen)


def _row(old: Side, new: Side, path: str) -> Row:
    ours, theirs = old.known.get(path), new.known.get(path)
    some = ours or theirs
    assert some is not None  # noqa: S101 - the paths are those of the two sides
    statuses = [
        side.status_of(step) if step else side.absence_of(some)
        for side, step in ((old, ours), (new, theirs))
    ]
    took = [
        standing.took(step, known=side.times) if step and step.ended_at else None
        for side, step in ((old, ours), (new, theirs))
    ]
    return Row(path, some.kind, ours, theirs, (statuses[0], statuses[1]), (took[0], took[1]))


def _in_order(old: Side, new: Side) -> list[str]:
    """Return the paths of both in reading order: by the graphs, items by index."""
    places = {path: n for n, path in enumerate({**old.graph.places, **new.graph.places})}

    def key(path: str) -> list[tuple[int, int, str]]:
        found, base = [], ""
        for part in path.split("."):
            match = _INDEX.search(part)
            name = part[: match.start()] if match else part
            base = f"{base}.{name}" if base else name
            found.append((places.get(base, len(places)), int(match[1]) if match else -1, name))
            base += "[]" if match else ""
        return found

    return sorted({**old.known, **new.known}, key=key)


def _read_values(old: Side, new: Side, rows: Sequence[Row]) -> None:
    """Compare the values of those rows that have a record on both sides, but not the same one."""
    both = [row for row in rows if row.old and row.new and row.old.pk != row.new.pk]
    keys = [step.pk for row in both for step in row.both if step]
    shown = previews.with_previews(StepSnapshot.objects.light().filter(pk__in=keys), STEP_FIELDS)
    found = {step.pk: step for step in shown} if keys else {}
    lent = records.lent_by(found.values())
    for row in both:
        sides = [
            _values_of(side, found.get(step.pk) if step else None, lent)
            for side, step in zip((old, new), row.both, strict=True)
        ]
        pairs = [_pair(name, sides[0].get(name), sides[1].get(name)) for name in STEP_FIELDS]
        row.pairs = [pair for pair in pairs if not pair.is_empty]


def _values_of(
    side: Side, step: StepSnapshot | None, lent: Mapping[str, tuple[str, int]]
) -> dict[str, Preview | None]:
    if step is None:
        return {}
    found: dict[str, Preview | None] = {}
    for name in STEP_FIELDS:
        url = reverse("raw-step", args=[side.run.run_id, step.pk, name])
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == payloads.RUN_INPUT:
            given = side.values["input"]
            found[name] = Preview(given.text, given.size, url) if given else None
        elif source == payloads.PARTS:
            found[name] = _items(step.total, url)
        elif source and source in lent:
            found[name] = Preview(*lent[source], url)
        else:
            found[name] = previews.preview_of(step, name, url)
    return found


def _items(total: int, url: str) -> Preview:
    """Return what stands for the output of a foreach: its items have rows of their own."""
    text = jsontext.dumps(f"{total} item{'' if total == 1 else 's'}")
    return Preview(text, len(text), url)


def _pair(name: str, old: Preview | None, new: Preview | None) -> Pair:
    if name == "error":  # no error is written as null
        old, new = (one if one and one.text != "null" else None for one in (old, new))
    return Pair(LABELS[name], old, new, _between(name, old, new))


def _between(name: str, old: Preview | None, new: Preview | None) -> Differences | None:
    """Return what differs; None where a value is too large, or too deep, to be compared."""
    if name != "error" and any(one is not None and one.is_cut for one in (old, new)):
        return None
    if old is not None and new is not None and (old.text, old.size) == (new.text, new.size):
        return Differences()
    read = _error_in if name == "error" else _value_in
    try:
        return differences.between(read(old), read(new))
    except (ValueError, RecursionError):
        return None


def _value_in(preview: Preview | None) -> JSON | Missing:
    return MISSING if preview is None else jsontext.loads(preview.text)


def _error_in(preview: Preview | None) -> JSON | Missing:
    """Return what of an error is compared: a traceback differs with every change of the code."""
    if preview is None:
        return MISSING
    value = preview.value
    if isinstance(value, dict):
        return {key: value[key] for key in ERROR_KEYS if value.get(key)}
    return {key: previews.text_at(preview.text, key) for key in ERROR_KEYS[:2]}
