"""The bars of a run's timeline: queued, running and waiting for people, with idle gaps folded.

Pure except for the rows that it is given: it turns moments into places on an axis, in per cent of
its width.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from django.utils.translation import gettext

from workflows_app import languages
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import StepStatus

from ...status import standing
from ...status.busy import NOTHING, Busy
from ...status.waits import FailedAttempt

WIDTH: Final = 100.0
#: An idle gap is folded if it is longer than this and than a tenth of the whole.
SHORTEST_GAP: Final = timedelta(seconds=2)
GAP_SHARE: Final = 0.1
GAP_WIDTH: Final = 3.6
#: Bars are at least this wide, so that they can be seen.
LEAST: Final = 0.4
TICKS: Final = 5


@dataclass(frozen=True)
class Segment:
    """One part of a bar: `queue`, `run`, `ask`, `wait` or `sleep`."""

    kind: str
    x: float
    width: float
    title: str


@dataclass(frozen=True)
class TimelineRow:
    """One step on the timeline."""

    step: StepSnapshot
    segments: list[Segment]
    #: How many items or rounds are folded into it, by status.
    tally: list[tuple[str, int]] = field(default_factory=list)
    #: Where earlier attempts ended, each with a sentence about it.
    attempts: list[tuple[float, str]] = field(default_factory=list)
    #: How long it took, or has taken so far.
    took: timedelta | None = None
    #: Whether it waits for its next attempt.
    is_between_attempts: bool = False
    #: Its status as pages show it.
    status: str = ""

    @property
    def is_reused(self) -> bool:
        """Whether a fork copied its result: it did not run in this run."""
        return standing.is_reused(self.step)

    @property
    def is_going(self) -> bool:
        """Whether its time is still growing."""
        return standing.is_growing(self.step, self.status)

    @property
    def depth(self) -> int:
        """How deep it is nested."""
        return min(self.step.path.count("."), 4)


@dataclass(frozen=True)
class Gap:
    """A stretch in which nothing ran, drawn narrower than it was."""

    x: float
    width: float
    lasted: timedelta


@dataclass(frozen=True)
class Timeline:
    """Rows on one axis."""

    rows: list[TimelineRow]
    gaps: list[Gap]
    ticks: list[tuple[float, timedelta]]
    lasted: timedelta
    axis: Axis

    @property
    def scale(self) -> str:
        """The axis for the script: of each stretch its place and its width, and both in seconds."""
        start = self.axis.start
        parts = [
            [s.x, s.width, (s.start - start).total_seconds(), (s.end - s.start).total_seconds()]
            for s in self.axis.stretches
        ]
        return json.dumps([[round(number, 3) for number in part] for part in parts])


@dataclass(frozen=True)
class _Stretch:
    start: datetime
    end: datetime
    x: float
    width: float
    is_gap: bool


class Axis:
    """Where moments are drawn once gaps are folded."""

    def __init__(
        self,
        start: datetime,
        end: datetime,
        busy: Iterable[tuple[datetime, datetime]],
        *,
        folds: bool,
    ) -> None:
        end = max(end, start + timedelta(milliseconds=1))
        self.start, self.end = start, end
        gaps = list(_gaps(start, end, busy)) if folds else []
        self.stretches = list(_stretches(start, end, gaps))

    def x(self, moment: datetime) -> float:
        """Return where a moment is drawn."""
        moment = min(max(moment, self.start), self.end)
        for stretch in self.stretches:
            if moment <= stretch.end:
                share = (moment - stretch.start) / (stretch.end - stretch.start)
                return round(stretch.x + max(share, 0) * stretch.width, 2)
        return WIDTH

    @property
    def gaps(self) -> list[Gap]:
        """The stretches that are folded."""
        return [Gap(s.x, s.width, s.end - s.start) for s in self.stretches if s.is_gap]

    @property
    def ticks(self) -> list[tuple[float, timedelta]]:
        """Marks at even distances on the drawing, each with the time since the start."""
        found = []
        for stretch in self.stretches:
            if stretch.is_gap:
                continue
            count = max(1, round(TICKS * stretch.width / WIDTH))
            for number in range(count):
                share = number / count
                moment = stretch.start + share * (stretch.end - stretch.start)
                found.append((round(stretch.x + share * stretch.width, 2), moment - self.start))
        return found


def of(
    steps: Sequence[StepSnapshot],
    start: datetime,
    end: datetime,
    *,
    tallies: dict[str, list[tuple[str, int]]],
    folds: bool = True,
    spans: Iterable[tuple[datetime, datetime]] = (),
    known: Busy = NOTHING,
    statuses: Mapping[str, str] = MappingProxyType({}),
) -> Timeline:
    """Return the timeline of these steps between two moments; later ones are cut off at `end`.

    `spans` are when anything of the run was busy, even if it is not among these steps; the rest are
    idle gaps. `known` says when steps waited; `statuses` has those of containers, by path.
    """
    attempts = known.attempts
    shown = [step for step in steps if step.queued_at <= end]
    axis = Axis(start, end, spans, folds=folds)
    rows = [
        TimelineRow(
            step,
            list(_segments(step, axis, end, attempts.get(step.path, ()))),
            tallies.get(f"{step.base_path}[]", []),
            [
                (axis.x(moment), gettext("attempt {number} failed").format(number=number))
                for moment, number, _ in attempts.get(step.path, ())
                if start <= moment <= end
            ],
            standing.took(step, end, known),
            standing.is_between_attempts(step, end),
            statuses.get(step.path) or standing.status_of(step, (), end),
        )
        for step in shown
    ]
    return Timeline(rows, axis.gaps, axis.ticks, end - start, axis)


def _spans(step: StepSnapshot, end: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """Return when a step waited for a worker, ran, asked, and ran again."""
    started = step.started_at
    yield (
        "queue",
        step.queued_at if started is None else min(step.queued_at, started),
        started or (end if step.status == StepStatus.QUEUED else step.queued_at),
    )
    if started is None:
        return
    ended = step.ended_at or end
    if step.suspended_at is not None and step.suspended_at <= end:
        answered = step.resumed_at if _was_answered(step) else ended
        yield "run", started, step.suspended_at
        yield "ask", step.suspended_at, min(answered or ended, end)
        if answered is not None and answered < ended:
            yield "run", answered, min(ended, end)
        return
    yield "sleep" if step.kind == "sleep" else "run", started, min(ended, end)


def _without_waits(
    spans: Iterable[tuple[str, datetime, datetime]], attempts: Sequence[FailedAttempt], rest: str
) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield these parts; the time between two attempts is taken out of those that ran.

    `rest` is what the step does after the last of these waits.
    """
    for kind, start, stop in spans:
        waits = [
            (failed.failed_at, min(failed.next_at, stop))
            for failed in attempts
            if start <= failed.failed_at < stop
        ]
        if kind != "run" or not waits:
            yield kind, start, stop
            continue
        begins = [start, *(until for _, until in waits)]
        for begun, (failed, until) in zip(begins, waits, strict=False):
            yield "run", begun, failed
            yield "wait", failed, until
        if begins[-1] < stop:
            yield rest, begins[-1], stop


