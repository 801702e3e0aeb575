"""What people must know of a run as it stands: sentences on top of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from dashboard import graphs
from dashboard.graphs import Graph
from workflows_app import actions, conf, permissions
from workflows_app.engine import workers
from workflows_app.models import Assignment, Run, StepSnapshot
from workflows_app.planner.statuses import RunStatus, StepStatus

#: For so long a step may wait before the page asks why.
PATIENCE: Final = timedelta(seconds=5)
#: Steps before one in its queue that are counted.
MOST_AHEAD: Final = 1000
#: Steps to be tried again that are told of one by one.
MOST_RETRIES: Final = 3


@dataclass(frozen=True)
class Notice:
    """One sentence about the state of the run that people must know of."""

    tone: str
    text: str
    #: When what it tells of is over.
    at: datetime | None = None
    #: When somebody asked for it, and who, where that is known: "by ana".
    asked_at: datetime | None = None
    asked_by: str = ""


def notices_of(run: Run, graph: Graph, steps: Sequence[StepSnapshot]) -> list[Notice]:
    """Return the notices of a run: what is wrong with it, then what it waits for."""
    return [*_troubles(run, steps), *_waits(run, graph, steps)]


def is_lost(steps: Sequence[StepSnapshot]) -> bool:
    """Return whether one of these steps is held by a worker that gives no sign of life."""
    return any(_is_lost(step) for step in steps)


def _troubles(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    found = []
    if run.is_canceling:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        found.append(
            Notice(
                "warning",
                "This run is being canceled. Nothing new starts; the steps that are running were "
                f"asked to stop and are given up after {grace:g} s.",
                asked_at=run.cancel_requested_at,
                asked_by=f"by {run.canceled_by}" if run.canceled_by else "",
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


# What a run waits for.


def _waits(run: Run, graph: Graph, steps: Sequence[StepSnapshot]) -> list[Notice]:
    if run.status == RunStatus.PENDING:
        return [Notice("info", "This run was made, and nobody has started it yet.")]
    if run.is_ended or run.is_canceling:
        return []
    now = timezone.now()
    found = [*_for_answers(run, steps), *_for_times(graph, steps, now), *_for_workers(steps, now)]
    if run.status == RunStatus.PAUSED:
        paused = [step.path for step in steps if step.status == StepStatus.PAUSED]
        what = f" before {_listed(paused)}" if paused else ""
        found.append(Notice("info", f"Paused{what}: it goes on when somebody lets it continue."))
    return found


def _for_answers(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    asking = [s for s in steps if s.status == StepStatus.SUSPENDED and s.suspension is not None]
    asking = [step for step in asking if step.kind == "step"]
    if not asking:
        return []
    claims = Assignment.objects.filter(suspension__in=[step.suspension for step in asking])
    holders = {row.suspension: row.person for row in claims.select_related("person")}
    by_whom: dict[str, list[str]] = {}
    for step in sorted(asking, key=lambda step: step.pk):
        holder = holders.get(step.suspension) if step.suspension else None
        who = f"claimed by {holder.get_username()}" if holder else _who_may(run, step)
        by_whom.setdefault(who, []).append(step.path)
    return [
        Notice("info", f"{_listed(paths)} {_wait(paths)} for an answer: {who}.")
        for who, paths in by_whom.items()
    ]


def _who_may(run: Run, step: StepSnapshot) -> str:
    specials = graphs.to_answer(run, step)
    if not specials:
        return "nobody has claimed it; anyone who may answer steps can"
    first, *rest = specials
    who = f"people with the permission {first} may answer"
    if first.startswith(actions.GROUP):
        who = f"the group {first.removeprefix(actions.GROUP)} may answer"
    more = " and ".join(permissions.named(name) for name in rest)
    return f"nobody has claimed it; {who}" + (f"; that needs {more}, too" if more else "")


def _for_times(graph: Graph, steps: Sequence[StepSnapshot], now: datetime) -> list[Notice]:
    """Return until when sleeps last, and when failed steps are tried again: the next of each."""
    timed = sorted((s for s in steps if s.wake_at), key=lambda s: (s.wake_at, s.pk))
    asleep = [step for step in timed if step.status == StepStatus.WAITING]
    queued = [step for step in timed if step.status == StepStatus.QUEUED]
    again = [step for step in queued if step.wake_at and step.wake_at > now]
    found = []
    if asleep:
        paths = [step.path for step in asleep]
        found.append(Notice("info", f"{_listed(paths)} {_sleep(paths)} until", asleep[0].wake_at))
    for step in again[:MOST_RETRIES]:
        place = graph.places.get(step.base_path)
        retries = place.step.get("retries") if place and place.step else None
        of = "" if retries is None else f" of {retries + 1}"
        text = f"{step.path} failed, and attempt {step.retry_count + 1}{of} begins"
        found.append(Notice("info", text, step.wake_at))
    return found


def _for_workers(steps: Sequence[StepSnapshot], now: datetime) -> list[Notice]:
    """Return that steps wait for a worker: nobody serves their queue, or others come first."""
    waiting = [
        step
        for step in steps
        if step.status == StepStatus.QUEUED
        and step.unknown_since is None
        and now - step.queued_at > PATIENCE
        and (step.wake_at is None or step.wake_at < now)
    ]
    if not waiting:
        return []
    unserved = workers.unserved({step.queue for step in waiting}, now)
    if unserved:
        paths = [step.path for step in waiting if step.queue in unserved]
        queues = ", ".join(sorted(unserved))
        text = f"No worker that is alive serves the queue {queues}, so {_listed(paths)} waits."
        return [Notice("warning", f"{text} Start one: manage.py worker --queues {queues}.")]
    first = min(waiting, key=lambda step: step.pk)
    ahead = StepSnapshot.objects.claimable(now).filter(queue=first.queue, pk__lt=first.pk)
    number = len(ahead.order_by().values("pk")[: MOST_AHEAD + 1])
    others = f"more than {MOST_AHEAD:,} others" if number > MOST_AHEAD else f"{number:,} others"
    if number == 1:
        others = "1 other"
    what = f"behind {others}" if number else "as the next"
    text = f"{first.path} waits for a worker, {what} on the queue {first.queue}: all are at work."
    return [Notice("info", text)]


def _wait(paths: Sequence[str]) -> str:
    return "waits" if len(paths) == 1 else "wait"


def _sleep(paths: Sequence[str]) -> str:
    return "sleeps" if len(paths) == 1 else "sleep, the first of them"


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
