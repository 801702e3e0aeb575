"""What no request may bring, whatever asks for it: NUL characters, and encodings that are no text.

PostgreSQL takes no NUL in a text, and no address of the product has one. A browser cannot type it,
so what is left of a value without it is what was meant; of a form's value that is nothing else,
U+FFFD is left, since an empty value would say something.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import Http404, HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters

NUL: Final = "\0"
NOTHING: Final = "\ufffd"
UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
REFUSED: Final = b"Send text in UTF-8, or say nothing of its encoding."

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class PlainMiddleware:
    """Refuse an address with a NUL and a form that cannot be read; take NULs out of what is read.

    It comes before whatever looks at cookies, queries or forms.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request without what no view can use."""
        if NUL in request.path_info:
            raise Http404
        if any(NUL in text for pair in request.COOKIES.items() for text in pair):
            request.COOKIES = {without_nul(k): without_nul(v) for k, v in request.COOKIES.items()}
        if "%00" in request.META.get("QUERY_STRING", ""):
            request.GET = plain(request.GET)
        if request.method == "POST":
            request.POST = plain(_posted(request), NOTHING)
        return self.get_response(request)


class TextsOnly:
    """Refuse a request that says to be in another encoding than UTF-8, before Django reads it.

    Django takes any codec that Python has for one, and fails where it is none of texts.
    """

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer it with 415."""
        if _is_utf_8(scope["headers"]):
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 415, "headers": headers})
        await send({"type": "http.response.body", "body": REFUSED})


class OriginsOnly:
    """Take the header `Origin` from a live connection where it is none: it is refused without."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand the connection on."""
        kept = [(k, v) for k, v in scope["headers"] if k != b"origin" or _is_origin(v)]
        await self.app({**scope, "headers": kept}, receive, send)


def _is_origin(value: bytes) -> bool:
    try:
        return urlsplit(value.decode("latin-1")).port != 0
    except ValueError:  # no address, or no port
        return False


def _is_utf_8(headers: list[tuple[bytes, bytes]]) -> bool:
    named = [value.decode("latin-1") for name, value in headers if name == b"content-type"]
    try:
        _, parameters = parse_header_parameters(",".join(named))
    except ValueError:  # a parameter in an encoding of its own
        return False
    return parameters.get("charset", "utf-8").lower() in UTF_8


def _posted(request: HttpRequest) -> QueryDict:
    """Return the form. Raises BadRequest for a body that is none, however that shows.

    Django's page for any error looks for a token in the form, and fails by one that cannot be read.
    """
    try:
        return request.POST
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError) as problem:
        request._mark_post_parse_error()  # type: ignore[attr-defined]  # noqa: SLF001 - as Django does
        raise BadRequest(str(problem)) from problem


def plain(data: QueryDict, nothing: str = "") -> Any:
    """Return names and values without NULs; the same object where there are none.

    `nothing` is what is left of a value that is nothing but NULs.
    """
    if not any(NUL in text for name, texts in data.lists() for text in (name, *texts)):
        return data
    kept = QueryDict(mutable=True)
    for name, texts in data.lists():
        for text in texts:
            left = without_nul(text)
            kept.appendlist(without_nul(name), left if left or not text else nothing)
    return kept


def without_nul(text: str) -> str:
    """Return a text without NULs."""
    return text.replace(NUL, "")
