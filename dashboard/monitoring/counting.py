"""What records of the log say in numbers. Pure: records in, counts out.

A count has a key: the name of what is counted, then what it is counted by. Of a time two things are
kept: how many lay in each span of `SPANS`, and their sum.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from workflows_app.planner.statuses import ENDED, StepStatus

Key = tuple[str, ...]
Counts = Counter[Key]

STARTED: Final = "runs_started"
SETTLED: Final = "runs_settled"
STEPS: Final = "steps"
ATTEMPTS: Final = "step_attempts"
LOST: Final = "claims_lost"
#: Times: from queued to started by queue, from started to settled by workflow.
START_TIME: Final = "run_start"
SETTLE_TIME: Final = "run_settle"

#: Seconds up to which times are counted together; beyond the last is a span without an end.
SPANS: Final[Mapping[str, tuple[float, ...]]] = {
    START_TIME: (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    SETTLE_TIME: (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800),
}
#: In the place of a span: the sum of all times, in microseconds so that it is a whole number.
SUM: Final = "sum"

_BY_WORKFLOW: Final = frozenset({STARTED, SETTLED, STEPS, ATTEMPTS, SETTLE_TIME})

#: A run's log begins with its start; the first step that a worker takes is its second event.
_FIRST_STEP: Final = 2


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log, with what is known of its run now."""

    run: UUID
    workflow: str
    first_seq: int
    at: datetime
    events: str | bytes
    #: When the run was started, and for how long it has stood still for people.
    started_at: datetime | None = None
    idle: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Began:
    """The first step of a run that a worker took, and how long after the run had started."""

    run: UUID
    path: str
    seconds: float


def count(records: Iterable[Record]) -> tuple[Counts, list[Began]]:
    """Return what the records say, and the runs that began: by which queue, the caller knows."""
    counts: Counts = Counter()
    began: list[Began] = []
    for record in records:
        for seq, event in enumerate(_events(record.events), record.first_seq):
            _note(counts, record, event["type"], event["payload"])
            if seq == _FIRST_STEP and (first := _first(record, event)):
                began.append(first)
    return counts, began


def _events(text: str | bytes) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = orjson.loads(text)
    except orjson.JSONDecodeError:  # numbers beyond 64 bits, lone surrogates
        found = json.loads(text)
    return found


def _note(counts: Counts, record: Record, kind: str, payload: Mapping[str, Any]) -> None:
    workflow = record.workflow
    match kind:
        case "workflow-step-start":
            counts[ATTEMPTS, workflow] += 1
        case "workflow-step-result":
            counts[STEPS, workflow, payload["status"]] += 1
            if payload["status"] == StepStatus.FAILED and _type_of(payload) == "WorkerLost":
                counts[LOST,] += 1
        case "workflow-restarted" if "cause" in payload:
            counts[LOST,] += 1
        case "workflow-start":
            counts[STARTED, workflow] += 1
        case "workflow-finish":
            counts[SETTLED, workflow, payload["status"]] += 1
            if payload["status"] in ENDED and record.started_at is not None:
                took = record.at - record.started_at - record.idle
                add_time(counts, SETTLE_TIME, workflow, took.total_seconds())
        case _:  # told for people
            pass


def _type_of(payload: Mapping[str, Any]) -> str:
    error = payload.get("error")
    return str(error.get("type", "")) if isinstance(error, dict) else ""


def _first(record: Record, event: Mapping[str, Any]) -> Began | None:
    if event["type"] != "workflow-step-start" or record.started_at is None:
        return None
    payload = event["payload"]
    waited = datetime.fromisoformat(payload["started_at"]) - record.started_at
    return Began(record.run, payload["path"], waited.total_seconds())


def add_time(counts: Counts, name: str, label: str, seconds: float) -> None:
    """Count a time; one below 0, as clocks that differ make it, counts as none."""
    seconds = max(seconds, 0.0)
    counts[name, label, str(bisect_left(SPANS[name], seconds))] += 1
    counts[name, label, SUM] += round(seconds * 1e6)


def times_of(counts: Counts, name: str, label: str) -> tuple[list[tuple[str, float]], float]:
    """Return how many times were at most so long, for each span, and the sum in seconds."""
    spans = SPANS[name]
    so_far = 0
    buckets: list[tuple[str, float]] = []
    for number, edge in enumerate([*map(_edge, spans), "+Inf"]):
        so_far += counts[name, label, str(number)]
        buckets.append((edge, float(so_far)))
    return buckets, counts[name, label, SUM] / 1e6


def _edge(seconds: float) -> str:
    return str(float(seconds))


def labels_of(counts: Counts, name: str) -> Iterator[str]:
    """Return by what a time was counted, sorted."""
    yield from sorted({key[1] for key in counts if key[0] == name})


def only(counts: Counts, workflows: frozenset[str]) -> Counts:
    """Return the counts without those of other workflows than these."""
    return Counter({
        key: number
        for key, number in counts.items()
        if key[0] not in _BY_WORKFLOW or key[1] in workflows
    })  # fmt: skip


def written(counts: Counts) -> list[list[Any]]:
    """Return counts as JSON: a list of each key and its number."""
    return [[*key, number] for key, number in sorted(counts.items())]


def read(rows: Iterable[list[Any]]) -> Counts:
    """Return counts that were written down."""
    return Counter({tuple(key): number for *key, number in rows})
