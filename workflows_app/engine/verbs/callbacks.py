"""Answers by callback URLs: from anybody who knows the token, to one suspension, once."""

import hashlib
from typing import Any, Final

from workflows_app import errors
from workflows_app.engine.host import clock
from workflows_app.engine.run import accepted, audit, events, waits
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.performing import change
from workflows_app.engine.verbs.emitting import type_of
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot, Wait
from workflows_app.models.wait import CALLBACK
from workflows_app.planner.statuses import StepStatus

#: Who answered, in the log and in the audit trail.
ACTOR: Final = "callback"


class NotFound(errors.WorkflowError, LookupError):
    """No step has made this token."""


class Gone(errors.WorkflowError):
    """The token was used, or its step waits for it no more."""


def answer(token: str, data: Any) -> None:
    """Give the step that made this token its answer.

    If the step has not suspended yet, it gets the answer as soon as it does. Raises NotFound, Gone,
    InvalidResumeData.
    """
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
    rows = Wait.objects.filter(kind=CALLBACK, name="", key=digest)
    row = rows.select_related("run", "step").first()
    if row is None:
        raise NotFound
    try:
        with change(row.run_id, clock.now()) as changing:
            row.refresh_from_db(fields=["outcome", "suspension"])
            _answer(changing, row, data)
    except Run.DoesNotExist:
        raise NotFound from None


def _answer(changing: Change, row: Wait, data: Any) -> None:
    step = _step_of(changing, row)
    if step is None or row.outcome:
        raise Gone
    what = "The data does not fit what the step asks for"
    value = accepted.checked(type_of(row), data, errors.InvalidResumeData, what, "The data")
    waits.end(row, value, changing.now)
    if row.suspension is not None:
        _log(changing, step, value)
        waits.answer(changing, step, value)


def _step_of(changing: Change, row: Wait) -> StepSnapshot | None:
    """Return the step, if it waits for this token or may still do so."""
    if row.suspension is not None:
        return waits.waiting_step(changing, row)
    going_on = [
        StepStatus.RUNNING, StepStatus.QUEUED, StepStatus.PAUSED, StepStatus.SUSPENDED,
    ]  # fmt: skip
    steps = StepSnapshot.objects.current().filter(pk=row.step_id, status__in=going_on)
    return None if changing.model.ending else steps.light().first()


def _log(changing: Change, step: StepSnapshot, value: Raw) -> None:
    timeline = changing.model.timeline
    told = events.steered("workflow-resumed", [step.path], ACTOR, timeline, resume_data=value)
    changing.log.add(told)
    audit.record(changing, "resume", ACTOR, door="api", path=step.path)
