"""Schedules in the client's names. Those of code can be paused and run, and are changed in code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows_app import Schedule, errors, get_workflow
from workflows_app.api.client import names
from workflows_app.api.client.operations import Body, Query, operation
from workflows_app.api.entry import rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find
from workflows_app.api.shapes import errors as error_shapes
from workflows_app.definition.schedules import stored_id
from workflows_app.engine.host import clock
from workflows_app.engine.run import payloads
from workflows_app.engine.verbs import schedule_changes, schedules
from workflows_app.models import Run, Trigger
from workflows_app.models import Schedule as Row
from workflows_app.models.fields import uuid7
from workflows_app.schedules import WorkflowSchedule

ROUTE: Final = "schedules/<str:schedule_id>"
#: What a schedule gives its runs, which not everybody may see.
VALUES: Final = ("input_data", "initial_state", "request_context")
_NO_ID: Final = re.compile(r"[^A-Za-z0-9_-]+")
#: Milliseconds that a date can hold.
_LAST: Final = 253_402_300_799_000


# What they look like.


def _shown(call: Call, rows: Iterable[Row]) -> list[dict[str, Any]]:
    listed = list(rows)
    runs = _runs(row.last_run_id for row in listed)
    return [_one(call, row, runs.get(row.last_run_id)) for row in listed]


def _one(call: Call, row: Row, last_run: Run | None) -> dict[str, Any]:
    said: Mapping[str, Any] = row.definition
    visible = VALUES if call.caller.sees_values else ()
    given = {names.camel(name): said.get(name) for name in visible}
    return {
        "id": row.pk,
        "workflowId": row.workflow_id,
        "cron": row.cron,
        "timezone": row.timezone,
        "status": row.status,
        "nextFireAt": names.millis(row.next_fire_at),
        "createdAt": names.millis(row.created_at),
        "updatedAt": names.millis(max(row.created_at, row.last_fire_at or row.created_at)),
        **names.present(
            {
                "lastFireAt": names.millis(row.last_fire_at),
                "lastRunId": row.last_run_id or None,
                "lastRun": None if last_run is None else _run(last_run),
                "metadata": said.get("metadata") or None,
                **given,
            }
        ),
    }


def _runs(ids: Iterable[str]) -> dict[str, Run]:
    """Return runs by their ids, with what is told of a schedule's runs."""
    found = Run.objects.light().filter(run_id__in=[each for each in ids if each])
    rows = found.annotate(error_text=payloads.as_text("error"))
    return {row.run_id: row for row in rows}


def _run(run: Run) -> dict[str, Any]:
    error = error_shapes.brief(getattr(run, "error_text", None))
    began, ended = names.millis(run.started_at), names.millis(run.ended_at)
    times = {
        "startedAt": began,
        "completedAt": ended,
        "durationMs": None if began is None or ended is None else ended - began,
        "error": None if error is None else error["message"],
    }
    return {"status": run.status, **names.present(times)}


def _trigger(row: Trigger, run: Run | None) -> dict[str, Any]:
    """Return one time that a schedule came; one that was passed over counts as failed."""
    error = row.error if isinstance(row.error, dict) else None
    return {
        "id": str(row.pk),
        "scheduleId": row.schedule_id,
        "runId": row.run_id or None,
        "scheduledFireAt": names.millis(row.scheduled_at),
        "actualFireAt": names.millis(row.fired_at),
        "outcome": "published" if row.outcome == "published" else "failed",
        "triggerKind": "manual" if row.kind == "manual" else "schedule-fire",
        **names.present(
            {
                "error": None if error is None else error.get("message"),
                "run": None if run is None else _run(run),
            }
        ),
    }


# Looking.


class SchedulesQuery(Query):
    """Which schedules. Those of agents are not here, and so none has one of the last four."""

    workflow_id: str | None = None
    status: Literal["active", "paused"] | None = None
    agent_id: str | None = None
    thread_id: str | None = None
    resource_id: str | None = None
    name: str | None = None

    @property
    def is_of_agents(self) -> bool:
        """Whether it asks for what no schedule of a workflow has."""
        return any((self.agent_id, self.thread_id, self.resource_id, self.name))


@operation("GET", "schedules", query=SchedulesQuery, find=None)
def list_all(call: Call) -> Answer:
    """List the schedules, by id."""
    query = call.query
    schedules.store_all(clock.now())
    wanted = {"workflow": query.workflow_id, "status": query.status}
    given = {name: value for name, value in wanted.items() if value is not None}
    rows = call.caller.known(Row.objects.filter(is_defined=True, **given))
    found = () if query.is_of_agents else rows.order_by("pk")
    return Answer({"schedules": _shown(call, found)})


@operation("GET", ROUTE, find=find.schedule)
def show(call: Call) -> Answer:
    """Show one schedule."""
    return _answer(call, call.target)


def _answer(call: Call, row: Row) -> Answer:
    (shown,) = _shown(call, [row])
    return Answer(shown)


class TriggersQuery(Query):
    """Which times; milliseconds since 1970."""

    limit: int = Field(100, ge=1, le=1000)
    from_actual_fire_at: int | None = Field(None, ge=0, le=_LAST)
    to_actual_fire_at: int | None = Field(None, ge=0, le=_LAST)


def _if_there(call: Call) -> Row | None:
    try:
        return find.schedule(call)
    except Refusal:
        return None


