"""Statuses, times and values as the pages show them: one vocabulary everywhere."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from workflows_app import actions, engine_words, languages, terms
from workflows_app.actions import Offer
from workflows_app.models import Run, StepSnapshot

from .. import acts, address_words, assets, mount, same, waiting
from ..forms import answering
from ..forms.decision import AnswerForm
from ..rendering import cron_words, fragments, in_scripts, words
from ..request import access
from ..status import standing, workforce
from ..status.busy import NOTHING, SLEEP, Busy
from ..values import plain_sight

register = template.Library()
register.tag("kept", fragments.kept)
register.filter("exact", words.exact)
register.filter("size", words.size)
register.filter("cron_words", cron_words.cron_words)
register.filter("retold", engine_words.retold)

#: Shown in place of the time of a step that a fork copied.
REUSED = '<span class="tag">{}</span>'


@register.simple_tag
def preloads(entry: str) -> SafeString:
    """Let the browser fetch all modules that a script imports together, not one after another."""
    links = ((assets.address(name),) for name in assets.imported_by(entry))
    return format_html_join("\n  ", '<link rel="modulepreload" href="{}">', links)


register.simple_tag(assets.address, name="asset")


@register.simple_tag(takes_context=True)
def page_section(context: dict[str, Any]) -> str:
    """Return which entry of the menu the page belongs to; empty for none."""
    match = getattr(context.get("request"), "resolver_match", None)
    name: str = (match.url_name if match is not None and mount.is_ours(match) else None) or ""
    if name.startswith(("raw-", "value-")):
        return "runs"
    kind = name.partition("-")[0]
    return {"run": "runs", "schedule": "schedules", "workflow": "workflows"}.get(kind, kind)


@register.simple_tag(takes_context=True)
def sockets(context: dict[str, Any]) -> str:
    """Return the path of the page's live connections; empty where the server has none."""
    return mount.sockets(context.get("request"))


@register.simple_tag
def status(value: str, *, is_canceling: bool = False, is_pausing: bool = False) -> SafeString:
    """Show a status as a shape, a colour and a word."""
    name = "canceling" if is_canceling else "pausing" if is_pausing else value
    return _status(name, assets.address("icons.svg"), terms.status(name))


# A page shows hundreds of statuses, of a dozen kinds.
@lru_cache(maxsize=256)
def _status(name: str, icons: str, word: str) -> SafeString:
    return format_html(
        '<span class="status" data-status="{}"><svg aria-hidden="true"><use href="{}#{}"/></svg>'
        "<span>{}</span></span>",
        name,
        icons,
        name,
        word,
    )


@register.simple_tag(takes_context=True)
def inbox_count(context: dict[str, Any]) -> str:
    """Return how many questions wait for the person; empty if none do. One query per request."""
    request = context.get("request")
    person = getattr(request, "user", None)
    if request is None or person is None:
        return ""
    return waiting.counted_for(request)


@register.simple_tag
def no_worker() -> bool:
    """Return whether no worker is alive to which this process could leave its steps."""
    return workforce.is_absent()


@register.filter
def apart(value: Any) -> SafeString | str:
    """Show a value so that its letters cannot reverse what is beside it."""
    text = conditional_escape(value)
    return mark_safe(f"<bdi>{text}</bdi>") if plain_sight.turns(text) else text  # noqa: S308


@register.simple_tag(takes_context=True)
def not_understood(context: dict[str, Any]) -> list[str]:
    """Return the words of the page's address that it does not understand."""
    request = context.get("request")
    return [] if request is None else address_words.not_understood(request)


@register.simple_tag(takes_context=True)
def answer_ways(
    context: dict[str, Any], run: Run, step: StepSnapshot, form: AnswerForm
) -> list[same.Way]:
    """Return the ways to send what a form for an answer contains."""
    python = answering.as_python(run.workflow_id, run.run_id, step.path, form)
    found = [
        same.Call(
            f"inbox/{step.suspension}/answer",
            {"resume_data": value},
            ("answer", str(step.suspension), "--data", same.as_json(value)),
            note,
        )
        for value, note in answering.answers(form)
    ]
    request = context.get("request")
    return [same.Way("Python", python)] if request is None else same.ways(request, python, found)


@register.simple_tag
def when(moment: datetime | None, empty: str = "–") -> SafeString | str:
    """Show a moment relative to now, with the exact time and its zone on hover and for programs."""
    if moment is None:
        return empty
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        words.for_machines(moment),
        words.exact(moment),
        words.ago(moment, timezone.now()),
    )


@register.simple_tag
def for_so_long(since: datetime) -> SafeString:
    """Show how long something has been so, with its beginning on hover and for programs."""
    seconds = max(int((timezone.now() - since).total_seconds()), 0)
    return format_html(
        '<time datetime="{}" title="{}" data-for>{}</time>',
        words.for_machines(since),
        gettext("since {moment}").format(moment=words.exact(since)),
        words.roughly(seconds),
    )


@register.simple_tag
def zone_now() -> str:
    """Return the zone in which the page shows times: its name, and its usual name now."""
    zone = timezone.get_current_timezone_name()
    said = words.zone_at(timezone.localtime())
    return zone if zone == said else f"{zone}, {said}"


@register.filter
def there(moment: datetime) -> str:
    """Return the moment to the second in the zone that it already has, such as a schedule's."""
    return words.to_the_second(moment)


@register.filter
def clock(text: str) -> SafeString | str:
    """Show the time of day of a moment that is stored as text, with the date on hover."""
    try:
        local = timezone.localtime(datetime.fromisoformat(text))
    except ValueError:
        return text
    return format_html(
        '<time class="faint" datetime="{}" title="{}">{} {}</time>',
        words.for_machines(local),
        words.exact(local),
        local.time().isoformat(timespec="milliseconds"),
        words.zone_at(local).split(" ")[0],
    )


