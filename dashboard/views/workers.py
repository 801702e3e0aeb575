"""The workers: who runs the steps, what waits for whom, and whether all that is needed answers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import worker_page
from dashboard.views.access import signed_in


@require_safe
@signed_in
def workers(request: HttpRequest) -> HttpResponse:
    """Show the workers; for the page's own script, only the part that changes."""
    is_part = bool(request.headers.get("HX-Request"))
    template = "dashboard/workers.html#live" if is_part else "dashboard/workers.html"
    return render(request, template, {"view": worker_page.look()})
