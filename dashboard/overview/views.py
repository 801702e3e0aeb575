"""The first page: what needs somebody now, and how recent runs are doing."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from .. import waiting
from ..lists.filters import STATUSES
from ..pages import render
from ..request.access import signed_in
from . import page as overview_page


@require_safe
@signed_in
def overview(request: HttpRequest) -> HttpResponse:
    """Show the overview; to the page's own script, only the part that changes."""
    now = timezone.now()
    window = overview_page.window_named(request.GET.get("window", ""))
    since = now - overview_page.WINDOWS[window][1]
    counts = overview_page.counts_since(since, now)
    context = {
        "window": window,
        "window_word": overview_page.WINDOWS[window][0],
        "windows": overview_page.WINDOWS,
        "needs": waiting.needs_in(request),
        "counts": counts,
        "tally": [
            (status, counts.by_status.get(status, 0), counts.sparks.get(status, ""))
            for status in STATUSES
        ],
        "late": overview_page.late(now),
        "failures": overview_page.failures_since(since),
        "slow": overview_page.slowest_since(since),
        "first": None if counts.total else overview_page.first_steps(now),
    }
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, f"dashboard/overview/page.html{'#live' if is_part else ''}", context)
