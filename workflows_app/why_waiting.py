"""Why a run waits: everything that it waits for, what comes first at the top."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from workflows_app.engine.host import clock
from workflows_app.engine.run import holds
from workflows_app.engine.run.holds import Halt
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.queries import Parameter, QueryReader
from workflows_app.models.sqltext import connection_here
from workflows_app.models.step import USED_UP, StepQuerySet
from workflows_app.models.wait import EVENT, RUN
from workflows_app.planner.statuses import RunStatus, StepStatus

#: One thing that a run waits for: `kind`, `text`, `until` and `holders`.
Reason = dict[str, Any]

#: Open steps looked at for one page of runs: one run may have thousands.
MOST_STEPS: Final = 2000
NOT_STARTED: Final = "Nobody has started it yet."
_OPEN: Final = [
    StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.PAUSED, StepStatus.QUEUED,
    StepStatus.RUNNING,
]  # fmt: skip

#: What a suspended step awaits: as its row says, the kind of the reason, and in words.
_AWAITED: Final = (
    ("", "answer", "an answer"),
    (USED_UP, "answer", "a decision, because no attempts are left"),
    (EVENT, "event", "an event"),
    (RUN, "event", "the end of another run"),
)


def of_runs(runs: Sequence[Run]) -> Mapping[uuid.UUID, list[Reason]]:
    """Return what each of these runs waits for; runs that wait for nothing are not there.

    A run waits for nothing while a step of it runs, when it has ended or is ending, and before
    somebody has started it.
    """
    alive = [run for run in runs if not run.is_ended and not run.is_canceling]
    steps = _open_steps([run.pk for run in alive if run.status != RunStatus.PENDING])
    halts = holds.of_runs(alive)
    intakes = holds.intakes_of([run.workflow_id for run in alive if run.waits_to_begin])
    expiries = holds.expiries_of(alive)
    now = clock.now()
    found = {
        run.pk: list(
            _of(
                run,
                steps.get(run.pk, []),
                (halts.get(run.pk), intakes.get(run.workflow_id), expiries.get(run.pk)),
                now,
            )
        )
        for run in alive
    }
    return {pk: reasons for pk, reasons in found.items() if reasons}


def sentences(
    runs: Sequence[Run], reasons: Mapping[uuid.UUID, Sequence[Reason]]
) -> Mapping[uuid.UUID, str]:
    """Return the first reason of each run as a sentence, and which runs nobody has started."""
    unstarted = [run for run in runs if run.status == RunStatus.PENDING and run.pk not in reasons]
    found = {pk: str(each[0]["text"]) for pk, each in reasons.items()}
    return {**found, **{run.pk: NOT_STARTED for run in unstarted}}


def _open_steps(runs: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[StepSnapshot]]:
    wanted = list(runs)
    if not wanted:
        return {}
    steps: Iterable[StepSnapshot]
    if len(wanted) == 1:
        steps = _reader(connection_here().vendor).read(run=wanted[0])
    else:
        steps = _open(StepSnapshot.objects.filter(run__in=wanted))
    found: dict[uuid.UUID, list[StepSnapshot]] = {}
    for step in steps:
        found.setdefault(step.run_id, []).append(step)
    return found


def _open(steps: StepQuerySet) -> StepQuerySet:
    columns = (
        "run_id", "path", "status", "kind", "wake_at", "retry_count", "queue", "worker_id",
        "unknown_since", "awaits",
    )  # fmt: skip
    return steps.current().filter(status__in=_OPEN).only(*columns).order_by("pk")[:MOST_STEPS]


@cache
def _reader(_vendor: str) -> QueryReader[StepSnapshot]:
    """Return what reads the open steps of one run."""
    of_run = Parameter("run", Run._meta.pk)  # noqa: SLF001 - documented API
    return QueryReader(_open(StepSnapshot.objects.filter(run=of_run)), is_prepared=True)


def _of(
    run: Run,
    steps: Sequence[StepSnapshot],
    stopped: tuple[Halt | None, Halt | None, datetime | None],
    now: datetime,
) -> Iterator[Reason]:
    """Yield what a run waits for; `stopped`: its hold, the intake, when its start expires."""
    halt, intake, expires_at = stopped
    if any(step.status == StepStatus.RUNNING and step.worker_id for step in steps):
        return
    if halt is not None:
        text = f"Paused{_said(halt)}: it goes on when somebody lets it continue."
        yield _reason("hold", text + _expiring(expires_at))
    if run.waits_to_begin and intake is not None:
        text = f"Held, because the intake of its workflow is paused{_said(intake)}."
        yield _reason("intake", text + _expiring(expires_at))
    yield from _for_version(steps)
    yield from _for_answers(steps)
    yield from _for_times(steps, now)
    yield from _for_workers(steps, now)
    paused = _with(steps, StepStatus.PAUSED)
    if halt is None and paused:
        text = f"Paused before {_listed(paused)}: it goes on when somebody lets it continue."
        yield _reason("hold", text)


def _reason(kind: str, text: str, until: datetime | None = None) -> Reason:
    return {"kind": kind, "text": text, "until": until, "holders": []}


def _expiring(at: datetime | None) -> str:
    return "" if at is None else f" It is canceled if it has not begun by {at.isoformat()}."


def _said(halt: Halt) -> str:
    by = f" by {halt.actor}" if halt.actor else ""
    return f"{by} ({halt.reason})" if halt.reason else by


def _with(steps: Sequence[StepSnapshot], *statuses: StepStatus) -> list[StepSnapshot]:
    return [step for step in steps if step.status in statuses]


def _for_version(steps: Sequence[StepSnapshot]) -> Iterator[Reason]:
    unknown = [step for step in _with(steps, StepStatus.QUEUED) if step.unknown_since]
    if unknown:
        text = f"No worker has this version of the code for {_listed(unknown)}."
        yield _reason("version", text)


def _for_answers(steps: Sequence[StepSnapshot]) -> Iterator[Reason]:
    stopped = [step for step in _with(steps, StepStatus.SUSPENDED) if step.kind == "step"]
    for awaits, kind, what in _AWAITED:
        if asking := [step for step in stopped if step.awaits == awaits]:
            yield _reason(kind, f"{_listed(asking)} {_verb(asking)} for {what}.")


def _for_times(steps: Sequence[StepSnapshot], now: datetime) -> Iterator[Reason]:
    if asleep := [step for step in _with(steps, StepStatus.WAITING) if step.wake_at]:
        until = _next(asleep)
        yield _reason("sleep", f"{_listed(asleep)} sleeps until {until.isoformat()}.", until)
    ready = _with(steps, StepStatus.QUEUED, StepStatus.PAUSED)
    again = [s for s in ready if s.wake_at and s.wake_at > now and s.unknown_since is None]
    if again:
        until, attempt = _next(again), again[0].retry_count + 1
        text = f"{again[0].path} failed, and attempt {attempt} begins at {until.isoformat()}."
        yield _reason("retry", text, until)


def _for_workers(steps: Sequence[StepSnapshot], now: datetime) -> Iterator[Reason]:
    queued = [
        step
        for step in _with(steps, StepStatus.QUEUED)
        if step.unknown_since is None and (step.wake_at is None or step.wake_at <= now)
    ]
    if queued:
        text = f"{_listed(queued)} {_verb(queued)} for a worker on the queue {queued[0].queue}."
        yield _reason("queue", text)


def _verb(steps: Sequence[StepSnapshot]) -> str:
    return "waits" if len(steps) == 1 else "wait"


def _next(steps: Sequence[StepSnapshot]) -> datetime:
    return min(step.wake_at for step in steps if step.wake_at)


def _listed(steps: Sequence[StepSnapshot]) -> str:
    shown = ", ".join(step.path for step in steps[:3])
    return shown if len(steps) <= 3 else f"{shown} and {len(steps) - 3} more"  # noqa: PLR2004