@register.simple_tag
def lasting(start: datetime | None, end: datetime | None = None) -> SafeString | str:
    """Show how long something took or has been going on; the page's script keeps counting."""
    if start is None:
        return "–"
    text = words.in_words((end or timezone.now()) - start)
    if end is not None:
        return format_html(
            '<span class="num" title="{} – {}">{}</span>',
            words.exact(start),
            words.exact(end),
            text,
        )
    return format_html(
        '<span class="num" data-since="{}">{}</span>',
        words.for_machines(start),
        text,
    )


def _between(start: datetime, end: datetime, text: str) -> SafeString:
    shape = '<span class="num" title="{} – {}">{}</span>'
    return format_html(shape, words.exact(start), words.exact(end), text)


@register.simple_tag
def step_took(
    step: StepSnapshot,
    until: datetime | None = None,
    known: Busy | None = None,
    *,
    is_going: bool = False,
) -> SafeString | str:
    """Show how long a step took, or has taken so far, see `standing`; the script counts on."""
    length = standing.took(step, until, known or NOTHING)
    if length is None or step.started_at is None:
        return format_html(REUSED, gettext("reused")) if standing.is_reused(step) else "–"
    shown = so_far(length, is_going=is_going and until is None)
    if step.ended_at is not None:
        shown = _between(step.started_at, step.ended_at, words.in_words(length))
    # A sleep did nothing in its time, so its time is shown as the wait that it is.
    return format_html(gettext("slept {}"), shown) if step.kind == SLEEP else shown


@register.simple_tag
def run_took(
    run: Run, waits_since: datetime | None = None, held: timedelta = timedelta()
) -> SafeString | str:
    """Show how long a run took, or has taken so far; while it waits, how long it waits separately.

    `held` is how long it had waited for times before, if known.
    """
    if run.duration is not None:
        return so_far(run.duration, is_going=False)
    since = run.idle_since or waits_since
    began = None if run.worked_since is None else run.worked_since + held
    if since is None:
        return lasting(began)
    return format_html(
        '{} <span class="faint nowrap">{}</span>',
        lasting(began, since),
        format_html(gettext("then waiting {}"), lasting(since)),
    )


@register.simple_tag
def so_far(length: timedelta, *, is_going: bool) -> SafeString:
    """Show a length of time; if it is growing, the page's script keeps counting."""
    if not is_going:
        return format_html('<span class="num">{}</span>', words.in_words(length))
    since = words.for_machines(timezone.now() - length)
    return format_html('<span class="num" data-since="{}">{}</span>', since, words.in_words(length))


@register.filter
def duration(length: timedelta) -> str:
    """Return a length of time as people read it."""
    return words.in_words(length)


# A tag too, because a sentence that is translated takes variables, and these may have no filters.
register.simple_tag(duration, name="span")


@register.filter
def signed(length: timedelta | None) -> str:
    """Return how much longer or shorter something took, with a sign."""
    if length is None:
        return "–"
    if not words.in_milliseconds(length):
        return "±0"
    return ("+" if length > timedelta() else "\N{MINUS SIGN}") + words.in_words(abs(length))


@register.filter
def schedule_route(action: str) -> str:
    """Return the name of the address that confirms an action on a schedule."""
    return f"signalbox:schedule-{action.removesuffix('-schedule')}"


@register.filter
def pretty(value: Any) -> str:
    """Return a JSON value as indented text."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def at(mapping: Mapping[str, Any] | None, key: str) -> Any:
    """Return the value under a key that the template computes."""
    return mapping.get(key) if mapping else None


@register.filter
def short(run_id: str) -> str:
    """Return a run id short enough for a table; its end distinguishes runs of the same moment."""
    return run_id if len(run_id) <= 16 else f"{run_id[:6]}…{run_id[-6:]}"  # noqa: PLR2004


@register.simple_tag(takes_context=True)
def sees_runs(context: template.Context) -> bool:
    """Return whether the viewer may see runs; people who may not can still have an inbox."""
    person = context.get("user")
    return person is not None and actions.may_view(person)


@register.simple_tag(takes_context=True)
def answers_questions(context: template.Context) -> bool:
    """Return whether the viewer may answer questions."""
    person = context.get("user")
    return person is not None and access.may_answer(person)


@register.filter
def status_word(name: str) -> str:
    """Return what people call a status."""
    return terms.status(name)


@register.filter
def inside(label: str) -> str:
    """Return a label as it is written inside a sentence."""
    return languages.inside(label)


@register.filter
def verb_word(name: str) -> str:
    """Return what people call a verb."""
    return terms.verb(name)


@register.filter
def term(name: str) -> str:
    """Return what people call a name that programs use."""
    return terms.term(name)


@register.filter
def quoted(words: list[str]) -> SafeString:
    """Return words in quotes, with commas between; their letters turn nothing beside them."""
    return format_html_join(", ", "“{}”", ((apart(word),) for word in words))


@register.filter
def figure(value: float) -> str:
    """Return a number that people read, as their language writes it."""
    return languages.number(value)


@register.filter
def day(value: date) -> str:
    """Return a date that people read, as their language writes it."""
    return languages.day(value)


@register.simple_tag
def language() -> str:
    """Return the code of the language of the page's own words."""
    return languages.shown()


@register.simple_tag
def script_words() -> SafeString:
    """Return the words of the page's scripts in the reader's language, as data that they read."""
    return json_script(found, "words") if (found := in_scripts.words()) else SafeString()


@register.filter
def list_label(offer: Offer) -> str:
    """Return the label of an action's button in a list of runs."""
    return acts.ACTS[offer.action.name].list_label
