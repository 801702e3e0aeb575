"""What the page that starts a workflow shows: its form, recent inputs, the call in Python."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pprint import pformat
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from pydantic import ValidationError

from workflows_app import Schedule, errors, jsontext, refusal_words
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedule_times
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run
from workflows_app.models.fields import uuid7
from workflows_app.planner.statuses import RunStatus

from .. import same
from ..catalogue import KnownWorkflow
from ..forms import documents
from ..forms.bound import BoundInput
from ..forms.fields import MISSING
from ..forms.start import AT, CONTEXT, CRON, NOW, STATE, StartForm, StartSchemas
from ..request import posted, zones
from ..same import Call
from ..values import previews, sight

#: How many recent inputs are offered without duplicates, and how many runs are read for them.
MOST_RECENT: Final = 5
LOOKED_AT: Final = 30
#: How many characters of an input its line shows; inputs with the same line are duplicates.
SHOWN: Final = 160
COMPARED: Final = 2000
#: How many of the next times are shown before a schedule is created.
UPCOMING: Final = 5

RUN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]{1,255}")
HIDDEN: Final = "…"
NO_PLACE: Final = gettext_lazy(
    "A schedule has no place for this: leave it empty, or start one run now."
)


@dataclass(frozen=True)
class RecentInput:
    """An input that a run of this workflow got."""

    run: Run
    text: str


def shapes_of(known: KnownWorkflow) -> StartSchemas:
    """Return the schemas of what runs of a workflow are given."""
    said = known.graph.json
    return StartSchemas(
        said.get("input_schema"), said.get("state_schema"), said.get("request_context_schema")
    )


def fresh(known: KnownWorkflow, draft: QueryDict | None, source: Run | None) -> StartForm:
    """Return the form as it is first shown: empty, from a draft, or with the values of a run."""
    shapes = shapes_of(known)
    if draft is not None:
        return StartForm.sent(shapes, draft, zone=zones.of_form(draft))
    zone = timezone.get_current_timezone()
    if source is None:
        return StartForm.begun(shapes, zone=zone)
    more = {
        "resource_id": source.resource_id,
        "tags": source.tags,
        STATE: source.initial_state,
        CONTEXT: source.initial_request_context,
    }
    value = MISSING if source.input is None else jsontext.blanked(source.input)
    given = {key: jsontext.blanked(held) for key, held in more.items() if held}
    return StartForm.begun(shapes, value, given, zone)


def sent(request: HttpRequest, known: KnownWorkflow) -> StartForm:
    """Return the form as it was posted, with files read."""
    uploads, problems = posted.uploads_of(request)
    zone = zones.of_form(request.POST)
    form = StartForm.sent(shapes_of(known), request.POST, uploads, zone)
    form.text_errors += problems
    return form


def recent_of(workflow_id: str) -> list[RecentInput]:
    """Return the inputs that the latest runs of a workflow got, without duplicates."""
    if not sight.values():
        return []
    runs = Run.objects.filter(workflow=workflow_id, started_at__isnull=False).light()
    found: dict[str, RecentInput] = {}
    for run in previews.with_previews(runs.order_by("-pk"), ["input"], COMPARED)[:LOOKED_AT]:
        shown = previews.preview_of(run, "input")
        if shown is None or shown.text in {"null", "{}"}:
            continue
        line = shown.text if len(shown.text) <= SHOWN else f"{shown.text[:SHOWN]}…"
        found.setdefault(f"{shown.size}:{shown.text}", RecentInput(run, line))
    return list(found.values())[:MOST_RECENT]


# Checking the form.


def fits(form: StartForm, known: KnownWorkflow) -> bool:
    """Check what a run would be given by the types of its workflow; errors go to fields."""
    is_ready = posted.fits(form, known.load)
    defined = known.defined
    for key, schema in ((STATE, defined.state), (CONTEXT, defined.request_context)):
        is_ready = _fits_part(form, key, schema) and is_ready
    run_id = form.part("run_id")
    if isinstance(run_id, BoundInput) and run_id.raw and not RUN_ID.fullmatch(run_id.raw.strip()):
        run_id.errors.append(gettext("Use up to 255 letters, digits and “_-.:”."))
        return False
    return is_ready


def _fits_part(form: StartForm, key: str, schema: Any) -> bool:
    try:
        value = form.given.get(key)
    except documents.NotJson:  # its field has said so
        return False
    if value is None:
        return True
    part = form.part(key)
    if not isinstance(value, dict):
        part.errors.append(gettext("This must be an object: {…}."))
        return False
    if schema.is_any:
        return True
    try:
        schema.load(jsontext.dumps(value))
    except ValidationError as refusal:
        said = refusal.errors(include_url=False, include_context=False, include_input=False)
        form.more.refuse({**each, "loc": (key, *each["loc"])} for each in said)
        return False
    return True


def schedule_of(form: StartForm, key: str) -> Schedule | None:
    """Return the schedule that was typed, with an id; None if its fields have errors."""
    timed, given = form.timed, form.given
    for name in ("resource_id", "tags", "run_id"):
        if given.get(name):
            form.part(name).errors.append(str(NO_PLACE))
    if form.has_secrets and any(line.raw for line in _secrets(form)):
        form.text_errors.append(gettext("Secrets are never stored, so a schedule cannot have any."))
    if form.complaints:
        return None
    said: dict[str, Any] = {
        "id": key,
        "input_data": form.draft(),
        "initial_state": given.get(STATE),
        "request_context": given.get(CONTEXT),
        "overlap": timed.get("overlap", "allow"),
    }
    if form.moment == AT:
        return _once(form, said)
    try:
        return Schedule(
            str(timed[CRON]).strip(),
            timezone=str(timed.get("timezone") or form.zone).strip(),
            **said,
        )
    except errors.InvalidCron as refusal:
        form.part(CRON).errors.append(refusal_words.of(refusal))
    except errors.InvalidSchedule as refusal:
        form.part("timezone").errors.append(refusal_words.of(refusal))
    return None


def _once(form: StartForm, said: Mapping[str, Any]) -> Schedule | None:
    at = form.part(AT)
    try:
        moment = datetime.fromisoformat(str(form.timed[AT]))
    except ValueError:
        at.errors.append(gettext("Write a date and a time, such as 2026-03-01 09:00."))
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=form.zone)
    if moment <= clock.now():
        at.errors.append(gettext("This time has passed; choose one that is still to come."))
        return None
    return Schedule(run_at=moment.astimezone(UTC), timezone=str(form.zone), **said)


def times_of(schedule: Schedule) -> list[datetime]:
    """Return the next times of a schedule that is not stored yet, in its zone."""
    first = schedule.next_after(clock.now())
    zone: tzinfo = ZoneInfo(schedule.timezone)
    return [at.astimezone(zone) for at in schedule_times.times_from(schedule, first, UPCOMING)]


def run_key(known: KnownWorkflow, sent: Mapping[str, Any], asked: str = "") -> str:
    """Return the id of the run that the form starts, so that sending it twice starts one run.

    It is that of a pending run if the form or the address names one.
    """
    key = str(sent.get("run_key") or asked)
    if is_pending(known, key):
        return key
    try:
        return str(uuid.UUID(key))
    except ValueError:
        return str(uuid7())


def is_pending(known: KnownWorkflow, run_id: str) -> bool:
    """Return whether a run of this workflow was created with this id and not started yet."""
    if not run_id or "\0" in run_id:  # PostgreSQL does not accept such text
        return False
    waiting = Run.objects.filter(status=RunStatus.PENDING, workflow=known.id)
    return waiting.filter(run_id=run_id).exists()


def _secrets(form: StartForm) -> Iterable[BoundInput]:
    lines = [*form.root.walk(), *form.more.root.walk()]
    return [line for line in lines if isinstance(line, BoundInput) and line.is_secret]


# The same call in Python.


def python_of(known: KnownWorkflow, form: StartForm) -> str:
    """Return the call that does what the form would do; empty if its JSON cannot be read.

    Secrets are not written out.
    """
    form = copy.deepcopy(form)
    for line in _secrets(form):
        line.raw = HIDDEN if line.raw else ""
    try:
        given, value = form.given, form.draft()
    except documents.NotJson:
        return ""
    if form.moment != NOW:
        return _python_schedule(form, given, value)
    made = [f"{name}={given[name]!r}" for name in ("run_id", "resource_id") if name in given]
    options = {name: given[name] for name in (STATE, CONTEXT) if name in given}
    if "tags" in given:
        options["tracing_options"] = {"tags": given["tags"]}
    head = "from workflows_app import get_workflow\n\n"
    run = f"run = get_workflow({known.id!r}).create_run({', '.join(made)})\n"
    return f"{head}{run}{_call('result = run.start', value, options)}"


def calls_of(known: KnownWorkflow, form: StartForm) -> list[Call]:
    """Return what the form would do as it is called from outside; none if its JSON is broken."""
    form = copy.deepcopy(form)
    for line in _secrets(form):
        line.raw = HIDDEN if line.raw else ""
    try:
        given, value = form.given, form.draft()
    except documents.NotJson:
        return []
    if form.moment == NOW:
        return [_call_now(known, given, value)]
    body = {"workflow_id": known.id, "input_data": value}
    body |= {name: given[name] for name in (STATE, CONTEXT) if name in given}
    timed = form.timed
    if form.moment == AT:
        return [Call("schedules", {**body, "run_at": str(timed.get(AT, ""))})]
    body |= {"cron": timed.get(CRON, ""), "timezone": timed.get("timezone") or str(form.zone)}
    if timed.get("overlap", "allow") != "allow":
        body["overlap"] = timed["overlap"]
    return [Call("schedules", body)]


def _call_now(known: KnownWorkflow, given: Mapping[str, Any], value: Any) -> Call:
    words = ["start", known.id, "--input", same.as_json(value)]
    flags = {"run_id": "--run-id", "resource_id": "--resource-id"}
    for name, flag in flags.items():
        words += [flag, given[name]] if name in given else []
    for name, flag in ((STATE, "--state"), (CONTEXT, "--context")):
        words += [flag, same.as_json(given[name])] if name in given else []
    for tag in given.get("tags", ()):
        words += ["--tag", tag]
    names = (*flags, STATE, CONTEXT, "tags")
    body = {"input": value, **{name: given[name] for name in names if name in given}}
    return Call(f"workflows/{quote(known.id, safe='')}/runs", body, words)


def _python_schedule(form: StartForm, given: Mapping[str, Any], value: Any) -> str:
    timed = form.timed
    options: dict[str, Any] = {"input_data": value}
    options |= {name: given[name] for name in (STATE, CONTEXT) if name in given}
    head = "from workflows_app import Schedule, Workflow\n\n"
    if form.moment == AT:
        head = f"from datetime import datetime\n\n{head}"
        when = f"run_at=datetime.fromisoformat({str(timed.get(AT, ''))!r})"
        return f"{head}{_call('schedule = Schedule', None, options, [when])}"
    options["timezone"] = timed.get("timezone") or str(form.zone)
    if timed.get("overlap", "allow") != "allow":
        options["overlap"] = timed["overlap"]
    return f"{head}{_call('schedule = Schedule', timed.get(CRON, ''), options)}"


def _call(name: str, value: Any, options: Mapping[str, Any], parts: Iterable[str] = ()) -> str:
    first = [] if value is None else [_literal(value)]
    named = [f"{key}={_literal(each, len(key) + 1)}" for key, each in options.items()]
    arguments = [*first, *parts, *named]
    plain = f"{name}({', '.join(arguments)})"
    if len(plain) <= 88 and "\n" not in plain:  # noqa: PLR2004 - a line of code
        return plain
    inside = ",\n".join(arguments).replace("\n", "\n    ")
    return f"{name}(\n    {inside},\n)"


def _literal(value: Any, column: int = 0) -> str:
    """Return a value as Python writes it; its further lines are indented below the first."""
    return pformat(value, width=80 - column, sort_dicts=False).replace("\n", "\n" + " " * column)
