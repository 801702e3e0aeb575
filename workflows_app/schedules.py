"""Schedules as callers see them: their stored data, and their verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Q
from pydantic import BaseModel

from workflows_app import calling, permissions
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import Schedule as Row
from workflows_app.run import Run
from workflows_app.threads import blocking, in_thread

if TYPE_CHECKING:
    from workflows_app.workflow import Workflow

from datetime import datetime


class ScheduleTrigger(BaseModel):
    """One time at which a schedule came due, and the outcome."""

    scheduled_at: datetime
    fired_at: datetime
    run_id: str | None = None
    #: published, failed or skipped.
    outcome: str
    #: schedule, manual or backfill.
    kind: str
    error: dict[str, Any] | None = None


class WorkflowSchedule:
    """One schedule of a workflow. Its attributes are as last read; `refresh()` reads them again."""

    def __init__(self, workflow: Workflow, row: Row) -> None:
        """Wrap a row; use `Workflow.schedules()`."""
        self.workflow = workflow
        self._row = row

    def __repr__(self) -> str:
        return f"<Schedule {self.id}: {self.status}>"

    @property
    def id(self) -> str:
        """The stored id: `wf_<workflow id>`, or `wf_<workflow id>__<id>`."""
        return self._row.pk

    @property
    def cron(self) -> str | None:
        """The cron expression as written; None for one that fires once."""
        return self._row.cron or None

    @property
    def timezone(self) -> str:
        """The IANA name of the zone in which the expression is read."""
        return self._row.timezone

    @property
    def status(self) -> str:
        """`active` or `paused`."""
        return self._row.status

    @property
    def note(self) -> str:
        """The reason that was given for the pause."""
        return self._row.note

    @property
    def next_fire_at(self) -> datetime | None:
        """When it fires next, UTC; None while it is paused, and if no more times come."""
        return self._row.next_fire_at

    @property
    def last_fire_at(self) -> datetime | None:
        """When it last started a run, UTC."""
        return self._row.last_fire_at

    @property
    def last_run_id(self) -> str | None:
        """The run that it started last."""
        return self._row.last_run_id or None

    @property
    def metadata(self) -> dict[str, Any]:
        """Its metadata from the definition."""
        said: dict[str, Any] = self._row.definition.get("metadata") or {}
        return said

    def refresh(self) -> Self:
        """Read it again."""
        self._row = Row.objects.get(pk=self._row.pk)
        return self

    @blocking
    def pause(self, note: str = "", *, actor: Any = None, door: str = "") -> None:
        """Stop it from firing until it is unpaused; a deploy does not undo this.

        Like every verb here it raises NotPermitted for a person without the workflow's permission.
        """
        why = calling.text(note, "note", "pause()") or ""
        permissions.require(self.workflow, actor)
        schedules.pause(self.id, why, clock.now(), actor, door)
        self.refresh()

    @blocking
    def unpause(self, *, actor: Any = None, door: str = "") -> None:
        """Let it fire again from its next time on; times that have passed are not made up for."""
        permissions.require(self.workflow, actor)
        schedules.unpause(self.id, clock.now(), actor, door)
        self.refresh()

    @blocking
    def run_now(self, *, actor: Any = None, door: str = "", run_id: str | None = None) -> Run:
        """Start a run with its input now, and return the run; this works while it is paused, too.

        `run_id` names the new run, so that the same call twice starts one run. Raises
        InvalidSchedule if the workflow refuses the schedule's input, RunAlreadyStarted,
        NotPermitted.
        """
        permissions.require(self.workflow, actor)
        row = schedules.run_now(self.id, self.workflow, actor, door, run_id)
        self.refresh()
        return Run(self.workflow, row).refresh()

    @blocking
    def triggers(self, limit: int = 100) -> list[ScheduleTrigger]:
        """Return its triggers, newest first. Raises InvalidInput for a wrong limit."""
        limit = calling.whole_number(limit, "limit", "triggers()", least=1)
        return [
            ScheduleTrigger(
                scheduled_at=row.scheduled_at,
                fired_at=row.fired_at,
                run_id=row.run_id or None,
                outcome=row.outcome,
                kind=row.kind,
                error=row.error,
            )
            for row in self._row.triggers.all()[:limit]
        ]

    async def apause(self, note: str = "", *, actor: Any = None, door: str = "") -> None:
        """Async twin of `pause`."""
        await in_thread(self.pause)(note, actor=actor, door=door)

    async def aunpause(self, *, actor: Any = None, door: str = "") -> None:
        """Async twin of `unpause`."""
        await in_thread(self.unpause)(actor=actor, door=door)

    async def arun_now(
        self, *, actor: Any = None, door: str = "", run_id: str | None = None
    ) -> Run:
        """Async twin of `run_now`."""
        return await in_thread(self.run_now)(actor=actor, door=door, run_id=run_id)

    async def atriggers(self, limit: int = 100) -> list[ScheduleTrigger]:
        """Async twin of `triggers`."""
        return await in_thread(self.triggers)(limit)


class WorkflowSchedules(list[WorkflowSchedule]):
    """The schedules of one workflow, with the verbs on all of them."""

    @blocking
    def pause_all(self, note: str = "", *, actor: Any = None, door: str = "") -> None:
        """Pause each schedule that is not paused; `note` says why. Raises NotPermitted."""
        for schedule in self:
            if schedule.status != "paused":
                schedule.pause(note, actor=actor, door=door)

    @blocking
    def unpause_all(self, *, actor: Any = None, door: str = "") -> None:
        """Unpause each schedule that is paused. Raises NotPermitted."""
        for schedule in self:
            if schedule.status == "paused":
                schedule.unpause(actor=actor, door=door)

    async def apause_all(self, note: str = "", *, actor: Any = None, door: str = "") -> None:
        """Async twin of `pause_all`."""
        await in_thread(self.pause_all)(note, actor=actor, door=door)

    async def aunpause_all(self, *, actor: Any = None, door: str = "") -> None:
        """Async twin of `unpause_all`."""
        await in_thread(self.unpause_all)(actor=actor, door=door)


def of(workflow: Workflow) -> WorkflowSchedules:
    """Return a workflow's stored schedules in the order of their definition.

    Those that people made on a page come last.
    """
    workflow.require_committed()
    schedules.store(workflow, clock.now())
    keys = list(schedules.keys_of(workflow))
    wanted = Row.objects.filter(Q(pk__in=keys) | Q(workflow=workflow.id, is_from_code=False))
    rows = {row.pk: row for row in wanted.order_by("created_at", "pk")}
    found = [rows.pop(key) for key in keys] + list(rows.values())
    return WorkflowSchedules(WorkflowSchedule(workflow, row) for row in found)
