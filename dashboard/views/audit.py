"""The audit trail: who did what, to which run, through which door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import audit_page
from dashboard.audit_page import Filters
from dashboard.paging import Place, number
from dashboard.views.access import signed_in
from dashboard.views.refusing import exact


@require_safe
@signed_in
def audit(request: HttpRequest) -> HttpResponse:
    """Show a page of the trail; for its own script, its lines and how many are newer."""
    query = request.GET.dict()
    filters, place = Filters.read(query), Place.read(query)
    if request.headers.get("HX-Request"):
        return _refreshed(request, filters, number(query.get("rows", "").partition(",")[0]))
    entries, page = audit_page.shown(filters, place)
    context = {
        "filters": filters,
        "entries": entries,
        "page": page,
        "is_first": place == Place(),
        "most": f"{audit_page.MOST:,}",
        "first": request.path + filters.query,
    }
    return render(request, "dashboard/audit.html", context)


def _refreshed(request: HttpRequest, filters: Filters, newest: int | None) -> HttpResponse:
    """Return the same lines, which nothing moves, and the count of those above them."""
    place = Place() if newest is None else Place(before=newest + 1)
    entries, _ = audit_page.shown(filters, place)
    context = {
        "filters": filters,
        "entries": entries,
        "is_first": True,
        "newer": 0 if newest is None else audit_page.newer_than(filters, newest),
        "first": request.path + filters.query,
    }
    return render(request, "dashboard/audit.html#live", context)


@require_safe
@signed_in
@exact
def export(request: HttpRequest, form: str) -> HttpResponse:
    """Give what the filter finds as a file: the newest first, to a limit."""
    filters = Filters.read(request.GET.dict())
    entries, is_cut = audit_page.exported(filters)
    if form == "csv":
        content = "".join(audit_page.as_csv(entries))
        answer = HttpResponse(_bytes(content), content_type="text/csv; charset=utf-8")
    else:
        content = audit_page.as_json(filters, entries, is_cut=is_cut)
        answer = HttpResponse(_bytes(content), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="signalbox-audit.{form}"'
    answer["X-Signalbox-Cut"] = "yes" if is_cut else "no"
    return answer


def _bytes(content: str) -> bytes:
    """Return a file's bytes; half of a surrogate pair is escaped, as JSON would write it."""
    return content.encode(errors="backslashreplace")
