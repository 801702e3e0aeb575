"""Finds a run from what somebody pasted: its id, its beginning, or its short form in lists.

Case does not matter. PostgreSQL finds each spelling along an index: lower case along that of the
column, mixed case along an upper-case index. SQLite scans the ids.
"""

from __future__ import annotations

import re
from typing import Final

from django.contrib.auth import get_user_model
from django.db.models import Case, F, Q, When
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from workflows_app.models import Run
from workflows_app.models.sqltext import connection_here

#: How lists shorten an id, and how some keyboards write the ellipsis.
_CUT: Final = re.compile(r"\s*(?:…|\.\.\.)\s*")
#: If more runs than this match what was pasted, none of them is meant.
_ONE: Final = 1
#: The most spellings of one name that are looked for.
_MOST: Final = 50


def clean(text: str) -> str:
    """Return what was pasted without characters that no id contains."""
    return text[:255].replace("\0", "").strip()


def by_id(text: str) -> Q:
    """Return the condition that an id, its beginning, or its two ends match, in any case."""
    first, *others = _CUT.split(text)
    found = _spelled("run_id", first, "startswith") if first else Q()
    for part in others[-1:]:
        found &= Q(run_id__iendswith=part)
    return found


def by_resource(text: str) -> Q:
    """Return the condition that a run is for the resource with this id, in any case."""
    return _spelled("resource_id", text, "exact")


def spellings(name: str) -> set[str]:
    """Return the usual spellings of a name in upper and lower case; an index finds each of them."""
    return {name, name.lower(), name.upper(), name.title(), name.capitalize()}


def only_one(text: str) -> Run | None:
    """Return the run that an id means, in any case, or in the short form of lists.

    None if there is no such run, or several and none with exactly this id.
    """
    if not text:
        return None
    is_whole = _CUT.search(text) is None
    wanted = _spelled("run_id", text, "exact") if is_whole else by_id(text)
    exactly = Case(When(run_id=text, then=0), default=1)
    found = list(Run.objects.only("pk", "run_id").filter(wanted).order_by(exactly, "-pk")[:2])
    is_clear = len(found) == _ONE or (bool(found) and found[0].run_id == text)
    return found[0] if is_clear else None


def run_ids(text: str) -> set[str]:
    """Return the ids that a text may mean; for runs that are gone, its usual spellings."""
    run = only_one(text)
    if run is not None:
        return spellings(run.run_id)
    same = Run.objects.filter(_spelled("run_id", text, "exact")).order_by("-pk")
    return spellings(text) | set(same.values_list("run_id", flat=True)[:_MOST])


def people(name: str) -> set[str]:
    """Return the names that a text may mean; for people who are gone, its usual spellings."""
    field = get_user_model().USERNAME_FIELD
    same = get_user_model().objects.filter(**{f"{field}__iexact": name})
    return spellings(name) | set(same.values_list(field, flat=True)[:_MOST])


def is_meant(run: Run, text: str) -> bool:
    """Return whether the text is this run's id, whole or shortened as in lists."""
    parts = _CUT.split(text.lower())
    run_id = run.run_id.lower()
    if len(parts) == _ONE:
        return run_id == parts[0]
    return all(parts) and run_id.startswith(parts[0]) and run_id.endswith(parts[-1])


def _spelled(field: str, text: str, how: str) -> Q:
    """Return the condition that a field has this text, or begins with it, in any case.

    `how` is the exact lookup.
    """
    if connection_here().vendor == "sqlite":
        return _looked_through(field, text, how)
    same = Q()
    for spelling in {text, text.lower()}:
        same |= Q(**{f"{field}__{how}": spelling})
    # The expression of the upper-case indexes: see migration `0023_capitals`.
    has_capitals = Q(**{f"{field}__isnull": False}) & ~Q(Exact(F(field), Lower(field)))
    return same | (has_capitals & Q(**{f"{field}__i{how}": text}))


def _looked_through(field: str, text: str, how: str) -> Q:
    """Return the same for SQLite, whose own comparison ignores case only in English."""
    same = Q(**{f"{field}__{how}": text}) | Q(**{f"{field}__i{how}": text})
    if text.isascii():
        return same
    pattern = rf"\A{re.escape(text)}" + ("" if how == "startswith" else r"\Z")
    return same | Q(**{f"{field}__iregex": pattern})