@operation("GET", f"{ROUTE}/triggers", query=TriggersQuery, find=_if_there)
def list_triggers(call: Call) -> Answer:
    """List the times that a schedule came, the newest first; none of one that is not there."""
    if call.target is None:
        return Answer({"triggers": []})
    query = call.query
    rows = Trigger.objects.filter(schedule=call.target.pk)
    if query.from_actual_fire_at is not None:
        rows = rows.filter(fired_at__gte=_at(query.from_actual_fire_at))
    if query.to_actual_fire_at is not None:
        rows = rows.filter(fired_at__lte=_at(query.to_actual_fire_at))
    found = list(rows.order_by("-fired_at", "-pk")[: query.limit])
    runs = _runs(row.run_id for row in found)
    return Answer({"triggers": [_trigger(row, runs.get(row.run_id)) for row in found]})


def _at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


# Making, changing and deleting them.


class Words(Body):
    """What a schedule says; here unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    timezone: str | None = None
    input_data: Any = None
    initial_state: dict[str, Any] | None = None
    request_context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class NewSchedule(Words):
    """What a new schedule says, and of which workflow it is."""

    workflow_id: str
    cron: str
    id: str | None = None


class Patch(Words):
    """What a schedule says from now on; what is left out stays."""

    cron: str | None = None
    status: Literal["active", "paused"] | None = None


@operation("POST", "schedules", rules.ADD_SCHEDULE, body=NewSchedule, find=None)
def create(call: Call) -> Answer:
    """Make a schedule of a workflow. Its id is made of the one that was given."""
    body: NewSchedule = call.body
    if not call.caller.knows_of(body.workflow_id):
        raise find.no_workflow(body.workflow_id)
    definition = get_workflow(body.workflow_id)
    words = _words(body, "workflow_id", "id")
    schedule = Schedule(id=_slug(body.id) or uuid7().hex, **words)
    key = stored_id(definition.id, schedule)
    if Row.objects.filter(pk=key).exists():
        raise errors.DuplicateSchedule(f"There is a schedule {key!r} already; choose an id.")
    return _answer(call, schedules.make(definition, schedule, **call.acts))


def _slug(given: str | None) -> str:
    return _NO_ID.sub("-", given or "").strip("-")


def _words(body: Words, *left_out: str) -> dict[str, Any]:
    given = body.given(*left_out)
    if given.get("timezone", "") is None:
        del given["timezone"]
    return given


@operation("PATCH", ROUTE, rules.CHANGE_SCHEDULE, body=Patch, find=find.schedule)
def change(call: Call) -> Answer:
    """Change what a schedule says, and pause it or let it fire again."""
    row: Row = call.target
    body: Patch = call.body
    if body.status is not None:
        call.caller.require(rules.PAUSE_SCHEDULE)
    words = _words(body, "status")
    if words:
        row = _changed(call, words)
    if body.status is not None:
        row = _moved(call, body.status)
    return _answer(call, row)


def _changed(call: Call, words: Mapping[str, Any]) -> Row:
    row = _of_person(call)
    if words.get("cron") is not None:
        words = {**words, "run_at": None}
    schedule = replace(schedules.from_row(row), **words)
    definition = get_workflow(row.workflow_id)
    return schedule_changes.change(row.pk, definition, schedule, **call.acts)


def _of_person(call: Call) -> Row:
    row: Row = call.target
    if row.is_from_code:
        raise Refusal(
            "ScheduleFromCode", f"Schedule {row.pk!r} is written in code; change it there."
        )
    return row


@operation("DELETE", ROUTE, rules.DELETE_SCHEDULE, find=find.schedule)
def delete(call: Call) -> Answer:
    """Delete a schedule; the runs that it started stay."""
    schedule_changes.remove(_of_person(call).pk, **call.acts)
    return Answer({"message": "Schedule deleted"})


# Pausing and running them.


def _handle(call: Call) -> WorkflowSchedule:
    row: Row = call.target
    return WorkflowSchedule(get_workflow(row.workflow_id), row)


def _moved(call: Call, status: str) -> Row:
    """Return the schedule, paused or active as asked for; nothing is done where it is so."""
    row: Row = call.target
    if row.status == status:
        return Row.objects.get(pk=row.pk)
    if status == schedules.PAUSED:
        _handle(call).pause(**call.acts)
    else:
        _handle(call).unpause(**call.acts)
    return Row.objects.get(pk=row.pk)


@operation("POST", f"{ROUTE}/pause", rules.PAUSE_SCHEDULE, find=find.schedule)
def pause(call: Call) -> Answer:
    """Stop a schedule from firing until it is resumed."""
    return _answer(call, _moved(call, schedules.PAUSED))


@operation("POST", f"{ROUTE}/resume", rules.PAUSE_SCHEDULE, find=find.schedule)
def resume(call: Call) -> Answer:
    """Let a schedule fire again, from its next time on."""
    return _answer(call, _moved(call, schedules.ACTIVE))


@operation("POST", f"{ROUTE}/run", rules.TRIGGER, find=find.schedule)
def run_now(call: Call) -> Answer:
    """Start a run with what a schedule gives it, now."""
    run = _handle(call).run_now(**call.acts)
    trigger = Trigger.objects.filter(schedule=call.target.pk, run_id=run.run_id).first()
    at = run.created_at if trigger is None else trigger.scheduled_at
    claim = {"claimId": run.run_id, "scheduledFireAt": names.millis(at)}
    return Answer({"scheduleId": call.target.pk, **claim})
