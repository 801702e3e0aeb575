"""A person's tokens of the HTTP API: made, shown once, revoked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from workflows_app import errors, refusal_words
from workflows_app import tokens as stored
from workflows_app.languages import gettext_lazy
from workflows_app.models import ApiToken, persons

from ..lists.paging import number
from ..pages import render
from ..request import drafts, posted
from ..request.access import DOOR, for_answers

#: Tokens that the page lists.
MOST: Final = 200
MAKE: Final = "make"
REVOKE: Final = "revoke:"

#: What each scope lets a program do.
SCOPES: Final = {
    "read": gettext_lazy("look at runs, questions and schedules"),
    "payloads": gettext_lazy("see the values of runs"),
    "start": gettext_lazy("start runs, run them again, trigger schedules"),
    "answer": gettext_lazy("answer questions"),
    "steer": gettext_lazy("cancel, retry, restart and time travel, pause schedules"),
    "admin": gettext_lazy("delete runs, make schedules and tokens, read the audit trail"),
}
#: For how long a token may live: days by the name of the choice.
LIVES: Final = {
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "365": gettext_lazy("a year"),
    "": gettext_lazy("until it is revoked"),
}


@dataclass(frozen=True)
class Typed:
    """What somebody typed into the form of a new token."""

    name: str = ""
    scopes: tuple[str, ...] = tuple(stored.SCOPES)
    workflows: str = ""
    life: str = "90"
    error: str = ""
    choices: dict[str, str] = field(default_factory=lambda: SCOPES)

    @classmethod
    def read(cls, data: QueryDict, error: str = "") -> Typed:
        """Return what a form brought."""
        scopes = tuple(scope for scope in data.getlist("scope") if scope in stored.SCOPES)
        life = data.get("life", "")
        return cls(
            name=data.get("name", "").strip(),
            scopes=scopes,
            workflows=data.get("workflows", "").strip(),
            life=life if life in LIVES else "90",
            error=error,
        )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes(MAKE, REVOKE)
def tokens(request: HttpRequest) -> HttpResponse:
    """List the tokens and make one; a superuser sees those of everybody."""
    if request.method != "POST":
        draft = drafts.taken(request)
        return _page(request, Typed() if draft is None else Typed.read(draft))
    verb, _, key = request.POST["op"].partition(":")
    return _made(request) if verb == MAKE else _revoked(request, key)


def _made(request: HttpRequest) -> HttpResponse:
    typed = Typed.read(request.POST)
    names = [name for part in typed.workflows.split(",") if (name := part.strip())]
    life = timedelta(days=int(typed.life)) if typed.life else None
    try:
        row, text = stored.make(
            request.user,
            typed.name,
            scopes=typed.scopes,
            workflows=names or None,
            expires_at=timezone.now() + life if life else None,
            door=DOOR,
        )
    except errors.InvalidInput as refusal:
        return _page(request, Typed.read(request.POST, refusal_words.of(refusal)), status=422)
    return _page(request, Typed(), new=row, text=text)


def _revoked(request: HttpRequest, key: str) -> HttpResponse:
    row = _seen_by(request).filter(pk=number(key) or 0).first()
    if row is not None and stored.revoke(row, actor=request.user, door=DOOR):
        messages.success(
            request, gettext("The token “{name}” works no more.").format(name=row.name)
        )
    else:
        messages.info(request, gettext("There is no such token any more, so nothing changed."))
    return redirect("signalbox:tokens")


def _seen_by(request: HttpRequest) -> QuerySet[ApiToken]:
    rows = persons.joined(ApiToken.objects.all(), "user")
    is_super = getattr(request.user, "is_superuser", False)
    return rows if is_super else rows.filter(user=request.user.pk)


def _page(
    request: HttpRequest,
    typed: Typed,
    *,
    status: int = 200,
    new: ApiToken | None = None,
    text: str = "",
) -> HttpResponse:
    now = timezone.now()
    rows = list(_seen_by(request).order_by("-pk")[:MOST])
    context = {
        "typed": typed,
        "lives": LIVES,
        "new": new,
        "text": text,
        "tokens": [(row, row.expires_at is not None and row.expires_at <= now) for row in rows],
        "longest": stored.LONGEST_NAME,
    }
    return render(request, "dashboard/people/tokens.html", context, status=status)
