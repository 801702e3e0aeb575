"""The audit trail: who did what, to which run, through which door."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import audit_page
from dashboard.audit_page import Filters
from dashboard.paging import Place
from dashboard.views.access import signed_in


@require_safe
@signed_in
def audit(request: HttpRequest) -> HttpResponse:
    """Show a page of the trail."""
    query = request.GET.dict()
    filters, place = Filters.read(query), Place.read(query)
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


@require_safe
@signed_in
def export(request: HttpRequest, form: str) -> HttpResponse:
    """Give what the filter finds as a file: the newest first, to a limit."""
    filters = Filters.read(request.GET.dict())
    entries, is_cut = audit_page.exported(filters)
    if form == "csv":
        content = "".join(audit_page.as_csv(entries))
        answer = HttpResponse(content, content_type="text/csv; charset=utf-8")
    else:
        content = audit_page.as_json(filters, entries, is_cut=is_cut)
        answer = HttpResponse(content, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="signalbox-audit.{form}"'
    answer["X-Signalbox-Cut"] = "yes" if is_cut else "no"
    return answer
