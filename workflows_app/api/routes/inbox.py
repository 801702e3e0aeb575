"""The inbox: the questions that wait for people; claiming, answering and putting them off."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Literal

from django.db.models import Exists, OuterRef, QuerySet
from pydantic import Field

from workflows_app import errors, get_workflow, snoozes
from workflows_app.api.entry import lists, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call, Result
from workflows_app.api.entry.inputs import Body, Include, Moment, Page
from workflows_app.api.entry.lists import Order
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find, waiting
from workflows_app.api.routes.verbs import BROUGHT, VerbQuery
from workflows_app.api.shapes import questions, schemas
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import assignments
from workflows_app.models import Assignment, StepSnapshot
from workflows_app.planner.statuses import StepStatus

resource: Final = Resource("inbox")
MISSING: Final = "SuspensionNotFound"
GONE: Final = ("RunNotSuspended", "StepNotSuspended", "ResumeAlreadyClaimed")


class InboxQuery(Page, Include):
    """Which questions, whose values are there by themselves."""

    workflow: str | None = None
    run_id: str | None = None
    claimed: Literal["me", "nobody"] | None = None
    put_off: bool = Field(default=False, description="Also those that the caller has put off.")


@resource.get(
    "/inbox", gives={200: schemas.page_of(schemas.Question)}, query=InboxQuery,
    refuses=["InvalidCursor"],
)  # fmt: skip
def list_inbox(call: Call) -> Answer:
    """List the questions that wait for people, the oldest first."""
    questions.check_names(call)
    return lists.page(
        call,
        lambda: questions.rows(_matching(call)),
        lambda: Order(("pk",), is_newest_first=False),
        lambda found: questions.listed(call, found),
    )


def _matching(call: Call) -> QuerySet[StepSnapshot]:
    query, user = call.query, call.caller.user
    rows = call.caller.known(StepSnapshot.objects.asking(), "run__workflow_id")
    exact = {"run__workflow_id": query.workflow, "run__run_id": query.run_id}
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    claims = Assignment.objects.filter(suspension=OuterRef("suspension"))
    if query.claimed == "me":
        rows = rows.filter(Exists(claims.filter(person=user.pk)))
    if query.claimed == "nobody":
        rows = rows.exclude(Exists(claims))
    return rows if query.put_off else rows.exclude(snoozes.hides(user))


def _asked(call: Call) -> StepSnapshot:
    """Return the step of the address, for somebody who may answer it. Raises NotAllowedToAnswer."""
    step = find.suspension(call)
    questions.require_answer(call.caller, step)
    return step


def _to_answer(call: Call) -> StepSnapshot:
    """Return the same; an attempt of somebody who may not is in the audit trail."""
    step = find.suspension(call)
    try:
        questions.require_answer(call.caller, step)
    except Refusal as refusal:
        questions.note_refused(step.run, refusal, call.acts, step.path)
        raise
    return step


def _still_asked(step: StepSnapshot) -> None:
    """Refuse what is done with a question that is asked no more."""
    if step.status != StepStatus.SUSPENDED or getattr(step, "is_earlier", False):
        raise errors.StepNotSuspended(
            f"The question was answered, or is asked no more: step {step.path!r} has gone on."
        )


def _question(call: Call) -> Answer:
    rows = questions.rows(StepSnapshot.objects.filter(pk=call.target.pk))
    (shown,) = questions.listed(call, list(rows))
    return Answer(shown, workflow_id=shown["workflow_id"])


class Claim(Body):
    """What a claim takes."""

    take_over: bool = False


@resource.post(
    "/inbox/{suspension}/claim", rules.ANSWER, body=Claim, find=_asked,
    gives={200: schemas.Question}, not_found=[MISSING],
    refuses=["NotAllowedToAnswer", "AlreadyClaimed", *GONE],
)  # fmt: skip
def claim_question(call: Call) -> Answer:
    """Say that the caller will answer a question; it keeps nobody from answering."""
    step: StepSnapshot = call.target
    _still_asked(step)
    holder = None
    if call.body.take_over:
        claims = Assignment.objects.filter(suspension=call.path["suspension"])
        holder = claims.values_list("person", flat=True).first()
    held = assignments.claim(step, call.caller.user, instead_of=holder, door=call.acts["door"])
    if held is None:
        raise errors.StepNotSuspended("The question was answered, or is asked no more.")
    if held.person_id != call.caller.user.pk:
        name = held.person.get_username()
        raise Refusal("AlreadyClaimed", f"{name} has claimed this question.", claimed_by=name)
    return _question(call)


@resource.post(
    "/inbox/{suspension}/release", rules.ANSWER, find=_asked, gives={200: schemas.Question},
    not_found=[MISSING], refuses=["NotAllowedToAnswer", "NotClaimed", *GONE],
)  # fmt: skip
def release_question(call: Call) -> Answer:
    """Give a question back that the caller had claimed."""
    _still_asked(call.target)
    if not assignments.release(call.target, call.caller.user, door=call.acts["door"]):
        raise Refusal("NotClaimed", "You have not claimed this question.")
    return _question(call)


class PutOff(Body):
    """Until when a question is put off."""

    until: Moment


@resource.post(
    "/inbox/{suspension}/put-off", rules.ANSWER, body=PutOff, find=_asked,
    gives={200: schemas.Question}, not_found=[MISSING], refuses=["NotAllowedToAnswer", *GONE],
)  # fmt: skip
def put_off_question(call: Call) -> Answer:
    """Hide a question from the caller alone, until a moment."""
    until: datetime = call.body.until
    if until <= clock.now():
        raise Refusal("InvalidRequest", "A question is put off until a moment that is to come.")
    _still_asked(call.target)
    snoozes.put_off(call.target, call.caller.user, until, door=call.acts["door"])
    return _question(call)


def _note_refused(call: Call, refusal: Refusal) -> None:
    with suppress(Refusal):
        step = find.suspension(call)
        questions.note_refused(step.run, refusal, call.acts, step.path)


class Given(Body):
    """What an answer takes."""

    resume_data: Any
    note: str = ""


@resource.post(
    "/inbox/{suspension}/answer", rules.ANSWER, body=Given, query=VerbQuery, find=_to_answer,
    ready=run_shapes.asked,
    gives={200: schemas.Run, 202: schemas.Run}, not_found=[MISSING, "WorkflowNotFound"],
    refuses=["NotAllowedToAnswer", "InvalidResumeData", "DefinitionChanged", *GONE, *BROUGHT],
    note_refused=_note_refused,
)  # fmt: skip
def answer_question(call: Call) -> Result:
    """Answer a question; in a foreach that one item goes on."""
    row = call.target.run
    get_workflow(row.workflow_id).get_run(row.run_id).resume(
        call.body.resume_data,
        suspension=call.path["suspension"],
        note=call.body.note,
        **call.acts,
        wait=False,
    )
    return waiting.answered(call, row.pk)
