"""The rows of a list of runs: each run with the sentence that says why it stands where it does.

Three queries for a page, however many rows: the runs, their open steps, their inputs and errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Substr
from django.utils import timezone

from dashboard import columns, forks, standing
from dashboard.previews import ByteLength, message_in, question_in
from workflows_app import actions, permissions
from workflows_app.actions import Offer, Person
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent, StepSnapshot
from workflows_app.planner.statuses import RunStatus, StepStatus

#: Open steps looked at for one page: a run may have thousands at once.
MOST_STEPS: Final = 500
TEXT: Final = 2000

OPEN: Final = [StepStatus.RUNNING, StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.QUEUED]


@dataclass(frozen=True)
class Row:
    """One run in a list. `reason` says what it waits for, or why it failed."""

    run: Run
    reason: str = ""
    steps: tuple[str, ...] = ()
    wakes_at: Any = None
    #: The key fields of its input.
    facts: tuple[columns.Fact, ...] = ()
    #: What may be done with it from the list.
    offers: tuple[Offer, ...] = ()
    #: Since when nothing but a time to come is waited for: that of a sleep or of a next attempt.
    waits_since: datetime | None = None

    @property
    def status(self) -> str:
        """The status as it is shown."""
        return RunStatus.WAITING.value if self.waits_since else self.run.status


def joined(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return the runs with what every row names beside its run."""
    return runs.select_related("workflow", "started_by")


def rows_of(runs: Sequence[Run], person: Person | None = None) -> list[Row]:
    """Return the rows of these runs, in their order; to a person also with what they may do."""
    open_steps = _open_steps([run.pk for run in runs if not run.is_ended])
    texts = _texts([run.pk for run in runs])
    waiting = _waiting(runs, open_steps)
    found = []
    for run in runs:
        error, given = texts.get(run.pk, (None, None))
        row = _row(run, open_steps.get(run.pk, []), error or "")
        offers = offers_of(run, person) if person is not None else ()
        facts = columns.facts_of(run.workflow_id, given)
        since = waiting.get(run.pk)
        found.append(replace(row, facts=facts, offers=offers, waits_since=since))
    return found


def offers_of(run: Run, person: Person) -> tuple[Offer, ...]:
    """Return what a person may do with a run from a list: to end it, or if it has, run it again."""
    # By today's code alone: a list reads no version. The page of the act asks for the run's, too.
    specials = permissions.to_start(run.workflow_id)
    action = actions.RERUN if run.is_ended else actions.CANCEL
    offer = actions.offer(action, person, run, specials)
    return (offer,) if offer.is_possible else ()


def _open_steps(runs: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[StepSnapshot]]:
    wanted = list(runs)
    if not wanted:
        return {}
    steps = (
        StepSnapshot.objects.current()
        .light()
        .filter(run__in=wanted, status__in=OPEN, kind="step")
        .annotate(question_text=Substr(payloads.as_text("suspend_payload"), 1, TEXT))
        .order_by("pk")[:MOST_STEPS]
    )
    found: dict[uuid.UUID, list[StepSnapshot]] = {}
    for step in steps:
        found.setdefault(step.run_id, []).append(step)
    return found


def _waiting(
    runs: Sequence[Run], open_steps: Mapping[uuid.UUID, Sequence[StepSnapshot]]
) -> dict[uuid.UUID, datetime]:
    """Return since when runs wait for nothing but a time to come; no query where there is none.

    That is since their last event: a sleep began, or an attempt failed, and nothing else goes on.
    """
    shown = [(run, standing.status_of_run(run, open_steps.get(run.pk, ()))) for run in runs]
    found = [run for run, status in shown if status == RunStatus.WAITING]
    if not found:
        return {}
    told = RunEvent.objects.filter(run=OuterRef("pk")).order_by("-first_seq").values("at")[:1]
    last = Run.objects.filter(pk__in=[run.pk for run in found]).annotate(last=Subquery(told))
    return {pk: at or timezone.now() for pk, at in last.values_list("pk", "last")}


def _texts(wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str | None, str | None]]:
    """Return the beginnings of errors, and inputs that are small; large ones are not read.

    The input is what the first step got, also where a fork or a time travel gave it another.
    """
    if not wanted:
        return {}
    error, given = payloads.as_text("error"), payloads.as_text("input")
    found = (
        forks.with_given(Run.objects.filter(pk__in=wanted), columns.MOST_BYTES)
        .order_by()
        .annotate(
            size=ByteLength(given),
            why=Case(When(status=RunStatus.FAILED.value, then=Substr(error, 1, TEXT))),
            given=Case(When(size__lte=columns.MOST_BYTES, then=given)),
        )
        .values_list("pk", "why", "given", forks.GIVEN)
    )
    return {pk: (why, other or text) for pk, why, text, other in found}


def _row(run: Run, steps: Sequence[StepSnapshot], error: str) -> Row:
    if run.status == RunStatus.FAILED:
        return Row(run, message_in(error) or "No reason was recorded.")
    if run.status == RunStatus.PENDING:
        return Row(run, "Not started yet.")
    wanted = {
        RunStatus.SUSPENDED: StepStatus.SUSPENDED,
        RunStatus.WAITING: StepStatus.WAITING,
    }.get(RunStatus(run.status), StepStatus.RUNNING)
    named = [step for step in steps if step.status == wanted]
    if wanted == StepStatus.SUSPENDED and named:
        return Row(run, question_in(getattr(named[0], "question_text", "")), _paths(named))
    if not named:
        return _retry(run, steps)
    wakes = min((step.wake_at for step in named if step.wake_at), default=None)
    return Row(run, "", _paths(named), wakes)


def _retry(run: Run, steps: Sequence[StepSnapshot]) -> Row:
    """Return the row of a run whose steps wait for a worker, or for their next attempt."""
    queued = [step for step in steps if step.status == StepStatus.QUEUED]
    if not queued:
        return Row(run)
    wakes = min((step.wake_at for step in queued if step.wake_at), default=None)
    first = queued[0]
    if wakes and first.retry_count:
        return Row(run, f"attempt {first.retry_count + 1}", _paths(queued), wakes)
    return Row(run, "ready, waiting for a worker", _paths(queued))


def _paths(steps: Sequence[StepSnapshot]) -> tuple[str, ...]:
    return tuple(step.path for step in steps)
