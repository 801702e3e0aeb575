"""What somebody typed before it turned out that they were signed out: kept until they are back.

It travels in the sign-in page itself, then in the new session, and is shown again where it was
typed. It is never sent by itself.
"""

from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

KEY: Final = "draft"
LEFT_OUT: Final = ("csrfmiddlewaretoken", "op")

#: Under this name a form tells which of its inputs are passwords, which are never kept.
SECRETS: Final = "secret-inputs"

#: Characters of a form that are kept; a session is a row of the database.
MOST: Final = 200_000

#: A draft waits this long on the sign-in page.
SECONDS: Final = 24 * 3600

SIGNED_OUT: Final = "You were signed out, so nothing was sent. Sign in: what you typed is kept."
TOO_LONG: Final = (
    "You were signed out, so nothing was sent. What you typed is too long to be kept here: go back "
    "to copy it, then sign in."
)
TYPED_AGAIN: Final = "What you had typed is here again. It has not been sent yet."


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send somebody to the sign-in page, with what they had typed."""
    if request.headers.get("HX-Request"):
        # The page's script then sends the form as a browser does, and comes by here again.
        return HttpResponse(status=401)
    if request.method != "POST":
        query = urlencode({"next": request.get_full_path()})
        return redirect(f"{settings.LOGIN_URL}?{query}")
    draft = sealed(request)
    context = {
        "next": request.get_full_path(),
        "draft": draft,
        "notice": SIGNED_OUT if draft else TOO_LONG,
    }
    return render(request, "dashboard/sign_in.html", context, status=401)


def sealed(request: HttpRequest) -> str:
    """Return what was posted, as one field of the sign-in form."""
    typed = request.POST.copy()
    for name in (*LEFT_OUT, *typed.getlist(SECRETS)):
        typed.pop(name, None)
    text = typed.urlencode()
    return "" if len(text) > MOST else signing.dumps([request.path, text], salt=KEY, compress=True)


def keep(request: HttpRequest, draft: str) -> None:
    """Put a draft that came with a sign-in into the new session."""
    try:
        path, text = signing.loads(draft, salt=KEY, max_age=SECONDS)
    except signing.BadSignature:
        return
    request.session[KEY] = {"path": path, "text": text}


def taken(request: HttpRequest, says: str = TYPED_AGAIN) -> QueryDict | None:
    """Return the draft of this page, once, and tell the person about it in this sentence."""
    kept = request.session.get(KEY)
    if not kept or kept["path"] != request.path:
        return None
    del request.session[KEY]
    messages.info(request, says)
    return QueryDict(kept["text"])
