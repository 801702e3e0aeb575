"""Schedules: those of code can be paused and triggered, those that people made also changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from django.http.response import HttpResponseBase

from workflows_app import Schedule, calling, errors, get_workflow, list_workflows
from workflows_app.actions import PAUSE_SCHEDULE, TRIGGER_SCHEDULE, UNPAUSE_SCHEDULE, Action
from workflows_app.api.entry import answers, lists, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call, Result
from workflows_app.api.entry.inputs import Body, Include, Moment, Page, Wait
from workflows_app.api.entry.lists import Order
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find, waiting
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.api.shapes import schedules as shapes
from workflows_app.api.shapes import schemas
from workflows_app.definition.schedules import stored_id
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedule_changes, schedules
from workflows_app.models import Schedule as Row
from workflows_app.models import Trigger
from workflows_app.models.fields import uuid7
from workflows_app.schedules import WorkflowSchedule, WorkflowSchedules

resource: Final = Resource("schedules")
MISSING: Final = "ScheduleNotFound"
WRONG: Final = ("InvalidCron", "InvalidSchedule", "InvalidInput", "InvalidRequestContext",
                "InvalidId", "PayloadTooLarge")  # fmt: skip


class SchedulesQuery(Page, Include):
    """Which schedules, with which values."""

    workflow: str | None = None


@resource.get(
    "/schedules", gives={200: schemas.page_of(schemas.Schedule)}, query=SchedulesQuery,
    refuses=["InvalidCursor"],
)  # fmt: skip
def list_schedules(call: Call) -> Answer:
    """List the schedules, by id."""
    schedules.store_all(clock.now())
    wanted = shapes.asked(call)
    known = call.caller.known(Row.objects.all())
    return lists.page(
        call,
        lambda: known.filter(workflow=call.query.workflow) if call.query.workflow else known,
        lambda: Order(("pk",), is_newest_first=False),
        lambda found: shapes.listed(call, found, wanted),
    )


# All at once; before the addresses of single ones, which would take these words for ids.


class Pause(Body):
    """What a pause takes."""

    note: str = ""


class AllQuery(Include):
    """Of which workflow; without it, of all that the caller knows."""

    workflow: str | None = None


def _all_of(call: Call) -> list[WorkflowSchedules]:
    """Return the schedules of the workflows that are meant and whose code is here."""
    if call.query.workflow and not call.caller.knows_of(call.query.workflow):
        raise find.no_workflow(call.query.workflow)
    wanted = [call.query.workflow] if call.query.workflow else None
    known = [each for each in list_workflows() if call.caller.knows_of(each.id)]
    return [each.schedules() for each in known if wanted is None or each.id in wanted]


def _all_shown(call: Call, found: list[WorkflowSchedules]) -> Answer:
    rows = Row.objects.filter(pk__in=[each.id for some in found for each in some]).order_by("pk")
    listed = shapes.listed(call, list(rows), shapes.asked(call))
    return Answer(lists.body(listed, None, len(listed)))


@resource.post(
    "/schedules/pause-all", rules.PAUSE_SCHEDULE, body=Pause, query=AllQuery,
    gives={200: schemas.page_of(schemas.Schedule)}, not_found=["WorkflowNotFound"],
    refuses=["InvalidInput"],
)  # fmt: skip
def pause_all_schedules(call: Call) -> Answer:
    """Pause every schedule of a workflow, or of all; answer with them."""
    found = _all_of(call)
    for some in found:
        some.pause_all(calling.text(call.body.note, "note", "pause") or "", **call.acts)
    return _all_shown(call, found)


@resource.post(
    "/schedules/unpause-all", rules.PAUSE_SCHEDULE, query=AllQuery,
    gives={200: schemas.page_of(schemas.Schedule)}, not_found=["WorkflowNotFound"],
)  # fmt: skip
def unpause_all_schedules(call: Call) -> Answer:
    """Let every schedule of a workflow, or of all, fire again; answer with them."""
    found = _all_of(call)
    for some in found:
        some.unpause_all(**call.acts)
    return _all_shown(call, found)


# One.


@resource.get(
    "/schedules/{schedule_id}", gives={200: schemas.Schedule}, query=Include, find=find.schedule,
    not_found=[MISSING],
)  # fmt: skip
def get_schedule(call: Call) -> Answer:
    """Show one schedule."""
    return Answer(shapes.one(call, call.target, shapes.asked(call)))


@resource.get(
    "/schedules/{schedule_id}/values/{name}", gives={200: None}, find=find.schedule,
    not_found=[MISSING, "NotFound"],
)  # fmt: skip
def get_schedule_value(call: Call) -> HttpResponseBase:
    """Give one value of a schedule by itself, as the `$ref` of an answer says."""
    call.caller.require(rules.VALUES)
    name = call.path["name"]
    if name not in shapes.VALUES:
        raise Refusal("NotFound", f"A schedule has no value {name!r}.")
    return answers.bare(answers.dumps(call.target.definition.get(name)).decode())


@resource.get(
    "/schedules/{schedule_id}/triggers", gives={200: schemas.page_of(schemas.Trigger)},
    query=Page, find=find.schedule, not_found=[MISSING], refuses=["InvalidCursor"],
)  # fmt: skip
def list_triggers(call: Call) -> Answer:
    """List the times that a schedule came, the newest first."""
    return lists.page(
        call,
        lambda: Trigger.objects.filter(schedule=call.target.pk),
        lambda: Order(("scheduled_at", "pk")),
        shapes.triggers,
    )


# Making, changing and deleting them.


class Words(Body):
    """What a schedule says."""

    cron: str | None = None
    run_at: Moment | None = None
    timezone: str = "UTC"
    end_at: Moment | None = None
    overlap: str = "allow"
    input_data: Any = None
    initial_state: dict[str, Any] | None = None
    request_context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class NewSchedule(Words):
    """What a new schedule says, and of which workflow it is."""

    workflow_id: str
    id: str | None = None


@resource.post(
    "/schedules", rules.ADD_SCHEDULE, body=NewSchedule, query=Include,
    gives={201: schemas.Schedule, 200: schemas.Schedule}, not_found=["WorkflowNotFound"],
    refuses=[*WRONG, "DuplicateSchedule"],
)  # fmt: skip
def create_schedule(call: Call) -> Answer:
    """Make a schedule of a workflow; made twice in the same words, it is one."""
    wanted = shapes.asked(call)
    body: NewSchedule = call.body
    if not call.caller.knows_of(body.workflow_id):
        raise find.no_workflow(body.workflow_id)
    try:
        definition = get_workflow(body.workflow_id)
    except errors.WorkflowNotFound:
        raise find.no_workflow(body.workflow_id) from None
    words = {name: getattr(body, name) for name in Words.model_fields}
    schedule = Schedule(id=uuid7().hex if body.id is None else body.id, **words)
    is_known = Row.objects.filter(pk=stored_id(definition.id, schedule)).exists()
    row = schedules.make(definition, schedule, **call.acts)
    address = call.address("schedules", row.pk)
    shown = shapes.one(call, row, wanted)
    return Answer(shown, 200 if is_known else 201, {"Location": address}, row.workflow_id)


def _of_person(call: Call) -> Row:
    """Return the schedule of the address, which a person made. Raises ScheduleFromCode."""
    row = find.schedule(call)
    if row.is_from_code:
        raise Refusal(
            "ScheduleFromCode", f"Schedule {row.pk!r} is written in code; change it there."
        )
    return row


@resource.patch(
    "/schedules/{schedule_id}", rules.CHANGE_SCHEDULE, body=Words, query=Include,
    find=find.schedule, gives={200: schemas.Schedule}, not_found=[MISSING, "WorkflowNotFound"],
    refuses=[*WRONG, "ScheduleFromCode"],
)  # fmt: skip
def change_schedule(call: Call) -> Answer:
    """Change what a schedule says; what is left out stays."""
    wanted = shapes.asked(call)
    row = _of_person(call)
    given = {name: getattr(call.body, name) for name in call.body.model_fields_set}
    for name, other in (("cron", "run_at"), ("run_at", "cron")):
        if given.get(name) is not None:
            given.setdefault(other, None)
    if given:
        schedule = replace(schedules.from_row(row), **given)
        definition = get_workflow(row.workflow_id)
        row = schedule_changes.change(row.pk, definition, schedule, **call.acts)
    return Answer(shapes.one(call, row, wanted), workflow_id=row.workflow_id)


@resource.delete(
    "/schedules/{schedule_id}", rules.DELETE_SCHEDULE, find=find.schedule, gives={204: None},
    not_found=[MISSING], refuses=["ScheduleFromCode"],
)  # fmt: skip
def delete_schedule(call: Call) -> Answer:
    """Delete a schedule; the runs that it started stay."""
    schedule_changes.remove(_of_person(call).pk, **call.acts)
    return Answer(status=204)


# Pausing and triggering them.


def _handle(call: Call) -> WorkflowSchedule:
    row: Row = call.target
    return WorkflowSchedule(get_workflow(row.workflow_id), row)


def _require_defined(call: Call, action: Action) -> None:
    row: Row = call.target
    if not row.is_defined and (refusal := action.refusal(row)):
        raise errors.InvalidSchedule(refusal)


def _shown(call: Call) -> Answer:
    row = Row.objects.get(pk=call.target.pk)
    return Answer(shapes.one(call, row, shapes.asked(call)), workflow_id=row.workflow_id)


@resource.post(
    "/schedules/{schedule_id}/pause", rules.PAUSE_SCHEDULE, body=Pause, query=Include,
    find=find.schedule, gives={200: schemas.Schedule}, not_found=[MISSING, "WorkflowNotFound"],
    refuses=["InvalidSchedule", "InvalidInput"],
)  # fmt: skip
def pause_schedule(call: Call) -> Answer:
    """Stop a schedule from firing until it is unpaused."""
    shapes.asked(call)
    _require_defined(call, PAUSE_SCHEDULE)
    if call.target.status != schedules.PAUSED:
        _handle(call).pause(calling.text(call.body.note, "note", "pause") or "", **call.acts)
    return _shown(call)


@resource.post(
    "/schedules/{schedule_id}/unpause", rules.PAUSE_SCHEDULE, query=Include, find=find.schedule,
    gives={200: schemas.Schedule}, not_found=[MISSING, "WorkflowNotFound"],
    refuses=["InvalidSchedule"],
)  # fmt: skip
def unpause_schedule(call: Call) -> Answer:
    """Let a schedule fire again, from its next time on."""
    shapes.asked(call)
    _require_defined(call, UNPAUSE_SCHEDULE)
    if call.target.status == schedules.PAUSED:
        _handle(call).unpause(**call.acts)
    return _shown(call)


class TriggerQuery(Wait, Include):
    """Whether to wait for the run, and which of its values to give."""


@resource.post(
    "/schedules/{schedule_id}/trigger", rules.TRIGGER, query=TriggerQuery, find=find.schedule,
    ready=run_shapes.asked,
    gives={201: schemas.Run}, not_found=[MISSING, "WorkflowNotFound"],
    refuses=["InvalidSchedule"],
)  # fmt: skip
def trigger_schedule(call: Call) -> Result:
    """Start a run with what a schedule gives it, now."""
    _require_defined(call, TRIGGER_SCHEDULE)
    run = _handle(call).run_now(**call.acts)
    return waiting.answered(call, run.pk, 201, is_new=True)
