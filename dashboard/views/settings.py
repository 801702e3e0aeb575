"""What people choose for themselves."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboard import zones
from dashboard.views import drafts, posted
from dashboard.views.access import for_answers
from workflows_app.models import Preference


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("save")
def settings(request: HttpRequest) -> HttpResponse:
    """Show what the person chose, and keep what they choose."""
    if request.method != "POST":
        draft = drafts.taken(request)
        chosen = draft.get("zone", "") if draft is not None else zones.chosen_by(request)
        return _page(request, chosen)
    zone = request.POST.get("zone", "").strip()
    if zone and zones.named(zone) is None:
        error = f"There is no time zone “{zone}” here. Choose one of the list."
        return _page(request, zone, error)
    Preference(pk=request.user.pk, zone=zone).save()
    messages.success(request, f"Times are now shown in {zone or 'the zone of your browser'}.")
    return redirect("settings")


def _page(request: HttpRequest, zone: str, error: str = "") -> HttpResponse:
    browser = zones.of_browser(request)
    context = {
        "areas": zones.by_area(),
        "is_listed": any(zone in names for names in zones.by_area().values()),
        "zone": zone,
        "browser": browser.key if browser else "",
        "current": zones.current_name(),
        "now": timezone.now(),
        "error": error,
    }
    return render(request, "dashboard/settings.html", context, status=422 if error else 200)
