"""The kit of one test: its clock, its steps, its people."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import Min
from django.test import override_settings

from workflows_app import errors, get_workflow
from workflows_app.definition import registry
from workflows_app.engine.host import clock, ports
from workflows_app.engine.run import expiry
from workflows_app.engine.verbs import schedules
from workflows_app.engine.work import recover
from workflows_app.engine.work.claim import claim
from workflows_app.models import Run as RunRow
from workflows_app.models import Schedule, StepSnapshot
from workflows_app.planner.statuses import StepStatus
from workflows_app.results import WorkflowResult
from workflows_app.run import Run
from workflows_app.testing.fakes import Fakes
from workflows_app.threads import in_thread

RESUME = "workflows_app.resume_run"


class Signalbox:
    """Runs work in the calling thread, at a time that only the test moves, from `with` on.

    Verbs return when nothing is left to do now: a run that sleeps is `waiting`.
    """

    def __init__(self, *, now: datetime | None = None) -> None:
        """`now`: the time at which the clock stands at first (default: the present)."""
        self._first = now
        self._fakes = Fakes()
        self._settings: Any = None

    def __enter__(self) -> Self:
        from django.conf import settings  # noqa: PLC0415 - as it is when the test begins

        mine = {**getattr(settings, "WORKFLOWS", {}), "EXECUTION": "inline"}
        self._settings = override_settings(WORKFLOWS=mine)
        self._settings.enable()
        clock.stop_at(self._first or clock.now())
        return self

    def __exit__(self, *_: object) -> None:
        self._fakes.undo()
        clock.stop_at(None)
        self._settings.disable()

    # Time.

    @property
    def now(self) -> datetime:
        """What time it is for the engine; aware, UTC."""
        return clock.now()

    def shift(self, **by: float) -> None:
        """Let time pass: `shift(days=3, hours=2)`, with the names of `timedelta`.

        Sleeps, retries, schedules, timeouts of events and deadlines that come due happen in order,
        each at its own time.
        """
        until = self.now + timedelta(**by)
        if until < self.now:
            raise errors.InvalidInput("Time only moves forward; shift() takes no negative time.")
        self.drain()
        while (due := _next_due(self.now)) is not None and due <= until:
            clock.stop_at(due)
            self.drain()
        clock.stop_at(until)

    def drain(self) -> None:
        """Run whatever is ready, until nothing is."""
        before: object = None
        while (ready := _ready(self.now)) and ready != before:
            before = ready
            for run in {run for run, _, _ in ready}:
                ports.dispatcher().drive(run)
        if schedules.fire_due(self.now) or expiry.expire_due(self.now):
            self.drain()

    async def ashift(self, **by: float) -> None:
        """Async twin of `shift`."""
        await in_thread(self.shift)(**by)

    async def adrain(self) -> None:
        """Async twin of `drain`."""
        await in_thread(self.drain)()

    # Steps.

    def fake(self, step: Any, result: Any = None) -> None:
        """Let a step return this, raise this error, or call this function, until the test ends.

        `step` is a Step, its id or its path; an id means every step of that name. The function
        takes what a step takes: nothing, the input, or the input and the context. Raises
        StepNotFound.
        """
        self._fakes.put(step, result)

    def calls(self, step: Any) -> list[Any]:
        """Return the inputs with which a step that `fake` replaced was called, in order."""
        return self._fakes.calls(step)

    # People.

    def questions(self) -> list[dict[str, Any]]:
        """Return what all runs ask, oldest first: what `run.suspended_steps()` says of each
        question, with `run_id` and `workflow_id`.
        """
        runs = RunRow.objects.filter(suspended_count__gt=0).order_by("pk")
        return [
            {"run_id": row.run_id, "workflow_id": row.workflow_id, **asked}
            for row in runs
            for asked in get_workflow(row.workflow_id).get_run(row.run_id).suspended_steps()
        ]

    def answer(
        self, run: Run | str, data: Any = None, *, step: Any = None, as_: Any = None, **more: Any
    ) -> WorkflowResult:
        """Answer what a run asks, as the form does: permission, types and audit trail.

        `as_`: the user who answers; without one the answer is trusted. `more` are options of
        `run.resume`. Raises what `resume` raises, and NotPermitted.
        """
        if as_ is not None and not as_.has_perm(RESUME):
            raise errors.NotPermitted(f"{as_} lacks the permission {RESUME!r} to answer.")
        who = {} if as_ is None else {"actor": as_, "door": "page"}
        return _live(run).resume(data, step=step, **who, **more)


def lose_worker(run: Run | str) -> None:
    """Lose the worker of a run's running step, as a crash does; the step is then free again.

    Called from within a step it loses that step, whose result is dropped. Otherwise a step that is
    ready is lost at its beginning. It runs again with `drain()` or the next verb. Raises
    RunNotActive if there is neither.
    """
    row = _live(run)
    now = clock.now()
    steps = StepSnapshot.objects.current().filter(run=row.pk)
    running = steps.filter(status=StepStatus.RUNNING, worker__isnull=False)
    if not running.exists():
        ready = StepSnapshot.objects.claimable(now).filter(run=row.pk).order_by("pk").first()
        if ready is None or claim(ready.pk, worker=uuid.uuid4(), now=now) is None:
            raise errors.RunNotActive(
                f"Run {row.run_id!r} is {row.status}, and no step of it runs or is ready to run."
            )
    recover.free(running, now)


def _live(run: Run | str) -> Run:
    row = RunRow.objects.get(run_id=run if isinstance(run, str) else run.run_id)
    return get_workflow(row.workflow_id).get_run(row.run_id)


def _ready(now: datetime) -> list[tuple[uuid.UUID, int, int]]:
    """Return the steps that can go on now: their runs, keys and claims so far."""
    found = [
        *StepSnapshot.objects.claimable(now).values_list("run_id", "pk", "token"),
        *StepSnapshot.objects.slept(now).values_list("run_id", "pk", "token"),
    ]
    return sorted(found, key=lambda each: each[1])


def _next_due(after: datetime) -> datetime | None:
    """Return when the next sleep, retry, schedule, timeout or deadline comes due."""
    waiting = [StepStatus.QUEUED, StepStatus.WAITING]
    steps = StepSnapshot.objects.current().filter(status__in=waiting, wake_at__gt=after)
    known = [each.id for each in registry.all()]
    times = Schedule.objects.filter(
        status=schedules.ACTIVE, is_defined=True, workflow_id__in=known, next_fire_at__gt=after
    )
    due = [
        steps.aggregate(first=Min("wake_at"))["first"],
        times.aggregate(first=Min("next_fire_at"))["first"],
        expiry.next_due(after),
    ]
    return min((each for each in due if each is not None), default=None)
