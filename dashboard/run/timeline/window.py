"""The rows of a run's timeline, grouped or not: one window of them in at most four queries.

A group counts all its records, however many there are, but only the rows that the window shows are
read. The address says which groups are open, what is measured and where the window begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
)
from django.utils.translation import gettext

from workflows_app import languages
from workflows_app.engine.run import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot

from ...graph.graphs import Graph
from ...graph.outline import FRAMES
from ...status import retrying, standing
from ...status.busy import Busy
from ...status.waits import FailedAttempt
from .. import past, records
from ..playback import Moment
from ..view import View
from .bars import LEAST, Timeline, TimelineRow

#: The key of the group of what is on no arm of a parallel or a branch.
MAIN: Final = "-"
#: How many transactions of the log are searched for earlier attempts.
MOST_ATTEMPTS: Final = 500
#: From the worst status to the best.
WORST: Final = (*standing.ASKING, "canceled", "skipped", "success")


@dataclass
class RowGroup:
    """Some rows under one heading: their number, their total time, the worst status."""

    key: str
    title: str
    count: int = 0
    spent: timedelta = timedelta()
    status: str = "success"
    first: datetime | None = None
    last: datetime | None = None
    paths: set[str] = field(default_factory=set)
    is_open: bool = False
    #: A group with one record needs no heading.
    is_alone: bool = False
    link: str = ""
    #: Where the bar of the heading is, in per cent.
    x: float = 0
    width: float = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count the records of one path and status."""
        self.count += row["number"]
        self.spent += row["spent"] or timedelta()
        self.status = min(self.status, row["status"], key=_rank)
        self.first = min(self.first or row["first"], row["first"])
        self.last = max((at for at in (self.last, row["last"]) if at), default=None)
        self.paths.add(row["base_path"])


@dataclass
class Section:
    """A heading with those of its rows that the window shows; without grouping, only rows."""

    group: RowGroup | None
    steps: list[StepSnapshot] = field(default_factory=list)
    rows: list[TimelineRow] = field(default_factory=list)
    is_continued: bool = False


@dataclass
class TimelineWindow:
    """One window of the timeline."""

    sections: list[Section]
    groups: list[RowGroup]
    earlier: str = ""
    later: str = ""
    measured: str = ""

    @property
    def steps(self) -> list[StepSnapshot]:
        """The steps of the window, in the order of its rows."""
        return [step for section in self.sections for step in section.steps]

    def fill(self, line: Timeline) -> None:
        """Give each section its rows, and each heading its bar."""
        rows = {row.step.pk: row for row in line.rows}
        for section in self.sections:
            section.rows = [rows[step.pk] for step in section.steps if step.pk in rows]
            group = section.group
            if group and group.first:
                group.x = line.axis.x(group.first)
                last = line.axis.x(group.last or line.axis.end)
                group.width = round(max(last - group.x, LEAST), 2)


def of(
    run: Run,
    graph: Graph,
    view: View,
    moment: Moment | None = None,
    counted: Iterable[Mapping[str, Any]] | None = None,
) -> TimelineWindow:
    """Return one window of the timeline's rows, as the address asks for them.

    With a `moment` they are as they were then. `counted` is the result of `counted_now` if it is
    known already.
    """
    if view.group:
        return _grouped(run, graph, view, moment, counted)
    return _plain(run, view, moment)


def _plain(run: Run, view: View, moment: Moment | None) -> TimelineWindow:
    wanted = records.timed_window(run, view, moment)
    found, marked = _shown_and_marked(run, view, wanted)
    steps = past.as_of(found, moment)
    rows = steps[: records.MOST_ROWS]
    window = TimelineWindow([Section(None, rows)], [], measured=_measured(view, marked))
    return _paged(window, view, is_last=len(steps) == len(rows))


def _shown_and_marked(
    run: Run, view: View, window: QuerySet[StepSnapshot]
) -> tuple[list[StepSnapshot], list[StepSnapshot]]:
    """Return the rows of a window, and the rows that are marked wherever they are; one query."""
    if not view.marks:
        return list(window), []
    is_shown = Q(pk__in=window.values("pk"))
    rows = run.steps.only(*records.TIMED).annotate(is_shown=is_shown)
    found = list(rows.filter(is_shown | Q(pk__in=view.marks)).order_by(records.BY_KEY))
    marked = [step for step in found if step.pk in view.marks]
    return [step for step in found if getattr(step, "is_shown", False)], marked


