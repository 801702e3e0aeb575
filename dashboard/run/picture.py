"""The drawing of a run's graph, with its statuses, as a file."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from workflows_app import terms

from .. import lookup
from ..graph import file
from ..request import ignoring
from ..request.access import signed_in
from ..request.refusing import refuse_unknown_words
from . import gathering
from .view import View


@require_safe
@signed_in
@refuse_unknown_words
def of_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return the graph of a run with its statuses as an SVG file; 404 if it is too large."""
    found = lookup.run_or_404(run_id)
    view = View.read({**request.GET.dict(), "tab": "graph"}, found)
    page = gathering.page_for(found, request.user, view)
    ignoring.ignore_turned(request, page.sheet.unknown)
    if page.sheet.drawing is None:
        raise Http404(file.TOO_LARGE)
    context = {"sheet": page.sheet, "boxes": page.boxes, "lines": page.lines}
    title = gettext("{workflow}, run {run}, {status}").format(
        workflow=page.graph.title, run=found.run_id, status=terms.status(page.status)
    )
    context |= {"tallies": page.tallies, "title": title}
    return file.as_file(request, context, f"{found.workflow_id}-{found.run_id}")
