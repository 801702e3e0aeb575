"""How large a request may be: a larger one is answered with 413 before anything of it is read.

Pages take four times `MAX_BODY_BYTES`, since a form writes most characters of a value as three, and
may bring files beside it. The API looks after its own limit, because its refusals say more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from workflows_app import conf

from . import unread

_PAGES: Final = 4

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def most() -> int:
    """Return how many bytes a request to a page may bring."""
    return _PAGES * conf.get("MAX_BODY_BYTES")


class BodyLimits:
    """Around the whole application: counts what comes, also where no length was said."""

    def __init__(
        self,
        app: Callable[[Any, Receive, Send], Awaitable[None]],
        is_spared: Callable[[str], bool],
    ) -> None:
        """`is_spared` tells which paths have limits of their own."""
        self.app = app
        self._is_spared = is_spared

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand the request on, or refuse it."""
        if self._is_spared(scope["path"]):
            await self.app(scope, receive, send)
            return
        limit = most()
        if _length(dict(scope["headers"]).get(b"content-length", b"")) > limit:
            await _refuse(scope, send, limit)
            return
        came, is_answered = 0, False

        async def counted() -> Any:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            # The application is told that nobody is there any more, and cleans up.
            return message if came <= limit else {"type": "http.disconnect"}

        async def answering(message: Any) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        await self.app(scope, counted, answering)
        if came > limit and not is_answered:
            await _refuse(scope, send, limit)


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a request that says that it is too large; None for any other.

    For servers that do not speak ASGI.
    """
    limit = most()
    if _length(str(request.META.get("CONTENT_LENGTH") or "").encode()) <= limit:
        return None
    content, kind = _words(request.path_info, limit)
    return HttpResponse(content, status=413, content_type=kind)


def _length(said: bytes) -> int:
    return int(said) if said.isdigit() else 0


def _words(path: str, limit: int) -> tuple[bytes, str]:
    """Return what is answered, and what kind of text that is."""
    message = f"The request is too large: at most {limit:,} bytes are taken here."
    return unread.words(path, "PayloadTooLarge", message, limit=limit)


async def _refuse(scope: Any, send: Send, limit: int) -> None:
    content, kind = _words(scope["path"], limit)
    # What follows on this connection is the rest of the body, which nobody reads.
    await unread.answer(scope, send, 413, content, kind, is_last=True)