def _paged(window: TimelineWindow, view: View, *, is_last: bool) -> TimelineWindow:
    before = max(view.skip - records.MOST_ROWS, 0)
    if view.skip:
        window.earlier = view.timeline_link(without=() if before else ("skip",), skip=str(before))
    if not is_last:
        window.later = view.timeline_link(skip=str(view.skip + records.MOST_ROWS))
    return window


def _grouped(
    run: Run,
    graph: Graph,
    view: View,
    moment: Moment | None,
    counted: Iterable[Mapping[str, Any]] | None,
) -> TimelineWindow:
    if counted is None:
        counted = counted_now(run, view) if moment is None else _counted_at(run, view, moment)
    groups = _groups(graph, view, counted)
    is_open_at_first = sum(group.count for group in groups) <= records.MOST_ROWS
    for group in groups:
        turned = view.look.turned ^ {group.key}
        group.is_alone = view.group == "step" and group.count == 1
        is_turned = group.key in view.look.turned
        group.is_open = group.is_alone or is_open_at_first ^ is_turned
        group.link = view.timeline_link(turned=",".join(sorted(turned)))
    sections, at, last = [], 0, view.skip + records.MOST_ROWS
    wanted: list[tuple[RowGroup, Section, int, int]] = []
    for group in groups:
        heading = 0 if group.is_alone else 1
        size = heading + (group.count if group.is_open else 0)
        first, end = max(view.skip - at, 0), min(last - at, size)
        if first < end:
            section = Section(None if group.is_alone else group, is_continued=first > 0)
            sections.append(section)
            wanted.append((group, section, max(first - heading, 0), end - heading))
        at += size
    marked = _read(run, view, wanted, moment)
    measured = _measured(view, marked)
    return _paged(TimelineWindow(sections, groups, measured=measured), view, is_last=at <= last)


def _groups(graph: Graph, view: View, rows: Iterable[Mapping[str, Any]]) -> list[RowGroup]:
    """Return the groups in the order of the graph."""
    order = {path: number for number, path in enumerate(graph.entries)}
    found: dict[str, RowGroup] = {}
    every = list(rows)
    seen = ({**row, "status": _status_in(graph, row, every)} for row in every if row["number"])
    for row in sorted(seen, key=lambda row: order.get(row["base_path"], len(order))):
        path = row["base_path"]
        key, title = _branch_of(graph, path) if view.group == "branch" else (path, path)
        found.setdefault(key, RowGroup(key, title)).add(row)
    return list(found.values())


