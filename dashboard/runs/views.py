"""The list of runs: what needs you, what fails, what moves."""

import uuid
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from workflows_app import finding
from workflows_app.models import Run, Workflow

from .. import waiting
from ..lists import columns, rows
from ..lists.filters import PAGE, WINDOWS, RunFilters, newer_than, page_of
from ..pages import render
from ..request.access import signed_in
from ..values import sight
from . import counts as status_counts


@require_safe
@signed_in
def runs(request: HttpRequest) -> HttpResponse:
    """Show a page of runs; to its own script, only the rows that it shows already."""
    query = request.GET.dict()
    if "col" in query:
        # The form of the columns sends them one by one; everything else names them in one word.
        query["cols"] = columns.of_form(request.GET.getlist("col"))
    filters = RunFilters.read(query)
    shown = request.GET.get("rows")
    if shown is not None and request.headers.get("HX-Request"):
        return _refreshed(request, filters, shown)
    page = page_of(filters, rows.joined(filters.wanted()))
    if len(page.runs) == 1 and finding.is_meant(page.runs[0], filters.search):
        return redirect("signalbox:run", page.runs[0].run_id)
    context = {
        "filters": filters,
        "page": page,
        "windows": [(name, words) for name, (words, _) in WINDOWS.items()],
        "workflows": list(sight.rows(Workflow.objects.only("id", "title"), "pk")),
        **_part(request, filters, page.runs, is_again=False),
    }
    response = render(request, "dashboard/runs/page.html", context)
    if filters.columns:
        names = columns.written(columns.chosen(filters.columns))
        response.set_cookie(columns.COOKIE, names, samesite="Lax", httponly=True)
    return response


def _refreshed(request: HttpRequest, filters: RunFilters, shown: str) -> HttpResponse:
    """Return the same rows as they are now, in their order, and the count of newer ones.

    A list without rows gets those that match by now.
    """
    keys = [key for text in shown.split(",")[:PAGE] if (key := _key(text))]
    if keys:
        found = {
            run.pk: run for run in rows.joined(sight.rows(Run.objects.light()).filter(pk__in=keys))
        }
        current = [found[key] for key in keys if key in found]
    else:
        current = page_of(filters, rows.joined(filters.wanted())).runs
    newer = newer_than(filters, keys[0]) if keys and filters.is_first_page else 0
    context = {
        "filters": filters,
        "newer": newer,
        **_part(request, filters, current, is_again=True),
    }
    return render(request, "dashboard/runs/page.html#live", context)


def _part(
    request: HttpRequest, filters: RunFilters, runs: Sequence[Run], *, is_again: bool
) -> dict[str, object]:
    """Return what the changing part shows apart from the count of newer runs."""
    names = columns.chosen(filters.columns, request.COOKIES.get(columns.COOKIE, ""))
    return {
        "rows": rows.rows_of(runs, request.user),
        "columns": columns.offered(names),
        "shown": names,
        "chips": status_counts.chips_of(filters, is_again=is_again),
        "needs": waiting.needs_in(request) if filters.is_first_page else [],
        "has_any": bool(runs) or sight.rows(Run.objects.all()).exists(),
    }


def _key(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
