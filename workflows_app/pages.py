"""Pages of runs: newest first, by cursor."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from workflows_app import calling, errors
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.verbs import steering
from workflows_app.models import Run as RunRow
from workflows_app.planner.statuses import ACTIVE, RunStatus
from workflows_app.run import Run
from workflows_app.workflow import Workflow


@dataclass(frozen=True)
class RunPage:
    """One page of runs, newest first, and the cursor of the next page."""

    runs: list[Run]
    next_cursor: str | None
    total: int

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs of this page."""
        return iter(self.runs)

    def __len__(self) -> int:
        """Return how many runs are on this page."""
        return len(self.runs)


def list_runs(
    workflow: Workflow,
    *,
    status: str | None,
    resource_id: str | None,
    from_date: datetime | None,
    to_date: datetime | None,
    limit: int,
    cursor: str | None,
) -> RunPage:
    """Return a page of a workflow's runs. `total` counts all matching runs, on every page."""
    of = "list_runs()"
    statuses = [each.value for each in RunStatus]
    filters = {
        "resource_id": calling.text(resource_id, "resource_id", of),
        "created_at__gte": calling.moment(from_date, "from_date", of),
        "created_at__lte": calling.moment(to_date, "to_date", of),
    }
    limit = calling.whole_number(limit, "limit", of, least=1)
    given = {name: value for name, value in filters.items() if value is not None}
    rows = RunRow.objects.filter(
        _has_status(calling.one_of(status, "status", of, statuses)),
        workflow_id=workflow.id,
        **given,
    )
    total = rows.count()
    if cursor is not None:
        rows = rows.filter(pk__lt=_key(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    more = str(found[limit - 1].pk) if len(found) > limit else None
    return RunPage([Run(workflow, row) for row in found[:limit]], more, total)


def _has_status(status: str | None) -> Q:
    """Return the condition for runs with a status, as the caller sees it; None: any status."""
    if status is None:
        return Q()
    awaiting = Q(status__in=list(ACTIVE), pk__in=transactions.awaiting_commit())
    if status == RunStatus.PENDING:
        return Q(status=status) | awaiting
    return Q(status=status) & ~awaiting


def _key(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(cursor)
    except (ValueError, AttributeError):
        raise errors.InvalidInput(
            f"{cursor!r} is not a cursor; take next_cursor from the previous page."
        ) from None


def list_active_runs(workflow: Workflow) -> list[Run]:
    """Return a workflow's runs with work that continues by itself, oldest first."""
    rows = RunRow.objects.active().filter(workflow_id=workflow.id).order_by("pk")
    rows = rows.exclude(pk__in=transactions.awaiting_commit())
    return [Run(workflow, row) for row in rows]


def restart_all_active_runs(workflow: Workflow, *, actor: Any, door: str) -> list[str]:
    """Restart a workflow's runs that lost their worker; return their ids."""
    workflow.require_committed()
    return steering.restart_lost(workflow, clock.now(), actor=actor, door=door)
