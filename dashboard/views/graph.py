"""The drawing of a graph as a file that stands alone, with its colours."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from dashboard import address_words, catalogue, graphs, run_page
from dashboard.graph_look import Look, Sheet
from dashboard.run_view import View
from dashboard.views.access import run_or_404, signed_in
from dashboard.views.refusing import exact

#: A file has no style sheet of the page's to ask: the same colours, written out.
LIGHT: Final = {
    "paper": "#ffffff", "ink": "#171b22", "faint": "#4b5361", "line": "#8b94a3", "soft": "#eceff3",
    "still": "#566070", "good": "#17703f", "bad": "#b3261e", "bad_soft": "#fceae8",
    "ask": "#8a5300", "ask_line": "#d99a2b", "ask_soft": "#fff4df", "run": "#2456c8",
    "run_soft": "#e8eefc",
}  # fmt: skip
DARK: Final = {
    "paper": "#171b21", "ink": "#e8ebf0", "faint": "#b4bcc8", "line": "#667180", "soft": "#242a33",
    "still": "#a4adba", "good": "#6fd39b", "bad": "#ff9b92", "bad_soft": "#3a1a18",
    "ask": "#ffc76b", "ask_line": "#a87722", "ask_soft": "#33260e", "run": "#86a8ff",
    "run_soft": "#1c2947",
}  # fmt: skip
ICONS: Final = Path(__file__).parents[1] / "static" / "dashboard" / "icons.svg"
TOO_LARGE: Final = "This graph has too many entries to be drawn."


@require_safe
@signed_in
@exact
def of_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """Return the graph of a run with its statuses as an SVG file; 404 where it is too large."""
    found = run_or_404(run_id)
    view = View.read({**request.GET.dict(), "tab": "graph"}, found)
    page = run_page.page_for(found, request.user, view)
    ignore_turned(request, page.sheet)
    if page.sheet.drawing is None:
        raise Http404(TOO_LARGE)
    context = {"sheet": page.sheet, "boxes": page.boxes, "lines": page.lines}
    title = f"{page.graph.title}, run {found.run_id}, {page.status}"
    context |= {"tallies": page.tallies, "title": title}
    return _file(request, context, f"{found.workflow_id}-{found.run_id}")


@require_safe
@signed_in
@exact
def of_workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Return the graph of a workflow as an SVG file; 404 where there is none to draw."""
    known = catalogue.find(workflow_id)
    if known is None:
        raise Http404(f"There is no workflow with the id “{workflow_id}”.")
    versions = catalogue.versions_of(known)
    shown = next((v for v in versions if v.hash == request.GET.get("version")), None)
    graph = known.graph if shown is None else graphs.of_version(shown.pk)
    sheet = Sheet(graph, Look.read(request.GET.dict()))
    ignore_turned(request, sheet)
    ignore_version(request, is_found=shown is not None)
    if sheet.drawing is None:
        raise Http404(TOO_LARGE)
    context: dict[str, object] = {
        "sheet": sheet,
        "boxes": [(box, "") for box in sheet.drawing.boxes],
        "lines": [(line, True) for line in sheet.drawing.lines],
        "title": known.title,
    }
    return _file(request, context, workflow_id)


def ignore_turned(request: HttpRequest, sheet: Sheet) -> None:
    """Say of an address that turns over what is no frame of the graph that it does."""
    if sheet.unknown:
        address_words.ignore(request, f"turned={','.join(sorted(sheet.unknown))}")


def ignore_version(request: HttpRequest, *, is_found: bool) -> None:
    """Say of an address that names a version which there is not that it does."""
    if not is_found and (version := request.GET.get("version")):
        address_words.ignore(request, f"version={version}")


def _file(request: HttpRequest, context: dict[str, object], name: str) -> HttpResponse:
    """Return the drawing as a file to keep; `?theme=dark` for a dark one."""
    colours = DARK if request.GET.get("theme") == "dark" else LIGHT
    context |= {"colours": colours, "icons": _icons()}
    response = render(request, "dashboard/graph.svg", context, content_type="image/svg+xml")
    file = re.sub(r"[^\w.\[\]-]+", "-", name) + ".svg"
    header = content_disposition_header(True, file)  # noqa: FBT003 - Django's own signature
    response.headers["Content-Disposition"] = header or "attachment"
    return response


@cache
def _icons() -> SafeString:
    """Return the signs of the statuses, to be put into the file."""
    text = ICONS.read_text()
    inner = text[text.index("<symbol") : text.rindex("</defs>")]
    return mark_safe(inner)  # noqa: S308 - a file of our own
