"""What only the templates of a run's page and of its steps need."""

import uuid

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from workflows_app import languages
from workflows_app.actions import Offer
from workflows_app.models import Run

from .. import acts
from ..rendering import words
from ..run import failure
from ..run.addresses import Addresses
from ..run.shown_payloads import Payload
from ..run.view import View

register = template.Library()


#: A value whose tree is not on the page.
AWAY = (
    '<div class="payload viewer" data-viewer data-key="{key}" data-from="{mark}" data-raw="{raw}"'
    ' data-size="{bytes}"><div class="payload-head"><h3>{label}</h3> <span class="faint">{size}'
    '</span> <a class="faint" href="{raw}" target="_blank" rel="noopener" aria-label="{label_raw}">'
    '{raw_word}</a> <a class="faint" href="{raw}?download=1" aria-label="{download_label}">'
    '{download}</a></div><p data-away><a href="{url}">{show}</a></p></div>'
)


@register.filter
def own_frame(error: failure.Error) -> failure.Call | None:
    """Return the innermost call of an error in the user's own code."""
    return failure.own_frame(error)


@register.filter
def frames(error: failure.Error) -> list[failure.Call]:
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
    """Show the head of a value that is fetched once somebody looks at it, with its address.

    It draws the same as `run/payload.html`, which takes ten times as long: the page of a long run
    has two hundred of them.
    """
    preview, label = payload.preview, payload.label
    return format_html(
        AWAY,
        key=payload.key,
        mark=preview.mark,
        raw=preview.url,
        bytes=preview.size,
        label=label,
        size=words.size(preview.size),
        label_raw=gettext("{value}, raw").format(value=label),
        raw_word=gettext("Raw, whole") if preview.is_cut else gettext("Raw"),
        download_label=gettext("Download {value}").format(value=languages.inside(label)),
        download=gettext("Download"),
        url=payload.url,
        show=gettext("Show the value"),
    )


@register.simple_tag
def tab_link(view: View, tab: str) -> str:
    """Return the address of a tab of a run."""
    return view.tab_link(tab)


@register.simple_tag
def question_link(view: View, suspension: uuid.UUID) -> str:
    """Return the address of a run with the form of this question open."""
    return view.question_link(suspension)


@register.simple_tag
def act_address(offer: Offer, run: Run) -> str:
    """Return the target of an action's button."""
    return acts.ACTS[offer.action.name].address(run)


@register.filter
def has_dialog(offer: Offer) -> bool:
    """Return whether an action is confirmed in a dialog instead of having a page of its own."""
    return acts.ACTS[offer.action.name].says is not None
