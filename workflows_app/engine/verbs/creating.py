"""Creating and finding a run by its id."""

from __future__ import annotations

import re
import uuid
from typing import Final

from workflows_app import errors
from workflows_app.definition import Builder
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import holds, versions
from workflows_app.models import Run, statements
from workflows_app.models.fields import uuid7
from workflows_app.planner.statuses import RunStatus

_BY_RUN_ID: Final = statements.Reader(Run, "run_id")
_RUN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]{1,255}")


def create(
    definition: Builder,
    run_id: str | uuid.UUID | None,
    resource_id: str | None,
    *,
    origin: str | None = None,
) -> Run:
    """Return what `obtain` returns, without saying whether it is new."""
    return obtain(definition, run_id, resource_id, origin=origin)[0]


def obtain(
    definition: Builder,
    run_id: str | uuid.UUID | None,
    resource_id: str | None,
    *,
    origin: str | None = None,
    unique_key: str | None = None,
) -> tuple[Run, bool]:
    """Return the workflow's run with this id; create it if there is none. Say whether it is new.

    `origin` is the id of the run that a new one is made from. Raises InvalidId and RunIdTaken.
    """
    run = unwritten(definition, run_id, resource_id, origin=origin, unique_key=unique_key)
    if statements.insert(run, or_nothing=True):
        return run, True
    return _mine(definition, _BY_RUN_ID.get(run.run_id)), False


def unwritten(
    definition: Builder,
    run_id: str | uuid.UUID | None,
    resource_id: str | None,
    *,
    origin: str | None = None,
    unique_key: str | None = None,
) -> Run:
    """Return a new run of the workflow that has no row until it is started. Raises InvalidId."""
    definition.require_committed()
    if isinstance(run_id, uuid.UUID):
        run_id = str(run_id)
    if run_id is not None and not _is_run_id(run_id):
        raise errors.InvalidId(
            f"The run id {run_id!r} is not allowed: use up to 255 letters, digits and '_-.:'."
        )
    key = uuid7()
    return statements.new(
        Run,
        id=key,
        run_id=run_id or str(key),
        workflow_id=definition.id,
        version_id=versions.ensure(definition),
        resource_id=resource_id,
        origin=origin,
        unique_key=unique_key,
        created_at=clock.now(),
    )


def write_down(definition: Builder, run: Run) -> None:
    """Give a run its row, if it has none yet. Raises RunIdTaken and RunAlreadyStarted.

    Where another has taken its id meanwhile, it becomes that run.
    """
    if statements.is_written(run) or statements.insert(run, or_nothing=True):
        return
    run.__dict__.update(_mine(definition, _BY_RUN_ID.get(run.run_id)).__dict__)
    refuse_started(run.pk, run.run_id)


def _is_run_id(value: object) -> bool:
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def find(definition: Builder, run_id: str) -> Run:
    """Return the workflow's run with this id. Raises RunNotFound."""
    run: Run | None = _BY_RUN_ID.find(run_id) if _is_run_id(run_id) else None
    if run is None or run.workflow_id != definition.id:
        raise errors.RunNotFound(
            f"Workflow {definition.id!r} has no run {run_id!r}; it may have been deleted or may "
            "belong to another workflow."
        )
    return run


def _mine(definition: Builder, run: Run) -> Run:
    if run.workflow_id != definition.id:
        raise errors.RunIdTaken(
            f"Run {run.run_id!r} belongs to workflow {run.workflow_id!r}, not to "
            f"{definition.id!r}; choose another run id."
        )
    return run


def refuse_started(pk: uuid.UUID, run_id: str) -> None:
    """Raise RunAlreadyStarted if somebody has started this run; RunNotFound if it is gone."""
    run = Run.objects.filter(pk=pk).only("status", "allowance").first()
    if run is None:
        raise errors.RunNotFound(f"Run {run_id!r} was deleted; create a new one.")
    if holds.accepted_start(run) is not None:
        raise errors.RunAlreadyStarted(
            f"Run {run_id!r} was started before and begins when it is let on; a run starts only "
            "once. Create a new run of the workflow."
        )
    if run.status != RunStatus.PENDING:
        status = transactions.status_of(run)
        raise errors.RunAlreadyStarted(
            f"Run {run_id!r} has already been started and is {status}; a run starts only once. "
            "Create a new run of the workflow."
        )
