"""What people must know of a run as it stands: sentences on top of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from workflows_app import conf
from workflows_app.engine import workers
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: For so long a step may wait before the page asks why.
PATIENCE: Final = timedelta(seconds=5)


@dataclass(frozen=True)
class Notice:
    """One sentence about the state of the run that people must know of."""

    tone: str
    text: str
    #: When somebody asked for it, and who, where that is known: "by ana".
    asked_at: datetime | None = None
    asked_by: str = ""


def notices_of(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    """Return the notices of a run."""
    found = []
    if run.is_canceling:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        found.append(
            Notice(
                "warning",
                "This run is being canceled. Nothing new starts; the steps that are running were "
                f"asked to stop and are given up after {grace:g} s.",
                run.cancel_requested_at,
                f"by {run.canceled_by}" if run.canceled_by else "",
            )
        )
    unknown = [s.path for s in steps if s.unknown_since and s.status == StepStatus.QUEUED]
    if unknown:
        found.append(
            Notice(
                "warning",
                f"No worker has this version of the code for {_listed(unknown)}. Deploy code that "
                f"fits the run; after {conf.get('VERSION_GRACE_SECONDS'):g} s the step fails, and "
                "can be retried.",
            )
        )
    if left := _left_waiting(steps):
        found.append(left)
    lost = [step.path for step in steps if _is_lost(step)]
    if lost:
        found.append(
            Notice(
                "warning",
                f"No sign of life from the worker that runs {_listed(lost)}. Another worker takes "
                "it over by itself, unless the workflow says auto_restart=False.",
            )
        )
    return found


def _left_waiting(steps: Sequence[StepSnapshot]) -> Notice | None:
    """Return the notice that nobody serves the queue of a step that waits for a worker."""
    now = timezone.now()
    waiting = [
        step
        for step in steps
        if step.status == StepStatus.QUEUED
        and step.unknown_since is None
        and now - step.queued_at > PATIENCE
        and (step.wake_at is None or step.wake_at < now)
    ]
    unserved = workers.unserved({step.queue for step in waiting}, now) if waiting else set()
    if not unserved:
        return None
    paths = [step.path for step in waiting if step.queue in unserved]
    queues = ", ".join(sorted(unserved))
    return Notice(
        "warning",
        f"No worker that is alive serves the queue {queues}, so {_listed(paths)} waits. Start "
        f"one: manage.py worker --queues {queues}.",
    )


def _is_lost(step: StepSnapshot) -> bool:
    if step.status != StepStatus.RUNNING or step.kind != "step" or step.worker_id is None:
        return False
    worker = step.worker
    if worker is None or worker.stopped_at is not None:
        return True
    age = timezone.now() - worker.heartbeat_at
    return age.total_seconds() > conf.get("LEASE_SECONDS")


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"  # noqa: PLR2004
