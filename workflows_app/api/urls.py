"""The addresses of the API, to be included under whatever path a project chooses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path
from django.views.decorators.http import require_GET

from workflows_app.api import documents
from workflows_app.api.entry import doorway
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import outside
from workflows_app.engine.host import transactions

app_name: Final = "signalbox_api"
METHOD_NOT_ALLOWED: Final = 405


def _with_methods(view: Callable[..., Any], *, is_open: bool = False) -> Callable[..., Any]:
    """Return a view whose answer to a wrong method is one of ours; `is_open`: to everybody."""

    @transactions.by_itself
    @wraps(view)
    async def answered(request: HttpRequest, **path: Any) -> HttpResponseBase:
        if request.method == "HEAD":
            request.method = "GET"
            return _without_body(await answered(request, **path))
        response: HttpResponseBase = await view(request, **path)
        if response.status_code != METHOD_NOT_ALLOWED:
            return response
        allowed = response.headers.get("Allow", "")
        refusal = Refusal("MethodNotAllowed", f"This address takes {allowed}.")
        refusal.headers["Allow"] = allowed
        return await doorway.no_operation(request, refusal, is_open=is_open)

    answered.csrf_exempt = True  # type: ignore[attr-defined]  # the doorway looks after it
    return answered


def _without_body(response: HttpResponseBase) -> HttpResponse:
    """Return the answer to HEAD: what GET would say in its headers."""
    response.close()
    return HttpResponse(status=response.status_code, headers=dict(response.headers))


@transactions.by_itself
async def _nothing(request: HttpRequest) -> HttpResponseBase:
    """Answer at an address where there is nothing."""
    return await doorway.no_operation(
        request, Refusal("NotFound", "There is nothing at this address.")
    )


_nothing.csrf_exempt = True  # type: ignore[attr-defined]


def _patterns() -> list[URLPattern]:
    found = [each for each in documents.api.urls[0] if isinstance(each, URLPattern)]
    for pattern in found:
        is_open = pattern.name == outside.answer_callback.__name__
        pattern.callback = _with_methods(pattern.callback, is_open=is_open)
    return [pattern for pattern in found if pattern.name != "api-root"]


urlpatterns = [
    *_patterns(),
    *(path(name, _with_methods(require_GET(view))) for name, view in documents.VIEWS.items()),
    re_path(r"", _nothing, name="nothing"),
]
