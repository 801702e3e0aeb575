"""Personal settings."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from workflows_app.models import Preference

from ..pages import render
from ..request import drafts, posted, zones
from ..request.access import for_answers


@require_http_methods(["GET", "HEAD", "POST"])
@for_answers
@posted.takes("save")
def settings(request: HttpRequest) -> HttpResponse:
    """Show a person's settings, and store changes."""
    if request.method != "POST":
        draft = drafts.taken(request)
        chosen = draft.get("zone", "") if draft is not None else zones.chosen_by(request)
        return _page(request, chosen)
    zone = request.POST.get("zone", "").strip()
    if zone and zones.named(zone) is None:
        error = gettext("There is no time zone “{zone}” here. Choose one from the list.").format(
            zone=zone
        )
        return _page(request, zone, error)
    Preference(pk=request.user.pk, zone=zone).save()
    done = gettext("Times are now shown in the zone of your browser.")
    if zone:
        done = gettext("Times are now shown in {zone}.").format(zone=zone)
    messages.success(request, done)
    return redirect("signalbox:settings")


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
    return render(request, "dashboard/people/settings.html", context, status=422 if error else 200)