def _was_answered(step: StepSnapshot) -> bool:
    return step.resumed_at is not None and (
        step.suspended_at is None or step.resumed_at >= step.suspended_at
    )


def _segments(
    step: StepSnapshot, axis: Axis, end: datetime, attempts: Sequence[FailedAttempt]
) -> Iterator[Segment]:
    words = {
        "queue": gettext("waited for a worker {seconds} s"),
        "run": gettext("ran {seconds} s"),
        "ask": gettext("waited for an answer {seconds} s"),
        "wait": gettext("waited for its next attempt {seconds} s"),
        "sleep": gettext("slept {seconds} s"),
    }
    rest = "queue" if step.status == StepStatus.QUEUED else "run"
    if not attempts and standing.is_between_attempts(step, end) and step.started_at:
        # The run is so old that its log is not read: when the attempt failed is not known.
        attempts = [FailedAttempt(step.started_at, step.retry_count, end)]
    for kind, start, stop in _without_waits(_spans(step, end), attempts, rest):
        if start > axis.end or stop < axis.start or (stop <= start and kind != "run"):
            continue
        x = axis.x(start)
        width = max(axis.x(stop) - x, LEAST)
        lasted = languages.number((stop - start).total_seconds(), 3)
        yield Segment(kind, min(x, WIDTH - LEAST), width, words[kind].format(seconds=lasted))


def _gaps(
    start: datetime, end: datetime, busy: Iterable[tuple[datetime, datetime]]
) -> Iterator[tuple[datetime, datetime]]:
    """Return the stretches in which nothing ran and that are long enough to fold."""
    least = max(SHORTEST_GAP, GAP_SHARE * (end - start))
    at = start
    for begun, ended in sorted(busy):
        if begun - at > least:
            yield at, min(begun, end)
        at = max(at, ended)
        if at >= end:
            return
    if end - at > least:
        yield at, end


def _stretches(
    start: datetime, end: datetime, gaps: Sequence[tuple[datetime, datetime]]
) -> Iterator[_Stretch]:
    folded = sum(((stop - begin) for begin, stop in gaps), timedelta())
    lively = max(end - start - folded, timedelta(microseconds=1))
    room = WIDTH - GAP_WIDTH * len(gaps)
    x, at = 0.0, start
    for begin, stop in [*gaps, (end, end)]:
        if begin > at:
            width = room * ((begin - at) / lively)
            yield _Stretch(at, begin, x, width, is_gap=False)
            x += width
        if stop > begin:
            yield _Stretch(begin, stop, x, GAP_WIDTH, is_gap=True)
            x += GAP_WIDTH
        at = stop
