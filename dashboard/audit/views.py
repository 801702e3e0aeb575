"""The audit trail: who did what, to which run, through which door."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..lists.paging import Cursor, number
from ..pages import render
from ..request.access import signed_in
from ..request.refusing import refuse_unknown_words
from . import page as audit_page
from .page import AuditFilters


@require_safe
@signed_in
def audit(request: HttpRequest) -> HttpResponse:
    """Show a page of the trail; to its own script, only its lines and how many are newer."""
    query = request.GET.dict()
    filters, cursor = AuditFilters.read(query), Cursor.read(query)
    if request.headers.get("HX-Request"):
        return _refreshed(request, filters, number(query.get("rows", "").partition(",")[0]))
    entries, page = audit_page.page_of(filters, cursor)
    context = {
        "filters": filters,
        "entries": entries,
        "page": page,
        "is_first": cursor == Cursor(),
        "most": f"{audit_page.MOST:,}",
        "first": request.path + filters.query,
    }
    return render(request, "dashboard/audit/page.html", context)


def _refreshed(request: HttpRequest, filters: AuditFilters, newest: int | None) -> HttpResponse:
    """Return the same lines in their places, and the number of newer ones."""
    cursor = Cursor() if newest is None else Cursor(before=newest + 1)
    entries, _ = audit_page.page_of(filters, cursor)
    context = {
        "filters": filters,
        "entries": entries,
        "is_first": True,
        "newer": 0 if newest is None else audit_page.newer_than(filters, newest),
        "first": request.path + filters.query,
    }
    return render(request, "dashboard/audit/page.html#live", context)


@require_safe
@signed_in
@refuse_unknown_words
def export(request: HttpRequest, form: str) -> HttpResponse:
    """Return the actions that the filter finds as a file, newest first, up to a limit."""
    filters = AuditFilters.read(request.GET.dict())
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
