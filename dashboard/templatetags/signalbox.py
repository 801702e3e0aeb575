"""Statuses, times and values as the pages show them: one vocabulary everywhere."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from dashboard import (
    address_words,
    answering,
    failure,
    fragments,
    inbox_page,
    plain_sight,
    scripts,
    standing,
)
from dashboard.addresses import Addresses
from dashboard.busy import NOTHING, SLEEP, Busy
from dashboard.cards import Payload
from dashboard.forms.form import SchemaForm
from dashboard.run_view import View
from workflows_app import actions
from workflows_app.definition.schedules import cron_in_words
from workflows_app.models import Run, StepSnapshot

register = template.Library()
register.tag("kept", fragments.kept)

#: The words of statuses that are not their own: what no status says by itself.
WORDS = {
    "untaken": "not taken",
    "canceling": "canceling",
    "queued": "queued",
    "unknown": "not in its version",
}

#: A value whose tree is not on the page.
AWAY = (
    '<div class="payload viewer" data-viewer data-key="{0}" data-from="{1}" data-raw="{2}"'
    ' data-size="{3}"><div class="payload-head"><h3>{4}</h3> <span class="faint">{5}</span>'
    ' <a class="faint" href="{2}" target="_blank" rel="noopener" aria-label="{4}, raw">Raw{6}</a>'
    ' <a class="faint" href="{2}?download=1" aria-label="Download {7}">Download</a></div>'
    '<p data-away><a href="{8}">Show the value</a></p></div>'
)

#: In the place of the time that a step took which a fork took over.
REUSED = mark_safe('<span class="tag">reused</span>')

MINUTE, HOUR, DAY = 60, 3600, 86400
MILLISECONDS = 1000


@register.simple_tag
def preloads(entry: str) -> SafeString:
    """Let the browser fetch all modules that a script imports at once, not one after another."""
    links = ((static(name),) for name in scripts.imported_by(entry))
    return format_html_join("\n  ", '<link rel="modulepreload" href="{}">', links)


@register.simple_tag
def status(value: str, *, is_canceling: bool = False) -> SafeString:
    """Show a status as shape, colour and word."""
    return _status("canceling" if is_canceling else value, static("dashboard/icons.svg"))


# A page shows hundreds, of a dozen kinds.
@lru_cache(maxsize=256)
def _status(name: str, icons: str) -> SafeString:
    return format_html(
        '<span class="status" data-status="{}"><svg aria-hidden="true"><use href="{}#{}"/></svg>'
        "<span>{}</span></span>",
        name,
        icons,
        name,
        WORDS.get(name, name),
    )


@register.simple_tag(takes_context=True)
def inbox_count(context: dict[str, Any]) -> str:
    """Return how many questions wait for the person; empty for none. One query a request."""
    request = context.get("request")
    person = getattr(request, "user", None)
    if request is None or person is None:
        return ""
    return inbox_page.counted_for(request)


@register.filter
def apart(value: Any) -> SafeString | str:
    """Show a value so that it turns nothing around beside it, where its letters would."""
    text = conditional_escape(value)
    return mark_safe(f"<bdi>{text}</bdi>") if plain_sight.turns(text) else text  # noqa: S308


@register.simple_tag(takes_context=True)
def not_understood(context: dict[str, Any]) -> list[str]:
    """Return what the address of the page says that it does not understand."""
    request = context.get("request")
    return [] if request is None else address_words.not_understood(request)


@register.simple_tag
def inbox_link(wanted: inbox_page.Wanted, item: object) -> str:
    """Return the query that opens a question beside the same list."""
    return wanted.item_link(item)


@register.simple_tag
def answer_python(run: Run, path: str, form: SchemaForm) -> str:
    """Return the call from Python that sends what a form for an answer holds."""
    return answering.as_python(run.workflow_id, run.run_id, path, form)


@register.simple_tag
def when(moment: datetime | None, empty: str = "–") -> SafeString | str:
    """Show a moment relative to now; the exact time and its zone are on hover and for machines."""
    if moment is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        _for_machines(moment),
        exact(moment),
        ago(moment, timezone.now()),
    )


@register.simple_tag
def for_so_long(since: datetime) -> SafeString:
    """Show for how long something has been so; when it began is on hover and for machines."""
    seconds = max(int((timezone.now() - since).total_seconds()), 0)
    return format_html(
        '<time datetime="{}" title="since {}" data-for>{}</time>',
        _for_machines(since),
        exact(since),
        _roughly(seconds),
    )


@register.simple_tag
def zone_now() -> str:
    """Return the zone in which the page shows times: its name, and what people call it now."""
    zone = timezone.get_current_timezone_name()
    said = zone_at(timezone.localtime())
    return zone if zone == said else f"{zone}, {said}"


@register.filter
def exact(moment: datetime | None) -> str:
    """Return the moment to the second in the person's zone, with the zone and its offset."""
    return "" if moment is None else _exact(moment, timezone.get_current_timezone())


