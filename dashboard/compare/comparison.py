"""Two runs, or two timelines of one, side by side: their steps aligned by path.

It takes a handful of queries, however many steps there are. Payloads are compared only as far as a
page shows them; of larger ones, the sizes and the beginnings are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from workflows_app import finding, results
from workflows_app.models import Run, RunEvent, StepSnapshot, Timeline, persons

from ..graph import graphs
from ..status import busy, standing
from ..values import borrowing, given, previews, sight
from .page import AlignedStep, Comparison, Side
from .values import STEP_FIELDS, pair_of, values_of

#: How many steps one page compares, those that differ at first sight before the others.
MOST_ROWS: Final = 200
#: How many steps of one run are looked at.
MOST_READ: Final = 2000

RUN_FIELDS: Final = ("input", "result", "error")

_INDEX: Final = re.compile(r"\[(\d+)\]$")


def find(run_ids: Iterable[str]) -> dict[str, Run]:
    """Return the runs with these public ids, with the beginnings of their values, by id."""
    wanted = {run_id for run_id in run_ids if run_id and "\0" not in run_id}
    rows = given.with_given(sight.rows(Run.objects.light()), previews.LIMIT).filter(
        run_id__in=wanted
    )
    rows = rows.select_related("workflow", "version").defer("version__graph")
    rows = persons.joined(rows, "started_by")
    return {run.run_id: run for run in previews.with_previews(rows, RUN_FIELDS)}


def whole_id(text: str) -> str:
    """Return the id of the run that the text means, in any spelling; otherwise the text itself."""
    run = finding.only_one(finding.clean(text))
    return run.run_id if run else text


def timelines_of(runs: Iterable[Run]) -> dict[tuple[Any, int], Timeline]:
    """Return the earlier timelines of these runs, by run and number."""
    wanted = [run.pk for run in runs if run.timeline > 1]
    if not wanted:
        return {}
    rows = Timeline.objects.filter(run__in=wanted).defer("state", "result", "error")
    # A person left it, later than it ended.
    events = RunEvent.objects.filter(run=OuterRef("run"), timeline=OuterRef("number"))
    rows = rows.annotate(last_at=Subquery(events.order_by("-first_seq").values("at")[:1]))
    found = previews.with_previews(rows, ("result", "error"))
    return {(row.run_id, row.number): row for row in found}


def side_of(letter: str, run: Run, number: int, earlier: Timeline | None) -> Side:
    """Return one side: a run as it is now, or an earlier timeline of it."""
    urls = {name: reverse("signalbox:raw-run", args=[run.run_id, name]) for name in RUN_FIELDS}
    values = {name: previews.preview_of(run, name, urls[name]) for name in RUN_FIELDS}
    if earlier is None:
        values["input"] = given.given_in(run) or values["input"]
    else:
        # The result of an earlier timeline has no address of its own.
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
    pairs = [pair_of(name, old.values[name], new.values[name]) for name in RUN_FIELDS]
    return Comparison((old, new), rows, [p for p in pairs if not p.is_empty], left_out)


def _read_steps(side: Side) -> None:
    steps = StepSnapshot.objects.on_timeline(side.run.pk, side.timeline).light()
    steps = steps.exclude(path__startswith="$").exclude(kind__in=results.HIDDEN)
    found = list(steps.order_by("pk")[: MOST_READ + 1])
    side.steps, side.is_whole = found[:MOST_READ], len(found) <= MOST_READ


def _rows(old: Side, new: Side) -> tuple[list[AlignedStep], int]:
    """Return the rows in the order of the graph, and how many are left out."""
    rows = [_row(old, new, path) for path in _in_order(old, new)]
    # If one side was not read to its end, a step that is missing there may still follow.
    sure = [row for row in rows if not row.only or (old if row.only == "B" else new).is_whole]
    eager = sorted(sure, key=lambda row: not row.is_different_at_sight)[:MOST_ROWS]
    chosen = {row.path for row in eager}
    return [row for row in sure if row.path in chosen], len(rows) - len(chosen)


def _row(old: Side, new: Side, path: str) -> AlignedStep:
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
    return AlignedStep(
        path, some.kind, ours, theirs, (statuses[0], statuses[1]), (took[0], took[1])
    )


def _in_order(old: Side, new: Side) -> list[str]:
    """Return the paths of both sides in reading order: by the graphs, items by index."""
    order = {path: n for n, path in enumerate({**old.graph.entries, **new.graph.entries})}

    def key(path: str) -> list[tuple[int, int, str]]:
        found, base = [], ""
        for part in path.split("."):
            match = _INDEX.search(part)
            name = part[: match.start()] if match else part
            base = f"{base}.{name}" if base else name
            found.append((order.get(base, len(order)), int(match[1]) if match else -1, name))
            base += "[]" if match else ""
        return found

    return sorted({**old.known, **new.known}, key=key)


def _read_values(old: Side, new: Side, rows: Sequence[AlignedStep]) -> None:
    """Compare the values of the rows that have two different records, one on each side."""
    both = [row for row in rows if row.old and row.new and row.old.pk != row.new.pk]
    keys = [step.pk for row in both for step in row.both if step]
    shown = previews.with_previews(StepSnapshot.objects.light().filter(pk__in=keys), STEP_FIELDS)
    found = {step.pk: step for step in shown} if keys else {}
    lent = borrowing.lent_by(found.values())
    for row in both:
        sides = [
            values_of(side, found.get(step.pk) if step else None, lent)
            for side, step in zip((old, new), row.both, strict=True)
        ]
        pairs = [pair_of(name, sides[0].get(name), sides[1].get(name)) for name in STEP_FIELDS]
        row.pairs = [pair for pair in pairs if not pair.is_empty]
