"""Files, images and JSON refuse an address that they do not understand, because they cannot say so.

Otherwise a file with the whole audit trail would look like the part that somebody asked for.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.http import HttpRequest, HttpResponse, JsonResponse

from workflows_app.languages import gettext_lazy

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
#: Returns the words of a request's address that mean nothing, as written.
Judge = Callable[[HttpRequest], list[str]]

SENTENCE: Final = gettext_lazy(
    "This page does not understand {} in its address, so nothing was returned."
)

#: Functions that know the words of all addresses: pages do not know those of other pages.
_judges: Final[list[Judge]] = []


def register(judge: Judge) -> None:
    """Register a function that judges addresses; the module that knows them all calls this."""
    _judges[:] = [judge]


def refuse_unknown_words(view: View[P]) -> View[P]:
    """Answer 400 with a sentence if the address has words that mean nothing here.

    It comes below the check of who asks, and above the view that `ignore`s words.
    """
    return _refusing(view, lambda text: HttpResponse(text, "text/plain; charset=utf-8", 400))


def refuse_unknown_words_in_json(view: View[P]) -> View[P]:
    """Do the same for addresses that scripts ask: the sentence is the message of an error."""

    def refused(text: str) -> HttpResponse:
        error: dict[str, Any] = {
            "type": "Refused",
            "message": text,
            "details": {},
        }
        ascii_too = {"ensure_ascii": False}
        return JsonResponse({"error": error}, status=400, json_dumps_params=ascii_too)

    return _refusing(view, refused)


def _refusing(view: View[P], refused: Callable[[str], HttpResponse]) -> View[P]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if strange := _not_understood(request):
            return refused(SENTENCE.format(_in_words(strange)))
        response = view(request, *args, **kwargs)
        strange = _not_understood(request)  # includes words that the view looked up
        return refused(SENTENCE.format(_in_words(strange))) if strange else response

    return cast("View[P]", guarded)


def _not_understood(request: HttpRequest) -> list[str]:
    (judge,) = _judges
    return judge(request)


def _in_words(strange: list[str]) -> str:
    """Return the words that are not understood as the middle of a sentence."""
    return ", ".join(f"“{word}”" for word in strange)
