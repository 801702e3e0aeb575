"""The drawing of a graph as a file with its own colours."""

import re
from functools import cache
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString, mark_safe

from workflows_app.languages import gettext_lazy

from .. import assets
from ..pages import render

#: A file cannot use the page's style sheet, so the same colours are written out.
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
ICONS: Final = assets.FOLDER / "icons.svg"
TOO_LARGE: Final = gettext_lazy("This graph has too many entries to be drawn.")


def as_file(request: HttpRequest, context: dict[str, object], name: str) -> HttpResponse:
    """Return the drawing as a file; `?theme=dark` for a dark one."""
    colours = DARK if request.GET.get("theme") == "dark" else LIGHT
    context |= {"colours": colours, "icons": _icons()}
    response = render(request, "dashboard/graph/graph.svg", context, content_type="image/svg+xml")
    name = re.sub(r"[^\w.\[\]-]+", "-", name) + ".svg"
    header = content_disposition_header(True, name)  # noqa: FBT003 - Django's own signature
    response.headers["Content-Disposition"] = header or "attachment"
    return response


@cache
def _icons() -> SafeString:
    """Return the status icons, to be put into the file."""
    text = ICONS.read_text()
    inner = text[text.index("<symbol") : text.rindex("</defs>")]
    return mark_safe(inner)  # noqa: S308 - a file of our own
