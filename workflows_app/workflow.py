"""The public `Workflow`: the definition, with the verbs that create and find its runs.

Importable before Django's apps are ready: what needs the tables is imported when it is used.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from workflows_app import calling
from workflows_app.definition import Builder, registry
from workflows_app.threads import blocking, in_thread

if TYPE_CHECKING:
    from workflows_app.pages import RunPage
    from workflows_app.run import Run
    from workflows_app.schedules import WorkflowSchedule


class Workflow(Builder):
    """A named definition of steps; compose it, `commit()` it, and create runs of it."""

    @blocking
    def create_run(self, run_id: str | None = None, resource_id: str | None = None) -> Run:
        """Return the run with this id, making a pending one if there is none.

        `run_id`: up to 255 letters, digits and `_-.:`; left out, a UUIDv7. Raises NotCommitted,
        InvalidId, InvalidInput, RunIdTaken.
        """
        from workflows_app.engine import verbs  # noqa: PLC0415 - needs the tables
        from workflows_app.run import Run  # noqa: PLC0415 - needs the tables

        about = calling.text(resource_id, "resource_id", "create_run()", most=255)
        return Run(self, verbs.create(self, run_id, about))

    @blocking
    def get_run(self, run_id: str) -> Run:
        """Return the run with this id. Raises RunNotFound."""
        from workflows_app.engine import verbs  # noqa: PLC0415 - needs the tables
        from workflows_app.run import Run  # noqa: PLC0415 - needs the tables

        return Run(self, verbs.find(self, run_id))

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
        of the page before. Raises InvalidInput.
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
    def schedules(self) -> list[WorkflowSchedule]:
        """Return this workflow's schedules as they are stored; changes in code are stored first."""
        from workflows_app import schedules  # noqa: PLC0415 - needs the tables

        return schedules.of(self)

    @blocking
    def list_active_runs(self) -> list[Run]:
        """Return this workflow's runs that are running or waiting, oldest first."""
        from workflows_app import pages  # noqa: PLC0415 - needs the tables

        return pages.list_active_runs(self)

    @blocking
    def restart_all_active_runs(self) -> list[str]:
        """Restart the runs whose worker was lost; return their ids.

        Those with a live worker are left alone, and so are all of a workflow with
        `auto_restart=False`.
        """
        from workflows_app import pages  # noqa: PLC0415 - needs the tables

        return pages.restart_all_active_runs(self)

    async def acreate_run(self, run_id: str | None = None, resource_id: str | None = None) -> Run:
        """Async twin of `create_run`."""
        return await in_thread(self.create_run)(run_id, resource_id)

    async def aget_run(self, run_id: str) -> Run:
        """Async twin of `get_run`."""
        return await in_thread(self.get_run)(run_id)

    async def alist_runs(self, **options: Any) -> RunPage:
        """Async twin of `list_runs`."""
        return await in_thread(self.list_runs)(**options)

    async def aschedules(self) -> list[WorkflowSchedule]:
        """Async twin of `schedules`."""
        return await in_thread(self.schedules)()

    async def alist_active_runs(self) -> list[Run]:
        """Async twin of `list_active_runs`."""
        return await in_thread(self.list_active_runs)()

    async def arestart_all_active_runs(self) -> list[str]:
        """Async twin of `restart_all_active_runs`."""
        return await in_thread(self.restart_all_active_runs)()


def get_workflow(workflow_id: str) -> Workflow:
    """Return the workflow with this id. Raises WorkflowNotFound."""
    return cast("Workflow", registry.get(workflow_id))


def list_workflows() -> list[Workflow]:
    """Return every workflow that this process knows, ordered by id."""
    return [cast("Workflow", workflow) for workflow in registry.all()]
