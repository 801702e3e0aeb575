"""The workers: what runs the steps, what waits for what, and whether all services answer."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..pages import render
from ..request.access import signed_in
from . import page as worker_page


@require_safe
@signed_in
def workers(request: HttpRequest) -> HttpResponse:
    """Show the workers; to the page's own script, only the part that changes."""
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/workers/page.html#live" if is_part else "dashboard/workers/page.html"
    return render(request, template, {"view": worker_page.look()})
