"""The list of runs: what needs you, what fails, what moves."""

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from dashboard import inbox_page, rows
from dashboard.filters import PAGE, WINDOWS, Filters, newer_than, page_of
from dashboard.views.access import signed_in
from workflows_app.models import Run, Workflow


@require_safe
@signed_in
def runs(request: HttpRequest) -> HttpResponse:
    """Show a page of runs; for the page's own script, only the rows that it shows already."""
    filters = Filters.read(request.GET.dict())
    shown = request.GET.get("rows")
    if shown is not None and request.headers.get("HX-Request"):
        return _refreshed(request, filters, shown)
    page = page_of(filters, rows.joined(filters.wanted()))
    if len(page.runs) == 1 and page.runs[0].run_id == filters.search:
        return redirect("run", filters.search)
    context = {
        "filters": filters,
        "page": page,
        "rows": rows.rows_of(page.runs),
        "needs": inbox_page.needs_in(request) if filters.is_first_page else [],
        "windows": [(name, words) for name, (words, _) in WINDOWS.items()],
        "workflows": list(Workflow.objects.only("id", "title")),
        "has_any": bool(page.runs) or Run.objects.exists(),
    }
    return render(request, "dashboard/runs.html", context)


def _refreshed(request: HttpRequest, filters: Filters, shown: str) -> HttpResponse:
    """Return the same rows as they stand now, in their order, and the count of newer ones.

    A list without rows has none to keep: it gets those that match by now.
    """
    keys = [key for text in shown.split(",")[:PAGE] if (key := _key(text))]
    if keys:
        found = {run.pk: run for run in rows.joined(Run.objects.light().filter(pk__in=keys))}
        current = [found[key] for key in keys if key in found]
    else:
        current = page_of(filters, rows.joined(filters.wanted())).runs
    newer = newer_than(filters, keys[0]) if keys and filters.is_first_page else 0
    context = {
        "filters": filters,
        "rows": rows.rows_of(current),
        "newer": newer,
        "needs": inbox_page.needs_in(request) if filters.is_first_page else [],
        "has_any": bool(current) or Run.objects.exists(),
    }
    return render(request, "dashboard/runs.html#live", context)


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
