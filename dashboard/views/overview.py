"""The first page: what needs somebody now, and how the runs of a while are doing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import inbox_page, overview_page
from dashboard.filters import STATUSES
from dashboard.views.access import signed_in


@require_safe
@signed_in
def overview(request: HttpRequest) -> HttpResponse:
    """Show the overview; for the page's own script, only the part that changes."""
    now = timezone.now()
    window = overview_page.window_named(request.GET.get("window", ""))
    since = now - overview_page.WINDOWS[window][1]
    counts = overview_page.counts_since(since, now)
    context = {
        "window": window,
        "window_word": overview_page.WINDOWS[window][0],
        "windows": overview_page.WINDOWS,
        "needs": inbox_page.needs_in(request),
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
    return render(request, f"dashboard/overview.html{'#live' if is_part else ''}", context)
