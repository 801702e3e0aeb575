"""Unique keys: at most one run of a workflow holds a key at a time.

Whoever gives or takes a key first locks it, until the commit.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workflows_app import errors
from workflows_app.engine.host import transactions
from workflows_app.engine.run.change import Change
from workflows_app.models import Run, UniqueKey

#: For how long a run holds its key: "active" until it ends, "ever", or a time from its creation.
Span = str | timedelta


def lock(workflow_id: str, key: str) -> None:
    """Keep others from giving this key to a run, until the commit."""
    transactions.lock_text(f"unique\0{workflow_id}\0{key}")


def holder(workflow_id: str, key: str, now: datetime) -> Run | None:
    """Return the run that holds a key, which the caller has locked; None if no run does."""
    row = _latest(workflow_id, key)
    return row.run if row is not None and row.is_held(now) else None


def give(run: Run, key: str, span: Span) -> None:
    """Let a run, which was just created, hold a key that nobody holds; the caller has locked it."""
    UniqueKey.objects.filter(workflow=run.workflow_id, key=key, is_latest=True).update(
        is_latest=False
    )
    UniqueKey.objects.create(
        run=run,
        workflow_id=run.workflow_id,
        key=key,
        is_for_ever=span == "ever",
        until=run.created_at + span if isinstance(span, timedelta) else None,
    )


def take_again(changing: Change) -> None:
    """Let a run that goes on after its end hold its key again, if it has one.

    Raises UniqueKeyTaken if another run holds it now.
    """
    run = changing.model
    if run.unique_key is None:
        return
    lock(run.workflow_id, run.unique_key)
    latest = _latest(run.workflow_id, run.unique_key)
    if latest is None or latest.run_id == run.pk:
        return
    if latest.is_held(changing.now):
        raise errors.UniqueKeyTaken(
            f"Run {run.run_id!r} cannot go on, because run {latest.run.run_id!r} of workflow "
            f"{run.workflow_id!r} now holds its unique key {run.unique_key!r}; wait until that "
            "one has ended, or cancel it."
        )
    UniqueKey.objects.filter(pk=latest.pk).update(is_latest=False)
    UniqueKey.objects.filter(pk=run.pk).update(is_latest=True)


def _latest(workflow_id: str, key: str) -> UniqueKey | None:
    rows = UniqueKey.objects.filter(workflow=workflow_id, key=key, is_latest=True)
    return rows.select_related("run").first()
