"""The OpenAPI document of the API, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from workflows_app.api.entry import answers, callers, doorway, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call, Spec
from workflows_app.api.routes.all import router

#: What the page may do: its own scripts and styles, and calls of the API. The viewer writes styles
#: into its elements, and has small pictures in its style sheet.
_CONTENT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)

api: Final = NinjaAPI(
    title="Signalbox",
    version="1",
    description="Durable workflows: start, watch, answer and steer runs.",
    urls_namespace="signalbox_api",
    openapi_url=None,
    docs_url=None,
)
api.add_router("", router)


class _Viewer(Swagger):
    """The page with the document that stands beside it."""

    def get_openapi_url(self, api: NinjaAPI, path_params: dict[str, Any]) -> str:
        """Return the address of the document, as seen from the page."""
        return "openapi.json"


@cache
def _document(base: str) -> bytes:
    return answers.dumps(api.get_openapi_schema(path_prefix=base.strip("/")))


def _openapi(call: Call) -> HttpResponseBase:
    return answers.bare(_document(call.base).decode())


def _page(call: Call) -> HttpResponseBase:
    request = call.request
    callers.read_csrf(request)
    response = _Viewer().render_page(request, _ForPage)  # type: ignore[arg-type]
    response["Content-Security-Policy"] = _CONTENT
    return response


class _ForPage:
    """What the viewer's page asks of an API: its title, and that forms carry a token."""

    title = api.title

    class _Session:
        csrf = True

    auth = (_Session(),)


def _view(name: str, handler: Callable[[Call], Answer | HttpResponseBase], kind: str) -> Any:
    spec = Spec(handler, name, rules.ANYBODY, gives=(kind,), is_document=True)

    async def view(request: HttpRequest, **path: str) -> HttpResponseBase:
        return await doorway.answer(spec, request, path)

    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


#: The views by the ends of their addresses.
VIEWS: Final[Mapping[str, Any]] = {
    "openapi.json": _view("openapi.json", _openapi, answers.JSON),
    "docs": _view("docs", _page, "text/html"),
}
