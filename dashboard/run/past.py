"""The records of a run at a moment: rows hold what was known last, the log holds the rest.

A record is changed in memory, never in the database. Values come from the rows of the timeline of
that moment, if they were known by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from workflows_app.models import Run, StepSnapshot
from workflows_app.models.step import StepQuerySet
from workflows_app.planner.statuses import ENDED, STEP_ENDED, StepStatus

from ..graph.graphs import Graph
from ..status import standing
from .playback import KnownStep, Moment

#: Entries that the log does not mention.
SILENT: Final = frozenset({"parallel", "branch"})
#: By how many paths records with a past status are looked for.
MOST_PATHS: Final = 1000


def rows_of(run: Run, moment: Moment | None = None) -> StepQuerySet:
    """Return the records of a run's steps: the present ones, or those of a moment's timeline."""
    if moment is None or moment.timeline == run.timeline:
        return StepSnapshot.objects.current().filter(run=run.pk)
    return StepSnapshot.objects.on_timeline(run.pk, moment.timeline)


def as_of(steps: Iterable[StepSnapshot], moment: Moment | None) -> list[StepSnapshot]:
    """Return those of these records that existed at a moment, as they were then."""
    if moment is None:
        return list(steps)
    return [step for step in steps if _put_back(step, moment)]


def with_status(moment: Moment, statuses: Iterable[str]) -> list[str]:
    """Return the paths of the steps that had one of these statuses, up to a limit."""
    wanted = set(statuses)
    found = (path for path, known in moment.steps.items() if known.status in wanted)
    return [path for path, _ in zip(found, range(MOST_PATHS), strict=False)]


def tallies_at(run: Run, moment: Moment) -> dict[str, list[tuple[str, int]]]:
    """Return how many records of each entry inside a foreach or loop had which status."""
    inside = {path: known for path, known in moment.steps.items() if "[" in path}
    if any(known.timeline < moment.timeline for known in inside.values()):
        # Some may belong to an earlier timeline since the log named them.
        rows = rows_of(run, moment).filter(path__contains="[")
        began = dict(rows.values_list("path", "timeline"))
        inside = {
            p: known for p, known in inside.items() if began.get(p, 1 << 31) <= known.timeline
        }
    counted: dict[tuple[str, str], int] = {}
    for path, known in inside.items():
        key = (re.sub(r"\[\d+\]", "[]", path), _shown(known, moment))
        counted[key] = counted.get(key, 0) + 1
    found: dict[str, list[tuple[str, int]]] = {}
    for (path, status), number in sorted(counted.items()):
        found.setdefault(path, []).append((status, number))
    return found


def leaves_at(moment: Moment, graph: Graph) -> list[tuple[str, str, str]]:
    """Return the open steps without parts: their path, their entry's path, their status."""
    logged = ((p, re.sub(r"\[\d+\]", "[]", p), known) for p, known in moment.steps.items())
    return [
        (path, base, _shown(known, moment))
        for path, base, known in logged
        if known.status not in STEP_ENDED and not graph.below(base)
    ]


def _shown(known: KnownStep, moment: Moment) -> str:
    """Return the status of a step at a moment, as pages show it."""
    if known.status == StepStatus.QUEUED and known.again_at is not None and moment.at is not None:
        return StepStatus.WAITING.value if known.again_at > moment.at else known.status
    return known.status


def known_of(step: StepSnapshot, moment: Moment) -> KnownStep | None:
    """Return what the log says about this record by then; None if it says nothing about it yet."""
    known = moment.of(step.path)
    return known if known is not None and known.timeline >= step.timeline else None


def _put_back(step: StepSnapshot, moment: Moment) -> bool:
    """Change a record to what it was at a moment; return whether it existed then."""
    at, known = moment.at, known_of(step, moment)
    if at is None or (known is None and step.queued_at > at):
        return False
    if known is not None and (known.ended_at is not None or _ended_unsaid(step, moment)):
        return True
    if known is None:
        if _came_ready(step):
            return True
        if step.kind in SILENT:
            if not (step.ended_at and step.ended_at <= at):
                _reopen(step, KnownStep(StepStatus.RUNNING, step.started_at))
            return True
        if step.queued_at == at:
            return False
        known = KnownStep(StepStatus.QUEUED)
    _reopen(step, known)
    return True


def _ended_unsaid(step: StepSnapshot, moment: Moment) -> bool:
    """Return whether a record had ended without an event: it was canceled together with its run."""
    if step.ended_at is None or moment.at is None or step.status != StepStatus.CANCELED:
        return False
    return step.ended_at < moment.at or (moment.status in ENDED and step.ended_at == moment.at)


def _came_ready(step: StepSnapshot) -> bool:
    """Return whether a record was made with its result: it was given, or copied by a fork."""
    if step.status not in STEP_ENDED or step.ended_at is None:
        return False
    if step.started_at is None:
        return step.ended_at <= step.queued_at
    return standing.is_reused(step)


def _reopen(step: StepSnapshot, known: KnownStep) -> None:
    """Open a record again, with the values that it had by then."""
    step.status = str(known.status)
    # The row knows when its first attempt began, the log when this one did.
    step.started_at = known.started_at and min(
        step.started_at or known.started_at, known.started_at
    )
    step.ended_at = None
    step.retry_count = known.retries
    is_same_question = known.suspended_at is not None and known.suspended_at == step.suspended_at
    step.suspended_at, step.resumed_at = known.suspended_at, known.resumed_at
    step.worker = None
    if known.status == StepStatus.QUEUED:
        step.wake_at, step.unknown_since = known.again_at, None
    elif known.status != StepStatus.WAITING:
        step.wake_at = None
    unknown = {"output", "error"}
    if not is_same_question:
        unknown.add("suspend_payload")
    if known.resumed_at is None:
        unknown.add("resume_payload")
    if known.status == StepStatus.QUEUED:
        unknown.add("payload")
        step.payload_from = ""
    step.output_from = ""
    step.__dict__.update({f"{name}_text": None for name in unknown})
