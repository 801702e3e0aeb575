"""The rows of a list of runs, each with a sentence that says why the run is where it is.

A page takes three queries, however many rows it has: the runs, their open steps, and their inputs
and errors.
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
from django.utils.translation import gettext

from workflows_app import actions, permissions, terms
from workflows_app.actions import Offer, Person
from workflows_app.engine.run import holds, payloads
from workflows_app.engine.run.holds import Halt
from workflows_app.jsontext import loads
from workflows_app.models import Run, RunEvent, StepSnapshot, persons
from workflows_app.models.step import ASKS
from workflows_app.models.wait import RUN
from workflows_app.planner.statuses import RunStatus, StepStatus

from ..status import standing
from ..values import given as given_inputs
from ..values.previews import message_in, question_in
from . import columns

#: How many open steps are read for one page: a run may have thousands at once.
MOST_STEPS: Final = 500
TEXT: Final = 2000

OPEN: Final = [StepStatus.RUNNING, StepStatus.SUSPENDED, StepStatus.WAITING, StepStatus.QUEUED]


@dataclass(frozen=True)
class RunRow:
    """One run in a list. `reason` says what it waits for, or why it failed."""

    run: Run
    reason: str = ""
    steps: tuple[str, ...] = ()
    wakes_at: Any = None
    #: The key fields of its input.
    facts: tuple[columns.Fact, ...] = ()
    #: The actions that the list offers.
    offers: tuple[Offer, ...] = ()
    #: Since when it only waits for a time: for a sleep, or for a next attempt.
    waits_since: datetime | None = None

    @property
    def status(self) -> str:
        """The status as pages show it."""
        return RunStatus.WAITING.value if self.waits_since else self.run.status


def joined(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return the runs with what every row needs of other tables."""
    return persons.joined(runs.select_related("workflow"), "started_by")


def rows_of(runs: Sequence[Run], person: Person | None = None) -> list[RunRow]:
    """Return the rows of these runs, in their order; for a person, also what they may do."""
    open_steps = _open_steps([run.pk for run in runs if not run.is_ended])
    texts = _texts([run.pk for run in runs])
    waiting, halts = _waiting(runs, open_steps), holds.of_runs(runs)
    found = []
    for run in runs:
        error, given = texts.get(run.pk, (None, None))
        row = _row(run, open_steps.get(run.pk, []), error or "", halts.get(run.pk))
        offers = offers_of(run, person) if person is not None else ()
        facts = columns.facts_of(run.workflow_id, given)
        since = waiting.get(run.pk)
        found.append(replace(row, facts=facts, offers=offers, waits_since=since))
    return found


def offers_of(run: Run, person: Person) -> tuple[Offer, ...]:
    """Return which actions on a run a list offers a person: cancel or, after its end, run again."""
    # Only the present code decides, because a list reads no versions. The page of the action asks
    # for the permissions of the run's version, too.
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
    """Return since when runs only wait for a time; no query if none does.

    That is since their last event: a sleep began, or an attempt failed, and nothing else goes on.
    """
    shown = [(run, standing.status_of_run(run, open_steps.get(run.pk, ()))) for run in runs]
    found = [run for run, status in shown if status == RunStatus.WAITING]
    if not found:
        return {}
    last_event = RunEvent.objects.filter(run=OuterRef("pk")).order_by("-first_seq").values("at")[:1]
    last = Run.objects.filter(pk__in=[run.pk for run in found]).annotate(last=Subquery(last_event))
    return {pk: at or timezone.now() for pk, at in last.values_list("pk", "last")}


def _texts(wanted: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[str | None, str | None]]:
    """Return the beginnings of errors, and inputs that are small; large ones are not read.

    The input is what the first step got, even if a fork or a time travel gave it another.
    """
    if not wanted:
        return {}
    error, given = payloads.as_text("error"), payloads.as_text("input")
    found = (
        given_inputs.with_given(Run.objects.filter(pk__in=wanted), columns.MOST_BYTES)
        .order_by()
        .annotate(
            size=payloads.ByteLength(given),
            why=Case(When(status=RunStatus.FAILED.value, then=Substr(error, 1, TEXT))),
            given=Case(When(size__lte=columns.MOST_BYTES, then=given)),
        )
        .values_list("pk", "why", "given", given_inputs.GIVEN)
    )
    return {pk: (why, other or text) for pk, why, text, other in found}


def _row(run: Run, steps: Sequence[StepSnapshot], error: str, halt: Halt | None) -> RunRow:
    if run.status == RunStatus.FAILED:
        return RunRow(run, message_in(error) or gettext("No reason was recorded."))
    if (held := _held(run, halt)) or run.status == RunStatus.PENDING:
        return RunRow(run, held or gettext("Not started yet."))
    wanted = {
        RunStatus.SUSPENDED: StepStatus.SUSPENDED,
        RunStatus.WAITING: StepStatus.WAITING,
    }.get(RunStatus(run.status), StepStatus.RUNNING)
    named = [step for step in steps if step.status == wanted]
    if wanted == StepStatus.SUSPENDED and named:
        return RunRow(
            run, _question(min(named, key=lambda step: step.awaits not in ASKS)), _paths(named)
        )
    if not named:
        return _retry(run, steps)
    wakes = min((step.wake_at for step in named if step.wake_at), default=None)
    return RunRow(run, "", _paths(named), wakes)


def _question(step: StepSnapshot) -> str:
    """Return what a step asks, or which event or run it waits for."""
    text = getattr(step, "question_text", "") or ""
    if step.awaits in ASKS:
        return question_in(text)
    try:
        awaited = loads(text)
    except ValueError:  # cut, because its key is long
        awaited = {}
    if step.awaits == RUN:
        return gettext("the end of run {run}").format(run=awaited.get("run_id", ""))
    text = gettext("the event {name}, key {key}")
    if not awaited.get("key"):
        text = gettext("the event {name}")
    return text.format(name=awaited.get("event", ""), key=awaited.get("key"))


def _held(run: Run, halt: Halt | None) -> str:
    """Return what keeps a run from going on, or from beginning; empty if nothing does."""
    if halt is not None and not run.is_ended:
        paused = terms.status("paused")
        return f"{paused}: {halt.reason}" if halt.reason else paused
    if run.waits_to_begin:
        return gettext("held: the intake of its workflow is paused")
    return ""


def _retry(run: Run, steps: Sequence[StepSnapshot]) -> RunRow:
    """Return the row of a run whose steps wait for a worker or for their next attempt."""
    queued = [step for step in steps if step.status == StepStatus.QUEUED]
    if not queued:
        return RunRow(run)
    wakes = min((step.wake_at for step in queued if step.wake_at), default=None)
    first = queued[0]
    if wakes and first.retry_count:
        return RunRow(
            run,
            gettext("attempt {retry_count}").format(retry_count=first.retry_count + 1),
            _paths(queued),
            wakes,
        )
    return RunRow(run, gettext("ready, waiting for a worker"), _paths(queued))


def _paths(steps: Sequence[StepSnapshot]) -> tuple[str, ...]:
    return tuple(step.path for step in steps)