def _status_in(graph: Graph, row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the status of some records of an entry; for a container, that of what it contains."""
    inside = graph.below(row["base_path"])
    if not inside:
        return str(row["status"])
    open_ones = (r for r in rows if r["base_path"] in inside and not graph.below(r["base_path"]))
    return standing.of_holder(row["status"], {each["status"] for each in open_ones})


def counted_now(run: Run, view: View) -> list[Mapping[str, Any]]:
    """Return the records by entry and status: `number` of those looked at, `all` there are.

    One query, however many records there are.
    """
    took = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
    wanted = records.looked_at(run, view)
    own = wanted & Q(started_at__gte=run.started_at)  # not what a fork copied
    found: Iterable[Mapping[str, Any]] = (
        records.timed(run, View())
        .order_by()
        .annotate(shown=retrying.shown_status_of_steps())
        .values("base_path", "shown")
        .annotate(
            all=Count("pk"),
            number=Count("pk", filter=wanted),
            spent=Sum(took, filter=own),
            first=Min("queued_at", filter=wanted),
            last=Max("ended_at", filter=wanted),
        )
    )
    return [{**row, "status": row["shown"]} for row in found]


def tallies_in(counted: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, int]]]:
    """Return how many records of each entry inside a foreach or loop have which status."""
    inside = [row for row in counted if "[" in row["base_path"]]
    found: dict[str, list[tuple[str, int]]] = {}
    for row in sorted(inside, key=lambda row: (row["base_path"], row["status"])):
        found.setdefault(row["base_path"], []).append((row["status"], row["all"]))
    return found


def _counted_at(run: Run, view: View, moment: Moment) -> Iterable[Mapping[str, Any]]:
    """Yield the same at a moment: only the log knows the statuses of that time."""
    for step in past.as_of(records.timed(run, view, moment).order_by(), moment):
        took = standing.took(step) if step.ended_at else None
        yield {
            "base_path": step.base_path,
            "status": standing.status_of(step, (), moment.at),
            "number": 1,
            "spent": took,
            "first": step.queued_at,
            "last": step.ended_at,
        }


def _branch_of(graph: Graph, path: str) -> tuple[str, str]:
    """Return the key and the title of the arm that an entry is on."""
    entry = graph.entries.get(path)
    while entry is not None:
        around = graph.entries.get(entry.parent)
        if around is not None and around.is_fork:
            said = "{fork} → {arm}"
            if entry.condition:
                said = gettext("{fork} → {arm}, if {condition}")
            return entry.path, said.format(
                fork=around.path, arm=entry.title, condition=entry.shown_condition
            )
        entry = around
    return MAIN, gettext("The main line")


def _read(
    run: Run,
    view: View,
    wanted: Sequence[tuple[RowGroup, Section, int, int]],
    moment: Moment | None,
) -> list[StepSnapshot]:
    """Read the rows of the window in one query; return those that are marked."""
    sections: dict[str, Section] = {}
    whole: set[str] = set()
    here = Q()
    for group, section, first, end in wanted:
        if not group.is_open or first >= end:
            continue
        sections |= dict.fromkeys(group.paths, section)
        if (first, end) == (0, group.count):
            whole |= group.paths
        else:
            rows = records.timed(run, view, moment).filter(base_path__in=group.paths)
            here |= Q(pk__in=rows.order_by(records.BY_KEY).values("pk")[first:end])
    if not sections and not view.marks:
        return []
    rows = records.timed(run, view, moment).filter(here | Q(base_path__in=whole))
    # Some may have been added since they were counted: the window keeps its size.
    window = rows.order_by(records.BY_KEY)[: records.MOST_ROWS]
    found, marked = _shown_and_marked(run, view, window)
    for step in past.as_of(found, moment):
        sections[step.base_path].steps.append(step)
    return marked


def _rank(status: str) -> int:
    return WORST.index(status) if status in WORST else len(WORST)


def attempts_of(
    run: Run, steps: Sequence[StepSnapshot], known: Busy
) -> Mapping[str, Sequence[FailedAttempt]]:
    """Return the earlier attempts of these steps, by path, in order.

    `known` has read them already, unless the run is too long for that: then it takes one query.
    """
    paths = {step.path for step in steps if step.retry_count and step.kind not in FRAMES}
    if not paths:
        return {}
    attempts = known.attempts if known.is_whole else _retries(run)
    return {path: sorted(attempts[path]) for path in paths if path in attempts}


def _retries(run: Run) -> Mapping[str, Sequence[FailedAttempt]]:
    rows = (
        RunEvent.objects.filter(run=run.pk)
        .annotate(text=payloads.as_text("events"))
        .filter(text__contains="workflow-step-retry")
        .order_by("-first_seq")
        .values_list("at", "events")
    )
    found: dict[str, list[FailedAttempt]] = {}
    for at, events in rows[:MOST_ATTEMPTS]:
        for payload in (e["payload"] for e in events if e["type"] == "workflow-step-retry"):
            next_at = datetime.fromisoformat(payload["next_attempt_at"])
            failed = FailedAttempt(at, payload.get("retry_count", 1), next_at)
            found.setdefault(payload.get("path", ""), []).append(failed)
    return found


def _measured(view: View, marked: Sequence[StepSnapshot]) -> str:
    """Return a sentence about the time between the rows that are marked."""
    found = {step.pk: step for step in marked}
    steps = [found[key] for key in view.marks if key in found]
    if len(steps) == 1:
        return gettext("Measuring from {path}: choose the second row.").format(path=steps[0].path)
    if len(steps) < 2 or any(step.started_at is None for step in steps):  # noqa: PLR2004
        return gettext("There is nothing to measure: a row has not started.") if steps else ""
    old, new = sorted(steps, key=lambda step: (step.started_at, step.pk))
    assert old.started_at  # noqa: S101 - asked above
    assert new.started_at  # noqa: S101
    said = [
        gettext("From the start of {old} to the start of {new}: {seconds} s").format(
            old=old.path, new=new.path, seconds=_seconds(new.started_at - old.started_at)
        )
    ]
    if old.ended_at:
        seconds = _seconds(new.started_at - old.ended_at)
        said.append(gettext("from its end: {seconds} s").format(seconds=seconds))
    if new.ended_at:
        seconds = _seconds(new.ended_at - old.started_at)
        said.append(gettext("to the end: {seconds} s").format(seconds=seconds))
    return "; ".join(said) + "."


def _seconds(length: timedelta) -> str:
    return languages.number(length.total_seconds(), 3)
