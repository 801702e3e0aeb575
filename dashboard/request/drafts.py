"""Drafts: what somebody typed before they noticed that they were signed out.

A draft travels in the sign-in page, then in the new session, and is shown again in the form where
it was typed. It is never sent without the person.
"""

from contextlib import suppress
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, resolve_url
from django.urls import (
    NoReverseMatch,
    Resolver404,
    ResolverMatch,
    get_script_prefix,
    resolve,
    reverse,
)

from workflows_app.languages import gettext_lazy

from ..pages import render

KEY: Final = "draft"
LEFT_OUT: Final = ("csrfmiddlewaretoken", "op")

#: The field in which a form names its inputs with passwords, which are never kept.
SECRETS: Final = "secret-inputs"

#: The most characters of a form that are kept, because a session is a row of the database.
MOST: Final = 200_000

#: How many seconds a draft waits on the sign-in page.
SECONDS: Final = 24 * 3600

SIGNED_OUT: Final = gettext_lazy(
    "You were signed out, so nothing was sent. Sign in: what you typed is kept."
)
TOO_LONG: Final = gettext_lazy(
    "You were signed out, so nothing was sent. What you typed is too long to "
    "be kept here: go back to copy it, then sign in."
)
TYPED_AGAIN: Final = gettext_lazy("What you had typed is here again. It has not been sent yet.")


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to the sign-in page with what they had typed."""
    if request.headers.get("HX-Request"):
        # The page's script then sends the form as a browser does, and it arrives here again.
        return HttpResponse(status=401)
    address = door()
    onward = f"{address}{'&' if '?' in address else '?'}{_asking_for(request.get_full_path())}"
    if request.method != "POST":
        return redirect(onward)
    if not _is_ours(address):
        kept = typed(request)
        if len(kept) <= MOST:
            request.session[KEY] = {"path": request.path, "text": kept}
        return redirect(onward)
    draft = sealed(request)
    context = {
        "next": request.get_full_path(),
        "draft": draft,
        "notice": SIGNED_OUT if draft else TOO_LONG,
    }
    return render(request, "dashboard/people/sign_in.html", context, status=401)


def _asking_for(address: str) -> str:
    return urlencode({REDIRECT_FIELD_NAME: address})


def door() -> str:
    """Return where people sign in: LOGIN_URL, or the admin's page where that leads nowhere."""
    address = resolve_url(settings.LOGIN_URL)
    with suppress(NoReverseMatch):
        if not is_there(address):
            return reverse("admin:login")
    return address


def is_there(address: str) -> bool:
    """Return whether an address leads to a page of this project, or to another site."""
    return bool(urlsplit(address).netloc) or _found(address) is not None


def _is_ours(address: str) -> bool:
    """Return whether people sign in on our own page, which keeps drafts by itself."""
    match = _found(address)
    return match is not None and match.view_name == "signalbox_people:sign-in"


def _found(address: str) -> ResolverMatch | None:
    path = urlsplit(address).path
    try:
        return resolve("/" + path.removeprefix(get_script_prefix()))
    except Resolver404:
        return None


def typed(request: HttpRequest) -> str:
    """Return what was posted, without what is never kept."""
    left = request.POST.copy()
    for name in (*LEFT_OUT, *left.getlist(SECRETS)):
        left.pop(name, None)
    return left.urlencode()


def sealed(request: HttpRequest) -> str:
    """Return what was posted, as one sealed field of the sign-in form."""
    text = typed(request)
    return "" if len(text) > MOST else signing.dumps([request.path, text], salt=KEY, compress=True)


def keep(request: HttpRequest, draft: str) -> None:
    """Store a draft that came with a sign-in in the new session."""
    try:
        path, text = signing.loads(draft, salt=KEY, max_age=SECONDS)
    except signing.BadSignature:
        return
    request.session[KEY] = {"path": path, "text": text}


def taken(request: HttpRequest, says: str = TYPED_AGAIN) -> QueryDict | None:
    """Return the draft of this page, only once, and show the person this sentence."""
    kept = request.session.get(KEY)
    if not kept or kept["path"] != request.path:
        return None
    del request.session[KEY]
    messages.info(request, says)
    return QueryDict(kept["text"])