# Each moment stands on a page more than once, and on the next page again.
@lru_cache(maxsize=4096)
def _exact(moment: datetime, zone: tzinfo) -> str:
    local = timezone.localtime(moment, zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone_at(local)}"


@register.filter
def there(moment: datetime) -> str:
    """Return the moment to the second in the zone that it is in already, such as a schedule's."""
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone_at(moment)}"


@register.filter
def clock(text: str) -> SafeString | str:
    """Show the time of day of a moment that is kept as text; the date is on hover."""
    try:
        local = timezone.localtime(datetime.fromisoformat(text))
    except ValueError:
        return text
    return format_html(
        '<time class="faint" datetime="{}" title="{}">{} {}</time>',
        _for_machines(local),
        exact(local),
        local.time().isoformat(timespec="milliseconds"),
        zone_at(local).split(" ")[0],
    )


def zone_at(local: datetime) -> str:
    """Return the zone of a moment as people name it, and its offset: `CET (+01:00)`, `+03:00`."""
    name, offset = local.strftime("%Z"), local.strftime("%z")
    if name == "UTC":
        return name
    offset = f"{offset[:3]}:{offset[3:5]}"
    return f"{name} ({offset})" if name.isalpha() else offset


def _for_machines(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def ago(moment: datetime, now: datetime) -> str:
    """Return how long before `now` the moment was, in the largest unit that fits."""
    seconds = int((now - moment).total_seconds())
    if seconds < 0:
        return "in " + _roughly(-seconds)
    return "just now" if seconds < 5 else _roughly(seconds) + " ago"  # noqa: PLR2004 - a moment


def _roughly(seconds: int) -> str:
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@register.simple_tag
def lasting(start: datetime | None, end: datetime | None = None) -> SafeString | str:
    """Show how long something took, or has been going on; the page's script keeps that counting."""
    if start is None:
        return "–"
    text = in_words((end or timezone.now()) - start)
    if end is not None:
        return format_html(
            '<span class="num" title="{} – {}">{}</span>', exact(start), exact(end), text
        )
    return format_html(
        '<span class="num" data-since="{}">{}</span>',
        _for_machines(start),
        text,
    )


@register.simple_tag
def step_took(
    step: StepSnapshot,
    until: datetime | None = None,
    known: Busy | None = None,
    *,
    is_going: bool = False,
) -> SafeString | str:
    """Show how long a step took, or so far; see `standing`. Where it is going on, script counts."""
    length = standing.took(step, until, known or NOTHING)
    if length is None or step.started_at is None:
        return REUSED if standing.is_reused(step) else "–"
    shown = so_far(length, is_going=is_going and until is None)
    if step.ended_at is not None:
        shown = format_html(
            '<span class="num" title="{} – {}">{}</span>',
            exact(step.started_at),
            exact(step.ended_at),
            in_words(length),
        )
    # A sleep did nothing in its time: it is told as the wait that it is.
    return format_html("slept {}", shown) if step.kind == SLEEP else shown


@register.simple_tag
def run_took(
    run: Run, waits_since: datetime | None = None, held: timedelta = timedelta()
) -> SafeString | str:
    """Show how long a run took, or so far; where it waits, apart from that for how long.

    `held` is for how long it had waited before for times to come, where that is known.
    """
    if run.duration is not None:
        return so_far(run.duration, is_going=False)
    since = run.stood_since or waits_since
    began = None if run.worked_since is None else run.worked_since + held
    if since is None:
        return lasting(began)
    return format_html(
        '{} <span class="faint nowrap">then waiting {}</span>',
        lasting(began, since),
        lasting(since),
    )


@register.simple_tag
def so_far(length: timedelta, *, is_going: bool) -> SafeString:
    """Show a length of time; where it is growing, the page's script keeps counting."""
    if not is_going:
        return format_html('<span class="num">{}</span>', in_words(length))
    since = _for_machines(timezone.now() - length)
    return format_html('<span class="num" data-since="{}">{}</span>', since, in_words(length))


@register.filter
def duration(length: timedelta) -> str:
    """Return a length of time as people read it."""
    return in_words(length)


def in_words(length: timedelta) -> str:
    """Return a length of time with two units at most."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 1:
        return f"{round(seconds * MILLISECONDS)} ms"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if seconds < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if seconds < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


@register.simple_tag
def span(length: timedelta) -> str:
    """Show a length of time."""
    return in_words(length)


@register.filter
def signed(length: timedelta | None) -> str:
    """Return how much longer or shorter something took, with its sign."""
    if length is None:
        return "–"
    if not in_milliseconds(length):
        return "±0"
    return ("+" if length > timedelta() else "\N{MINUS SIGN}") + in_words(abs(length))


def in_milliseconds(length: timedelta) -> int:
    """Return a length of time as exactly as pages show it at most."""
    return round(length.total_seconds() * MILLISECONDS)


@register.filter
def took(length: timedelta) -> str:
    """Return a length of time as `lasting` words it."""
    return in_words(length)


@register.filter
def cron_words(expression: str) -> str:
    """Return a cron expression in words; empty where it is none."""
    return cron_in_words(expression)


@register.filter
def schedule_route(action: str) -> str:
    """Return the name of the address at which an action on a schedule is confirmed."""
    return f"schedule-{action.removesuffix('-schedule')}"


@register.filter
def pretty(value: Any) -> str:
    """Return a JSON value as indented text."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def size(bytes_: int | None) -> str:
    """Return a number of bytes as people read it."""
    number = float(bytes_ or 0)
    for unit in ("B", "KB", "MB"):
        if number < 1000 or unit == "MB":  # noqa: PLR2004 - the step between units
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


@register.filter
def at(mapping: Mapping[str, Any] | None, key: str) -> Any:
    """Return what stands under a key that only the template knows."""
    return mapping.get(key) if mapping else None


@register.filter
def own_frame(error: failure.Error) -> failure.Frame | None:
    """Return the innermost call of an error in the user's own code."""
    return failure.own_frame(error)


@register.filter
def frames(error: failure.Error) -> list[failure.Frame]:
    """Return the calls of an error's traceback."""
    return failure.frames_of(str(error.get("traceback") or ""))


@register.filter
def below(error: failure.Error) -> list[tuple[str, failure.Error]]:
    """Return the causes of an error and the errors in it, each with which of these it is."""
    return failure.below(error)


@register.filter
def step_address(addresses: Addresses, path: str) -> str:
    """Return the address of a step's page."""
    return addresses.step(path)


@register.simple_tag
def away(payload: Payload) -> SafeString:
    """Show the head of a value that is fetched when somebody looks, and where it is.

    The same as `parts/payload.html` draws, which takes ten times as long: a page of a long run
    has two hundred of them.
    """
    preview = payload.preview
    return format_html(
        AWAY, payload.key, preview.mark, preview.url, preview.size, payload.label,
        size(preview.size), ", whole" if preview.is_cut else "", payload.label.lower(), payload.url,
    )  # fmt: skip


@register.filter
def short(run_id: str) -> str:
    """Return a run id short enough for a table; the tail tells runs of one moment apart."""
    return run_id if len(run_id) <= 16 else f"{run_id[:6]}…{run_id[-6:]}"  # noqa: PLR2004


@register.simple_tag(takes_context=True)
def sees_runs(context: template.Context) -> bool:
    """Return whether whoever looks may see runs; those who may not can still have an inbox."""
    person = context.get("user")
    return person is not None and actions.may_view(person)


@register.simple_tag(takes_context=True)
def answers_questions(context: template.Context) -> bool:
    """Return whether whoever looks may answer questions."""
    person = context.get("user")
    return person is not None and inbox_page.may_answer(person)


@register.simple_tag
def tab_link(view: View, tab: str) -> str:
    """Return the address of a tab of a run."""
    return view.tab_link(tab)


@register.simple_tag
def question_link(view: View, suspension: uuid.UUID) -> str:
    """Return the address of a run with the form of this question open."""
    return view.question_link(suspension)
