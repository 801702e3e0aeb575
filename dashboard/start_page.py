"""What the page that starts a workflow shows: its form, recent inputs, the call from Python."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pprint import pformat
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import HttpRequest, QueryDict
from django.utils import timezone
from pydantic import ValidationError

from dashboard import previews, zones
from dashboard.catalogue import Known
from dashboard.forms import documents
from dashboard.forms.bound import Line
from dashboard.forms.fields import MISSING
from dashboard.forms.start import AT, CONTEXT, CRON, NOW, STATE, Shapes, StartForm
from dashboard.views import posted
from workflows_app import Schedule, errors, jsontext
from workflows_app.engine import clock, schedules
from workflows_app.models import Run
from workflows_app.models.fields import uuid7
from workflows_app.planner.statuses import RunStatus

#: Runs whose inputs are offered, after equal ones were left out, and runs that are looked at.
MOST_RECENT: Final = 5
LOOKED_AT: Final = 30
#: Characters of an input that its line shows, and by which equal ones are known.
SHOWN: Final = 160
COMPARED: Final = 2000
#: Times to come that are printed before a schedule is made.
UPCOMING: Final = 5

RUN_ID: Final = re.compile(r"[A-Za-z0-9_\-.:]{1,255}")
HIDDEN: Final = "…"
NO_PLACE: Final = "A schedule has no place for this: leave it empty, or start one run now."


@dataclass(frozen=True)
class Recent:
    """An input that a run of this workflow got."""

    run: Run
    text: str


def shapes_of(known: Known) -> Shapes:
    """Return the schemas of what runs of a workflow are given."""
    said = known.graph.json
    return Shapes(
        said.get("input_schema"), said.get("state_schema"), said.get("request_context_schema")
    )


def fresh(known: Known, draft: QueryDict | None, source: Run | None) -> StartForm:
    """Return the form as it is first shown: empty, as somebody left it, or as a run was started."""
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


def sent(request: HttpRequest, known: Known) -> StartForm:
    """Return the form as it was posted, files read in."""
    uploads, problems = posted.uploads_of(request)
    zone = zones.of_form(request.POST)
    form = StartForm.sent(shapes_of(known), request.POST, uploads, zone)
    form.text_errors += problems
    return form


def recent_of(workflow_id: str) -> list[Recent]:
    """Return the inputs that the latest runs of a workflow got, equal ones once."""
    runs = Run.objects.filter(workflow=workflow_id, started_at__isnull=False).light()
    found: dict[str, Recent] = {}
    for run in previews.with_previews(runs.order_by("-pk"), ["input"], COMPARED)[:LOOKED_AT]:
        shown = previews.preview_of(run, "input")
        if shown is None or shown.text in {"null", "{}"}:
            continue
        line = shown.text if len(shown.text) <= SHOWN else f"{shown.text[:SHOWN]}…"
        found.setdefault(f"{shown.size}:{shown.text}", Recent(run, line))
    return list(found.values())[:MOST_RECENT]


# Checking what the form holds.


def fits(form: StartForm, known: Known) -> bool:
    """Check all that a run would be given, by the types of its workflow; errors go to fields."""
    is_ready = posted.fits(form, known.load)
    defined = known.defined
    for key, schema in ((STATE, defined.state), (CONTEXT, defined.request_context)):
        is_ready = _fits_part(form, key, schema) and is_ready
    run_id = form.part("run_id")
    if isinstance(run_id, Line) and run_id.raw and not RUN_ID.fullmatch(run_id.raw.strip()):
        run_id.errors.append("Use up to 255 letters, digits and “_-.:”.")
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
        part.errors.append("This must be an object: {…}.")
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
    """Return the schedule that was typed, with an id; None: its fields say what is wrong."""
    timed, given = form.timed, form.given
    for name in ("resource_id", "tags", "run_id"):
        if given.get(name):
            form.part(name).errors.append(NO_PLACE)
    if form.has_secrets and any(line.raw for line in _secrets(form)):
        form.text_errors.append("A secret is never kept, so no schedule can give it to its runs.")
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
        form.part(CRON).errors.append(str(refusal))
    except errors.InvalidSchedule as refusal:
        form.part("timezone").errors.append(str(refusal))
    return None


def _once(form: StartForm, said: Mapping[str, Any]) -> Schedule | None:
    at = form.part(AT)
    try:
        moment = datetime.fromisoformat(str(form.timed[AT]))
    except ValueError:
        at.errors.append("Write a date and a time, such as 2026-03-01 09:00.")
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=form.zone)
    if moment <= clock.now():
        at.errors.append("This time has passed; choose one that is still to come.")
        return None
    return Schedule(run_at=moment.astimezone(UTC), timezone=str(form.zone), **said)


def times_of(schedule: Schedule) -> list[datetime]:
    """Return the next times of a schedule that is not stored yet, in its zone."""
    first = schedule.next_after(clock.now())
    zone: tzinfo = ZoneInfo(schedule.timezone)
    return [at.astimezone(zone) for at in schedules.times_from(schedule, first, UPCOMING)]


def run_key(known: Known, sent: Mapping[str, Any], asked: str = "") -> str:
    """Return the id that the form's run gets, so that a form sent twice starts one run.

    It is that of a run which waits to be started where the form or the address names one.
    """
    key = str(sent.get("run_key") or asked)
    if is_pending(known, key):
        return key
    try:
        return str(uuid.UUID(key))
    except ValueError:
        return str(uuid7())


def is_pending(known: Known, run_id: str) -> bool:
    """Return whether a run of this workflow was created under this id, and not started yet."""
    if not run_id or "\0" in run_id:  # PostgreSQL takes no such text
        return False
    waiting = Run.objects.filter(status=RunStatus.PENDING, workflow=known.id)
    return waiting.filter(run_id=run_id).exists()


def _secrets(form: StartForm) -> Iterable[Line]:
    lines = [*form.root.walk(), *form.more.root.walk()]
    return [line for line in lines if isinstance(line, Line) and line.is_secret]


# The same call from Python.


def python_of(known: Known, form: StartForm) -> str:
    """Return the call that does what the form would do; empty where its JSON cannot be read.

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
    """Return a value as Python writes it; its further lines stand below the first."""
    return pformat(value, width=80 - column, sort_dicts=False).replace("\n", "\n" + " " * column)
