"""The workflows: what they are and what they take."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard import catalogue, graphs, paces, rows
from dashboard.catalogue import Known
from dashboard.filters import Filters
from dashboard.forms.summary import lines_of
from dashboard.graph_look import Look, Sheet
from dashboard.views.access import signed_in
from dashboard.views.graph import ignore_turned, ignore_version
from workflows_app import actions, permissions

RECENT = 10
#: Entries of a graph that its page lists.
MOST_PLACES = 200


@require_safe
@signed_in
def workflows(request: HttpRequest) -> HttpResponse:
    """List every workflow that this process defines, or that has runs."""
    found = catalogue.all_known()
    alive = paces.under_way()
    late = paces.of_late([known.id for known in found], timezone.now())
    times = paces.next_times()
    listed = [
        {
            "known": known,
            "counts": alive.by_workflow.get(known.id, {}),
            "pace": late.get(known.id),
            "next": times.get(known.id),
            "offer": offer_of(request, known),
        }
        for known in found
    ]
    context = {
        "listed": listed,
        "is_capped": alive.is_capped,
        "most_runs": paces.MOST_RUNS,
        "is_cut": len(found) > paces.MOST_WORKFLOWS,
        "most_workflows": paces.MOST_WORKFLOWS,
    }
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, f"dashboard/workflows.html{'#live' if is_part else ''}", context)


@require_safe
@signed_in
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show one workflow: its graph, what it takes and gives, its latest runs."""
    known = known_or_404(workflow_id)
    versions = catalogue.versions_of(known)
    shown = next((v for v in versions if v.hash == request.GET.get("version")), None)
    graph = known.graph if shown is None else graphs.of_version(shown.pk)
    recent = list(rows.joined(Filters(workflow=workflow_id).wanted())[:RECENT])
    places = list(graph.places.values())
    sheet = Sheet(graph, Look.read(request.GET.dict()), {"version": shown.hash} if shown else {})
    ignore_turned(request, sheet)
    ignore_version(request, is_found=shown is not None)
    drawn = sheet.drawing
    late = paces.of_late([workflow_id], timezone.now()).get(workflow_id)
    context = {
        "known": known,
        "graph": graph,
        "versions": versions,
        "version": shown,
        "pace": late or paces.of_ever(workflow_id),
        "is_ever": late is None,
        "most_runs": paces.MOST_RUNS,
        "next": paces.next_times().get(workflow_id),
        "places": places[:MOST_PLACES],
        "places_left_out": max(len(places) - MOST_PLACES, 0),
        "rows": rows.rows_of(recent),
        "types": [
            ("Input", lines_of(graph.json.get("input_schema"))),
            ("Result", lines_of(graph.json.get("output_schema"))),
        ],
        "offer": offer_of(request, known),
        "sheet": sheet,
        "boxes": [(box, "") for box in drawn.boxes] if drawn else [],
        "lines": [(line, True) for line in drawn.lines] if drawn else [],
    }
    return render(request, "dashboard/workflow.html", context)


def known_or_404(workflow_id: str) -> Known:
    """Return the workflow, or show the page that says there is none."""
    known = catalogue.find(workflow_id)
    if known is None:
        raise Http404(f"There is no workflow with the id “{workflow_id}”.")
    return known


def offer_of(request: HttpRequest, known: Known) -> actions.Offer:
    """Return whether this person may start the workflow from here, or why not."""
    if known.defined is None:
        return actions.Offer(
            actions.START,
            "The code of this workflow is not in this process, so it cannot be started from here.",
        )
    return actions.offer(actions.START, request.user, None, permissions.to_start(known.id))
