"""What no request may contain: NUL characters, and encodings that are not text.

PostgreSQL accepts no NUL in a text, and no address of the product has one. A browser cannot type
it, so the value without it is what was meant. A form's value of nothing but NULs becomes U+FFFD,
because an empty value would have a meaning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import Http404, HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

from . import unread

NUL: Final = "\0"
NOTHING: Final = "\ufffd"
UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
REFUSED: Final = "Send text in UTF-8, or say nothing of its encoding."

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def clean(request: HttpRequest) -> None:
    """Remove the NULs of a request; raise Http404 or BadRequest where that leaves no request.

    It comes before everything that reads cookies, queries or forms.
    """
    if request.method == "POST":  # first, because the page for any error looks into the form
        request.POST = plain(_posted(request), NOTHING)
    if NUL in request.path_info:
        raise Http404
    if any(NUL in text for pair in request.COOKIES.items() for text in pair):
        request.COOKIES = {without_nul(k): without_nul(v) for k, v in request.COOKIES.items()}
    if "%00" in request.META.get("QUERY_STRING", ""):
        request.GET = plain(request.GET)


class TextsOnly:
    """Refuses a request that claims an encoding other than UTF-8 before Django reads it.

    Django accepts any codec of Python as one, and fails if it is not for text. The API refuses by
    itself what says to be no JSON, because its refusals say more.
    """

    def __init__(
        self,
        app: Callable[[Any, Receive, Send], Awaitable[None]],
        is_spared: Callable[[str], bool],
    ) -> None:
        """`is_spared` tells which paths refuse by themselves."""
        self.app = app
        self._is_spared = is_spared

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 415."""
        if _is_utf_8(scope["headers"]):
            await self.app(scope, receive, send)
            return
        if self._is_spared(scope["path"]):
            await self.app(_of_no_type(scope), receive, send)
            return
        said = unread.words(scope["path"], "UnsupportedMediaType", REFUSED)
        await unread.answer(scope, send, 415, *said)


def _of_no_type(scope: Any) -> Any:
    """Return a request whose body says to be no text at all."""
    kept = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*kept, (b"content-type", b"application/octet-stream")]}


class OriginsOnly:
    """Removes an invalid `Origin` header from a live connection, which is then refused."""

    def __init__(self, app: Callable[[Any, Receive, Send], Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Pass the connection on."""
        kept = [(k, v) for k, v in scope["headers"] if k != b"origin" or _is_origin(v)]
        await self.app({**scope, "headers": kept}, receive, send)


def _is_origin(value: bytes) -> bool:
    try:
        return urlsplit(value.decode("latin-1")).port != 0
    except ValueError:  # not an address or not a port
        return False


def _is_utf_8(headers: list[tuple[bytes, bytes]]) -> bool:
    named = [value.decode("latin-1") for name, value in headers if name == b"content-type"]
    try:
        _, parameters = parse_header_parameters(",".join(named))
    except ValueError:  # a parameter in an encoding of its own
        return False
    return parameters.get("charset", "utf-8").lower() in UTF_8


def _posted(request: HttpRequest) -> QueryDict:
    """Return the form. Raises BadRequest for a body that is not one, however that shows.

    Django's page for any error looks for a token in the form, and fails if it cannot be read.
    """
    try:
        return request.POST
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError) as problem:
        request._mark_post_parse_error()  # type: ignore[attr-defined]  # noqa: SLF001 - as Django does
        raise BadRequest(str(problem)) from problem


def plain(data: QueryDict, nothing: str = "") -> Any:
    """Return names and values without NULs; the same object if there are none.

    `nothing` replaces a value that has only NULs.
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
