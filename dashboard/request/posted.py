"""What a form posted: its button, its texts, and the files in place of texts.

A form acts only by the button that was pressed: see `takes`.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from pydantic import ValidationError

from workflows_app import jsontext, refusal_words
from workflows_app.models.fields import uuid7

from ..forms.fields import MISSING
from ..forms.form import SchemaForm
from ..pages import render
from . import zones

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

#: The most bytes of a file that is read in place of a typed text.
MOST_BYTES: Final = 4 * 1024 * 1024

#: Every button that posts has this name; its value says what it does, or `what:to which`.
OP: Final = "op"
#: The button that sends a form of fields.
SEND: Final = "send"
#: The other buttons of a form of fields; each only shows the form again.
FIELDS: Final = ("tab:form", "tab:json", "add:", "remove:", "shape:")


def takes(*ops: str, named: str = "") -> Callable[[View[P]], View[P]]:
    """Let a POST reach a view only if it names, as `op`, a button that the page has.

    `ops` are the values of its buttons; one that ends in a colon is the prefix of many. With
    `named`, the argument of the address that has this name is the value. Anything else that posts
    the form (a script, a browser that restores a tab, a field that changed) changes nothing: it is
    answered with 400 and a sentence. Each view that accepts a POST has this decorator.
    """

    def decorated(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            known = (*ops, str(kwargs[named])) if named else ops
            if request.method == "POST" and not is_known(request.POST.getlist(OP), known):
                return no_button(request)
            return view(request, *args, **kwargs)

        guarded.__dict__["takes"] = (*ops, named)
        return cast("View[P]", guarded)

    return decorated


def no_button(request: HttpRequest) -> HttpResponse:
    """Say that the page has no such button, so that nothing was changed."""
    return render(request, "dashboard/no_button.html", status=400)


def is_known(sent: list[str], known: tuple[str, ...]) -> bool:
    """Return whether exactly one button was sent, and it is one of these."""
    if len(sent) != 1:
        return False
    verb, colon, target = sent[0].partition(":")
    if colon and not target:  # only the prefix of many names
        return False
    return sent[0] in known or verb + colon in known


def fresh_form(
    schema: Mapping[str, Any] | None,
    draft: QueryDict | None = None,
    prefix: str = "",
    value: Any = MISSING,
) -> SchemaForm:
    """Return a form as it is first shown in this person's zone, or with their draft.

    `value` is what it shows without a draft; the default is the defaults of its fields.
    """
    if draft is not None:
        return SchemaForm.posted(schema, draft, prefix=prefix, zone=zones.of_form(draft))
    return SchemaForm.blank(schema, value, prefix, timezone.get_current_timezone())


def form_from(
    request: HttpRequest, schema: Mapping[str, Any] | None, prefix: str = ""
) -> SchemaForm:
    """Return the form as it was posted, with files read."""
    uploads, problems = uploads_of(request)
    zone = zones.of_form(request.POST)
    form = SchemaForm.posted(schema, request.POST, uploads, prefix, zone)
    form.text_errors += problems
    verb, _, name = form.op.partition(":")
    if verb == SEND and name:
        form.press(name)
    return form


def uploads_of(request: HttpRequest) -> tuple[dict[str, str], list[str]]:
    """Return the texts of the files by the names of their inputs, and what could not be read."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name, file in request.FILES.items():
        if isinstance(file, list) or not file or not name:
            continue
        if (file.size or 0) > MOST_BYTES:
            problems.append(
                gettext("The file “{name}” is larger than 4 MB, so it was not read.").format(
                    name=file.name
                )
            )
            continue
        try:
            texts[name] = file.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            problems.append(
                gettext("The file “{name}” is not text in UTF-8, so it was not read.").format(
                    name=file.name
                )
            )
    return texts, problems


def fits(form: SchemaForm, load: Callable[[str], object] | None) -> bool:
    """Check a form by itself and by the type that the server knows; errors go to the fields."""
    is_ready = form.check()
    if load is None:
        return is_ready
    try:
        load(jsontext.dumps(form.draft()))
    except ValidationError as refusal:
        form.refuse(refusal.errors(include_url=False, include_context=False, include_input=False))
        return False
    except ValueError:  # a text that is not JSON: `check` has said so
        return False
    return is_ready


def problems_of(refusal: Exception) -> list[Mapping[str, Any]]:
    """Return what a verb says is wrong with the values that were sent: a Pydantic list."""
    details: Mapping[str, Any] = getattr(refusal, "details", None) or {}
    return details.get("errors") or [
        {"loc": (), "msg": refusal_words.of(refusal), "type": "refused"}
    ]


def onward(request: HttpRequest, given: Mapping[str, Any] | None = None) -> str:
    """Return where a form leads once it is accepted: a page of this site; empty for its own."""
    target = str((request.POST if given is None else given).get("next") or "")
    hosts = {request.get_host()}
    fits = url_has_allowed_host_and_scheme(target, hosts, require_https=request.is_secure())
    return target if fits else ""


def run_key(request: HttpRequest) -> str:
    """Return the id of the run that a form starts, so that sending it twice starts one run."""
    try:
        return str(uuid.UUID(request.POST.get("run_key", "")))
    except ValueError:
        return str(uuid7())


def started_already(request: HttpRequest, run_id: str) -> HttpResponse:
    """Lead somebody who sent a form twice to the one run that it started."""
    messages.info(request, gettext("This run was started already; a form starts one run."))
    return to_run(request, run_id)


def to_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Go to the run's page, or where the form leads, also if a script sent it."""
    return go(request, onward(request) or reverse("signalbox:run", args=[run_id]))


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Go to a page of this site, also if a script sent the form."""
    if request.headers.get("HX-Request"):
        # Quoted as a redirect is: headers have no line breaks and only ASCII letters.
        return HttpResponse(status=204, headers={"HX-Redirect": iri_to_uri(url)})
    return HttpResponseRedirect(url)
