"""The addresses that machines ask: `/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from workflows_app.engine.host import clock

from . import exposition, health, readers


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that this process answers."""
    return JsonResponse(health.alive())


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Say whether this process can work; 503 where it cannot."""
    found = health.ready()
    if found["status"] == "ok":
        return JsonResponse(found)
    failing = [name for name, part in found["parts"].items() if part["status"] != "ok"]
    message = f"This process cannot work now: {', '.join(failing)}."
    error = {"type": "NotReady", "message": message, "details": {}}
    return JsonResponse({**found, "error": error}, status=503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures to those who may read them."""
    try:
        workflows = readers.workflows_of(request)
    except readers.Refused as refused:
        return refused.answer
    text = exposition.text(clock.now(), workflows)
    return HttpResponse(text, content_type=exposition.CONTENT_TYPE)
