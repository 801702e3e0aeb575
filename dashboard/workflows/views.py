"""The workflows: what they are and what they take."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from workflows_app.engine.run import holds

from .. import catalogue
from ..forms.summary import lines_of
from ..graph import graphs
from ..graph.look import Look, Sheet
from ..lists import rows
from ..lists.filters import RunFilters
from ..pages import render
from ..request import ignoring
from ..request.access import signed_in
from . import intake, outside, speeds

RECENT = 10
#: How many entries of a graph its page lists.
MOST_ENTRIES = 200


@require_safe
@signed_in
def workflows(request: HttpRequest) -> HttpResponse:
    """List every workflow that this process defines, or that has runs."""
    found = catalogue.all_known()
    alive = speeds.under_way()
    late = speeds.of_late([known.id for known in found], timezone.now())
    times = speeds.next_times()
    listed = [
        {
            "known": known,
            "counts": alive.by_workflow.get(known.id, {}),
            "speed": late.get(known.id),
            "next": times.get(known.id),
            "offer": catalogue.offer_of(request.user, known),
        }
        for known in found
    ]
    context = {
        "listed": listed,
        "is_capped": alive.is_capped,
        "most_runs": speeds.MOST_RUNS,
        "is_cut": len(found) > speeds.MOST_WORKFLOWS,
        "most_workflows": speeds.MOST_WORKFLOWS,
    }
    is_part = bool(request.headers.get("HX-Request"))
    return render(request, f"dashboard/workflows/page.html{'#live' if is_part else ''}", context)


@require_safe
@signed_in
def workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Show one workflow: its graph, its types, its latest runs."""
    known = catalogue.known_or_404(workflow_id)
    versions = catalogue.versions_of(known)
    shown = next((v for v in versions if v.hash == request.GET.get("version")), None)
    graph = known.graph if shown is None else graphs.of_version(shown.pk)
    recent = list(rows.joined(RunFilters(workflow=workflow_id).wanted())[:RECENT])
    entries = list(graph.entries.values())
    sheet = Sheet(graph, Look.read(request.GET.dict()), {"version": shown.hash} if shown else {})
    ignoring.ignore_turned(request, sheet.unknown)
    ignoring.ignore_version(request, is_found=shown is not None)
    drawn = sheet.drawing
    late = speeds.of_late([workflow_id], timezone.now()).get(workflow_id)
    context = {
        "known": known,
        "graph": graph,
        "versions": versions,
        "version": shown,
        "speed": late or speeds.of_ever(workflow_id),
        "is_ever": late is None,
        "most_runs": speeds.MOST_RUNS,
        "next": speeds.next_times().get(workflow_id),
        "entries": entries[:MOST_ENTRIES],
        "entries_left_out": max(len(entries) - MOST_ENTRIES, 0),
        "rows": rows.rows_of(recent),
        "outside": outside.of_workflow(workflow_id, graph),
        "types": [
            (gettext("Input"), lines_of(graph.json.get("input_schema"))),
            (gettext("Result"), lines_of(graph.json.get("output_schema"))),
        ],
        "offer": catalogue.offer_of(request.user, known),
        "intake": None if known.row is None else holds.halt_of(known.row),
        "intake_offer": intake.offer_of(request.user, known),
        "sheet": sheet,
        "boxes": [(box, "") for box in drawn.boxes] if drawn else [],
        "lines": [(line, True) for line in drawn.lines] if drawn else [],
    }
    return render(request, "dashboard/workflows/workflow.html", context)
