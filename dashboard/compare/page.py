"""What the page of a comparison shows: two sides, their steps row by row, and pairs of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.utils import timezone

from workflows_app.models import Run, StepSnapshot, Timeline
from workflows_app.planner.statuses import ENDED, RunStatus, StepStatus

from ..graph.graphs import Graph
from ..status import busy, standing
from ..status.spans import length_in
from ..values.differences import Differences
from ..values.previews import Preview
from . import merging
from .merging import MergedDrawing


@dataclass(frozen=True)
class ValuePair:
    """The same value on both sides, and what differs; `found` is None if they are too large."""

    label: str
    old: Preview | None
    new: Preview | None
    found: Differences | None

    @property
    def is_different(self) -> bool:
        """Whether the two differ, as far as is known."""
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
        """The values that exist, each with the letter of its side."""
        return [(letter, one) for letter, one in (("A", self.old), ("B", self.new)) if one]


@dataclass
class Side:
    """One of the two sides: a run on one of its timelines."""

    letter: str
    run: Run
    timeline: int
    status: str
    started_at: datetime | None
    ended_at: datetime | None
    values: dict[str, Preview | None]
    graph: Graph
    #: The timeline as it was left; None for the present one.
    earlier: Timeline | None = None
    #: When its steps ran and waited.
    times: busy.Busy = field(default_factory=busy.Busy)
    steps: list[StepSnapshot] = field(default_factory=list)
    is_whole: bool = True

    @property
    def is_current(self) -> bool:
        """Whether this is the present timeline of the run, not an earlier one."""
        return self.timeline == self.run.timeline

    @property
    def is_canceling(self) -> bool:
        """Whether the run waits for running steps to end."""
        return self.is_current and self.run.is_canceling

    @property
    def is_pausing(self) -> bool:
        """Whether a pause waits for running steps, in what is shown."""
        return self.is_current and self.run.is_pausing

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen on this timeline."""
        return not self.is_current or self.status in ENDED

    @property
    def took(self) -> timedelta | None:
        """How long it took, as every page counts it; None while it goes on."""
        if self.started_at is None or self.ended_at is None:
            return None
        if self.earlier is None:
            length = self.run.duration or timedelta()
            return max(
                length - self.times.waited_for_time(self.started_at, self.ended_at), timedelta()
            )
        idle = self.times.idle_inside.get("", ())
        waited = length_in(idle, self.started_at, self.ended_at)
        return self.ended_at - self.started_at - waited

    @property
    def waits_since(self) -> datetime | None:
        """Since when it only waits for a time; None if something else goes on or it has ended."""
        now = timezone.now()
        spans = self.times.timed_waits if self.status == RunStatus.WAITING else ()
        return next((first for first, last in spans if last is None or last > now), None)

    @property
    def held(self) -> timedelta:
        """How long it waited for times before that."""
        end = self.run.idle_since or self.waits_since or timezone.now()
        return (
            timedelta()
            if self.started_at is None
            else self.times.waited_for_time(self.started_at, end)
        )

    @cached_property
    def known(self) -> dict[str, StepSnapshot]:
        """The steps by path."""
        return {step.path: step for step in self.steps}

    @property
    def status_by_entry(self) -> dict[str, str]:
        """The status of each entry that was taken; for items and rounds, the worst.

        One more query if there were more steps than were looked at, so that none is wrongly called
        missing.
        """
        if not self.is_whole:
            steps = StepSnapshot.objects.on_timeline(self.run.pk, self.timeline).order_by()
            pairs = steps.values_list("base_path", "status").distinct()
            return merging.worst_by_entry(pairs, standing.ASKING)
        known = ((s.base_path, self.status_of(s)) for s in self.steps)
        return merging.worst_by_entry(known, standing.ASKING)

    def status_of(self, step: StepSnapshot) -> str:
        """Return the status of one of its steps, as pages show it."""
        is_open = step.kind in standing.HOLDERS and step.status == StepStatus.RUNNING
        return standing.status_of(step, standing.inside_of(step, self.steps) if is_open else ())

    def absence_of(self, step: StepSnapshot) -> str:
        """Return the status that says why a step of the other side is not here."""
        entry = self.graph.entries.get(step.base_path)
        if entry is None:
            return "unknown"
        # The conditions of a branch are evaluated together, so the arms it did not take never run.
        return "untaken" if self.is_ended or entry.parent in self.branches else "pending"

    @cached_property
    def branches(self) -> set[str]:
        """The paths of the branches that took an arm."""
        entries = self.graph.entries
        taken = {entries[step.base_path].parent for step in self.steps if step.base_path in entries}
        return {path for path in taken if path in entries and entries[path].kind == "branch"}


