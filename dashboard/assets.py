"""Style sheets, scripts and icons: served by ourselves, below the pages' own address.

So they need nothing of a project: no `collectstatic`, no server for static files, no STATIC_URL
that allows scripts and icons from another host. Their address names their content, so that
browsers keep them, and that the modules of one page are always of one release.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

import django_htmx
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

FOLDER: Final = Path(__file__).parent / "assets"
_HTMX: Final = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_IMPORT: Final = re.compile(r"""^\s*(?:import|export)\b[^;"']*["'](\.[^"']+)["']""", re.MULTILINE)


@cache
def _files() -> dict[str, Path]:
    """Return all files by name."""
    found = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in _KINDS}
    return {**found, "htmx.js": _HTMX}


@cache
def _version() -> str:
    """Return a short name for the content of all files."""
    digest = hashlib.sha256()
    for path in _files().values():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def address(name: str) -> str:
    """Return the address of a file."""
    return _base(get_script_prefix(), get_urlconf()) + name


# A page has hundreds of icons.
@cache
def _base(_prefix: str, _urlconf: str | None) -> str:
    return reverse("signalbox:asset", args=[_version(), "x"]).removesuffix("x")


@cache
def imported_by(entry: str) -> tuple[str, ...]:
    """Return the names of all modules that a script needs, itself first; empty without a file."""
    found: dict[str, None] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop(0)
        if name in found or name not in _files():
            continue
        found[name] = None
        imports = _IMPORT.findall(_files()[name].read_text(encoding="utf-8"))
        waiting += [normpath(join(dirname(name), each)) for each in imports]
    return tuple(found)


@require_safe
def asset(_request: HttpRequest, version: str, name: str) -> HttpResponse:
    """Answer with a file."""
    path = _files().get(name)
    if path is None:
        raise Http404(gettext("There is no such file."))
    is_kept = version == _version() and not settings.DEBUG
    headers = {
        "Cache-Control": _FOREVER if is_kept else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(path.read_bytes(), _KINDS[path.suffix], headers=headers)
