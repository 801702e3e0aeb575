"""The catalogues of translations: what the packages say, and what each language says for it.

`python -m tests.catalogues` writes new sentences into the catalogues and compiles them; that is
`make words`. GNU gettext is not needed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[1]
#: Where the sentences of each package are written.
SOURCES = {"dashboard": ("dashboard", "templates/dashboard"), "workflows_app": ("workflows_app",)}
LANGUAGES = ("de",)
KEYWORDS = {
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def files(package: str) -> Iterator[Path]:
    """Yield the files of a package that contain sentences."""
    extra = sorted((ROOT / "templates").glob("*.html")) if package == "dashboard" else []
    yield from extra
    if package == "workflows_app":
        yield from sorted((ROOT / "templates" / "admin").rglob("*.html"))
    for folder in SOURCES[package]:
        for kind in ("*.py", "*.html", "*.svg"):
            yield from sorted((ROOT / folder).rglob(kind))


def extracted(package: str) -> Catalog:
    """Return the sentences that a package says now."""
    found = Catalog(fuzzy=False)
    for path in files(package):
        name = str(path.relative_to(ROOT))
        text = path.read_text()
        is_python = path.suffix == ".py"
        # A template becomes Python with its own indentation, which Python does not take.
        code = text if is_python else re.sub(r"(?m)^\s+", "", templatize(text, origin=name))
        for _, message, comments, context in extract(
            "python", io.BytesIO(code.encode()), KEYWORDS, ("Translators:",), {"encoding": "utf-8"}
        ):
            flags = ["python-brace-format"] if is_python and "{" in str(message) else []
            found.add(
                message,
                locations=[(name, 0)],
                flags=flags,
                auto_comments=comments,
                context=context,
            )
    return found


def po_file(package: str, language: str) -> Path:
    """Return the file with a language's words for a package."""
    return ROOT / package / "locale" / language / "LC_MESSAGES" / "django.po"


def read(package: str, language: str) -> Catalog:
    """Return a language's words for a package."""
    with po_file(package, language).open("rb") as file:
        return read_po(file, locale=language)


def messages(catalogue: Catalog) -> list[Message]:
    """Return the messages of a catalogue without its header."""
    return [message for message in catalogue if message.id]


def holes(text: str) -> list[str]:
    """Return what is filled into a sentence, sorted: `{name}` and `%(name)s`."""
    return sorted(re.findall(r"\{\w*[^{}]*\}|%\(\w+\)s|</?\w+", text))


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as the program reads it."""
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def update(package: str, language: str) -> None:
    """Write new sentences into a catalogue, drop those that nobody says, and compile it."""
    path = po_file(package, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read(package, language) if path.exists() else Catalog(locale=language, fuzzy=False)
    known.update(extracted(package), no_fuzzy_matching=True)
    known.obsolete.clear()
    with path.open("wb") as file:
        write_po(file, known, width=100, sort_output=True, include_lineno=False)
    path.with_suffix(".mo").write_bytes(compiled(known))


if __name__ == "__main__":
    for package in SOURCES:
        for language in LANGUAGES:
            update(package, language)
            left = [each.id for each in messages(read(package, language)) if not each.string]
            print(f"{package}, {language}: {len(left)} sentences without words")  # noqa: T201