@dataclass
class AlignedStep:
    """One path, and what both sides know about it."""

    path: str
    kind: str
    old: StepSnapshot | None
    new: StepSnapshot | None
    statuses: tuple[str, str]
    #: How long each side took, if it has ended.
    took: tuple[timedelta | None, timedelta | None] = (None, None)
    pairs: list[ValuePair] = field(default_factory=list)

    @property
    def only(self) -> str:
        """The letter of the only side that took this step; empty if both did."""
        return "B" if self.old is None else "A" if self.new is None else ""

    @property
    def may_follow(self) -> bool:
        """Whether the side without this step may still reach it."""
        return bool(self.only) and "pending" in self.statuses

    @property
    def is_different_at_sight(self) -> bool:
        """Whether the path or the status differs, which can be seen without reading payloads."""
        return self.statuses[0] != self.statuses[1]

    @property
    def is_different(self) -> bool:
        """Whether anything but the time it took differs."""
        return self.is_different_at_sight or any(pair.is_different for pair in self.pairs)

    @property
    def delta(self) -> timedelta | None:
        """How much longer the second side took; None if one of them has not ended."""
        ours, theirs = self.took
        return None if ours is None or theirs is None else _shown(theirs) - _shown(ours)

    @property
    def both(self) -> tuple[StepSnapshot | None, StepSnapshot | None]:
        """The two records."""
        return self.old, self.new


def _shown(length: timedelta) -> timedelta:
    """Return a length of time as exactly as it is shown, so that shown differences add up."""
    return timedelta(milliseconds=round(length / timedelta(milliseconds=1)))


@dataclass
class Comparison:
    """The page, ready for its template."""

    sides: tuple[Side, Side]
    rows: list[AlignedStep]
    pairs: list[ValuePair]
    #: How many steps are not compared: too many, or beyond what was looked at.
    left_out: int = 0

    @property
    def delta(self) -> timedelta | None:
        """How much longer the second side took as a whole."""
        ours, theirs = (side.took for side in self.sides)
        return None if ours is None or theirs is None else _shown(theirs) - _shown(ours)

    @cached_property
    def merged(self) -> MergedDrawing | None:
        """Both graphs as one drawing, with the way that each side took; None if it is too large."""
        old, new = self.sides
        return merging.draw(
            (old.graph.json, new.graph.json),
            (old.status_by_entry, new.status_by_entry),
            (old.status, new.status),
        )

    @property
    def different(self) -> list[AlignedStep]:
        """The rows in which something differs."""
        return [row for row in self.rows if row.is_different]

    @property
    def diverged(self) -> int:
        """How many steps only one of the two took and the other will not reach."""
        return sum(1 for row in self.rows if row.only and not row.may_follow)

    @property
    def is_whole(self) -> bool:
        """Whether all steps of both sides were looked at."""
        return all(side.is_whole for side in self.sides)

    @property
    def is_one_run(self) -> bool:
        """Whether both sides belong to one run, on whatever timelines."""
        return self.sides[0].run.pk == self.sides[1].run.pk

    @property
    def is_same_thing(self) -> bool:
        """Whether both sides are the same timeline of one run."""
        ours, theirs = self.sides
        return (ours.run.pk, ours.timeline) == (theirs.run.pk, theirs.timeline)
