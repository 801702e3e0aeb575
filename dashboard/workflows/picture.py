"""The drawing of a workflow's graph as a file."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from .. import catalogue
from ..graph import file, graphs
from ..graph.look import Look, Sheet
from ..request import ignoring
from ..request.access import signed_in
from ..request.refusing import refuse_unknown_words


@require_safe
@signed_in
@refuse_unknown_words
def of_workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Return the graph of a workflow as an SVG file; 404 if there is none to draw."""
    known = catalogue.known_or_404(workflow_id)
    versions = catalogue.versions_of(known)
    shown = next((v for v in versions if v.hash == request.GET.get("version")), None)
    graph = known.graph if shown is None else graphs.of_version(shown.pk)
    sheet = Sheet(graph, Look.read(request.GET.dict()))
    ignoring.ignore_turned(request, sheet.unknown)
    ignoring.ignore_version(request, is_found=shown is not None)
    if sheet.drawing is None:
        raise Http404(file.TOO_LARGE)
    context: dict[str, object] = {
        "sheet": sheet,
        "boxes": [(box, "") for box in sheet.drawing.boxes],
        "lines": [(line, True) for line in sheet.drawing.lines],
        "title": known.title,
    }
    return file.as_file(request, context, workflow_id)
