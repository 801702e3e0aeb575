"""Finding a run by what somebody pasted: its id, the beginning of it, or as lists shorten it.

Letters are found in capitals and small. Ids of our own are hexadecimal, and are looked up along an
index; for names that people gave, runs are looked through.
"""

from __future__ import annotations

import re
from typing import Final

from django.db.models import Q

from workflows_app.models import Run

#: How lists cut an id short, and how some keyboards write it.
_CUT: Final = re.compile(r"\s*(?:…|\.\.\.)\s*")
_HEX: Final = re.compile(r"[0-9a-f-]+", re.IGNORECASE)
#: More runs than this are not told apart by what was pasted.
_ONE: Final = 1


def clean(text: str) -> str:
    """Return what was pasted without what no id holds."""
    return text[:255].replace("\0", "").strip()


def by_id(text: str, field: str = "run_id") -> Q:
    """Return which runs an id, its beginning, or its two ends mean, whatever its capitals."""
    first, *others = _CUT.split(text)
    found = _begins(first, field) if first else Q()
    for part in others[-1:]:
        found &= Q(**{f"{field}__iendswith": part})
    return found


def by_resource(text: str) -> Q:
    """Return which runs are for the resource with this id, whatever its capitals."""
    same = Q(resource_id__in=spellings(text))
    # SQLite and PostgreSQL differ in what capitals they know; names are mostly plain.
    return same if _HEX.fullmatch(text) else same | Q(resource_id__iexact=text)


def spellings(name: str) -> set[str]:
    """Return the usual ways to write a name in capitals and small letters: an index finds each."""
    return {name, name.lower(), name.upper(), name.title(), name.capitalize()}


def only_one(text: str) -> Run | None:
    """Return the run that an id means as lists show it; None: there is none, or more than one."""
    if not text or not _CUT.search(text):
        return None
    found = list(Run.objects.only("pk", "run_id").filter(by_id(text)).order_by("-pk")[: _ONE + 1])
    return found[0] if len(found) == _ONE else None


def is_meant(run: Run, text: str) -> bool:
    """Return whether the text is this run's id, whole or as lists shorten it."""
    parts = _CUT.split(text.lower())
    run_id = run.run_id.lower()
    if len(parts) == _ONE:
        return run_id == parts[0]
    return all(parts) and run_id.startswith(parts[0]) and run_id.endswith(parts[-1])


def _begins(text: str, field: str) -> Q:
    if _HEX.fullmatch(text):
        return Q(**{f"{field}__startswith": text.lower()}) | Q(
            **{f"{field}__startswith": text.upper()}
        )
    return Q(**{f"{field}__istartswith": text})
