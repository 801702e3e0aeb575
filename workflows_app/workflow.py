"""The public `Workflow`: the definition, with the verbs that create and find its runs.

It can be imported before Django's apps are ready, because modules that need the tables are imported
on use.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from workflows_app import calling
from workflows_app.definition import Builder, registry
from workflows_app.definition.builder import In, Out
from workflows_app.threads import blocking, in_thread

if TYPE_CHECKING:
    from workflows_app.engine.run.holds import Halt
    from workflows_app.pages import RunPage
    from workflows_app.run import Run
    from workflows_app.schedules import WorkflowSchedules


class Workflow(Builder[In, Out]):
    """A named definition of steps; compose it, `commit()` it, and create runs of it.

    In annotations, `Workflow[Order, Receipt]` takes an `Order` and gives a `Receipt`.
    """

    @blocking
    def create_run(
        self,
        run_id: str | None = None,
        resource_id: str | None = None,
        *,
        unique: str | None = None,
        unique_for: Literal["active", "ever"] | timedelta = "active",
    ) -> Run[In, Out]:
        """Return the run with this id, making a pending one if there is none (`run.is_new`).

        `run_id`: up to 255 letters, digits and `_-.:`; without it, a UUIDv7. With `unique` the run
        of this workflow that holds this key is returned, if one does; a new one holds it until it
        ends (`unique_for="active"`), for a timedelta from its creation, or for ever. Raises
        NotCommitted, InvalidId, InvalidInput, RunIdTaken.
        """
        from workflows_app.engine.verbs import unique_runs  # noqa: PLC0415 - needs the tables
        from workflows_app.run import Run  # noqa: PLC0415 - needs the tables

        about = calling.text(resource_id, "resource_id", "create_run()", most=255)
        row, is_new = unique_runs.create(self, run_id, about, unique=unique, unique_for=unique_for)
        return Run(self, row, is_new=is_new)

    @blocking
    def get_run(self, run_id: str) -> Run[In, Out]:
        """Return the run with this id. Raises RunNotFound."""
        from workflows_app.engine.verbs import creating  # noqa: PLC0415 - needs the tables
        from workflows_app.run import Run  # noqa: PLC0415 - needs the tables

        return Run(self, creating.find(self, run_id))

    @blocking
    def list_runs(
        self,
        *,
        status: str | None = None,
        resource_id: str | None = None,
        from_date: datetime | None = None,
        to_date: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> RunPage:
        """Return a page of this workflow's runs, newest first; dates are those of creation.

        `status` is one of the run statuses, dates have a time zone, `cursor` is the `next_cursor`
        of the previous page. Raises InvalidInput.
        """
        from workflows_app import pages  # noqa: PLC0415 - needs the tables

        return pages.list_runs(
            self,
            status=status,
            resource_id=resource_id,
            from_date=from_date,
            to_date=to_date,
            limit=limit,
            cursor=cursor,
        )

    @blocking
    def schedules(self) -> WorkflowSchedules:
        """Return this workflow's stored schedules; changes in code are stored first."""
        from workflows_app import schedules  # noqa: PLC0415 - needs the tables

        return schedules.of(self)

    @property
    def intake(self) -> Halt | None:
        """Who keeps new runs from beginning (`reason`, `actor`, `at`); None if they may begin."""
        from workflows_app.engine.run import holds  # noqa: PLC0415 - needs the tables

        return holds.intake_of(self.id)

    @blocking
    def pause_intake(self, reason: str = "", *, actor: Any = None, door: str = "") -> None:
        """Keep runs that have not begun pending, however they are started, until `resume_intake`.

        Starts are accepted and kept. Changes nothing if the intake is paused already. Raises
        NotPermitted, NotCommitted.
        """
        from workflows_app import intake  # noqa: PLC0415 - needs the tables

        intake.pause(self, reason, actor=actor, door=door)

    @blocking
    def resume_intake(self, *, actor: Any = None, door: str = "") -> None:
        """Let runs begin again; those that were started meanwhile begin now, in order.

        Changes nothing if the intake is not paused. Raises NotPermitted, NotCommitted.
        """
        from workflows_app import intake  # noqa: PLC0415 - needs the tables

        intake.resume(self, actor=actor, door=door)

    @blocking
    def list_active_runs(self) -> list[Run[In, Out]]:
        """Return this workflow's runs that are running or waiting, oldest first."""
        from workflows_app import pages  # noqa: PLC0415 - needs the tables

        return pages.list_active_runs(self)

    @blocking
    def restart_all_active_runs(self, *, actor: Any = None, door: str = "") -> list[str]:
        """Restart the runs whose worker was lost; return their ids.

        Runs with a live worker stay as they are, and so do all runs of a workflow with
        `auto_restart=False`. With an `actor` each restart is a row of the audit trail.
        """
        from workflows_app import pages  # noqa: PLC0415 - needs the tables

        return pages.restart_all_active_runs(self, actor=actor, door=door)

    async def acreate_run(
        self, run_id: str | None = None, resource_id: str | None = None, **options: Any
    ) -> Run[In, Out]:
        """Async twin of `create_run`."""
        return await in_thread(self.create_run)(run_id, resource_id, **options)

    async def aget_run(self, run_id: str) -> Run[In, Out]:
        """Async twin of `get_run`."""
        return await in_thread(self.get_run)(run_id)

    async def alist_runs(self, **options: Any) -> RunPage:
        """Async twin of `list_runs`."""
        return await in_thread(self.list_runs)(**options)

    async def apause_intake(self, reason: str = "", **options: Any) -> None:
        """Async twin of `pause_intake`."""
        await in_thread(self.pause_intake)(reason, **options)

    async def aresume_intake(self, **options: Any) -> None:
        """Async twin of `resume_intake`."""
        await in_thread(self.resume_intake)(**options)

    async def aschedules(self) -> WorkflowSchedules:
        """Async twin of `schedules`."""
        return await in_thread(self.schedules)()

    async def alist_active_runs(self) -> list[Run[In, Out]]:
        """Async twin of `list_active_runs`."""
        return await in_thread(self.list_active_runs)()

    async def arestart_all_active_runs(self, **options: Any) -> list[str]:
        """Async twin of `restart_all_active_runs`."""
        return await in_thread(self.restart_all_active_runs)(**options)


def get_workflow(workflow_id: str) -> Workflow:
    """Return the workflow with this id. Raises WorkflowNotFound."""
    return cast("Workflow", registry.get(workflow_id))


def list_workflows() -> list[Workflow]:
    """Return every workflow that this process knows, ordered by id."""
    return [cast("Workflow", workflow) for workflow in registry.all()]
