"""Files, images and JSON refuse an address that they do not understand: they cannot say so.

Without that, a file with the whole trail would look like the part that somebody asked for.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast

from django.http import HttpRequest, HttpResponse, JsonResponse

from dashboard.address_words import in_words, not_understood

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

SENTENCE: Final = "This does not understand {} in its address, so nothing was given."


def exact(view: View[P]) -> View[P]:
    """Answer 400 with a sentence to an address with words that mean nothing here.

    Comes below what asks who somebody is, and above what `ignore`s a word.
    """
    return _refusing(view, lambda text: HttpResponse(text, "text/plain; charset=utf-8", 400))


def exact_json(view: View[P]) -> View[P]:
    """Do the same for what scripts ask: the sentence is the message of an error."""

    def refused(text: str) -> HttpResponse:
        error: dict[str, Any] = {"type": "Refused", "message": text, "details": {}}
        ascii_too = {"ensure_ascii": False}
        return JsonResponse({"error": error}, status=400, json_dumps_params=ascii_too)

    return _refusing(view, refused)


def _refusing(view: View[P], refused: Callable[[str], HttpResponse]) -> View[P]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if strange := not_understood(request):
            return refused(SENTENCE.format(in_words(strange)))
        response = view(request, *args, **kwargs)
        strange = not_understood(request)  # what it has looked up, too
        return refused(SENTENCE.format(in_words(strange))) if strange else response

    return cast("View[P]", guarded)
