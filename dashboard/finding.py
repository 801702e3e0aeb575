"""Finding a run by what somebody pasted: its id, the beginning of it, or as lists shorten it.

Letters are found in capitals and small. PostgreSQL finds each along an index: what is all small
along that of the column, what has capitals along one of its own, where all are capitals. SQLite
looks through the ids.
"""

from __future__ import annotations

import re
from typing import Final

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Case, F, Q, When
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from workflows_app.models import Run

#: How lists cut an id short, and how some keyboards write it.
_CUT: Final = re.compile(r"\s*(?:…|\.\.\.)\s*")
#: More runs than this are not told apart by what was pasted.
_ONE: Final = 1
#: Spellings of one name that are looked for at most.
_MOST: Final = 50


def clean(text: str) -> str:
    """Return what was pasted without what no id holds."""
    return text[:255].replace("\0", "").strip()


def by_id(text: str) -> Q:
    """Return which runs an id, its beginning, or its two ends mean, whatever its capitals."""
    first, *others = _CUT.split(text)
    found = _spelled("run_id", first, "startswith") if first else Q()
    for part in others[-1:]:
        found &= Q(run_id__iendswith=part)
    return found


def by_resource(text: str) -> Q:
    """Return which runs are for the resource with this id, whatever its capitals."""
    return _spelled("resource_id", text, "exact")


def spellings(name: str) -> set[str]:
    """Return the usual ways to write a name in capitals and small letters: an index finds each."""
    return {name, name.lower(), name.upper(), name.title(), name.capitalize()}


def only_one(text: str) -> Run | None:
    """Return the run that an id means, however it is spelled, or as lists show it.

    None: there is no such run, or more than one, and none has exactly this id.
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
    """Return the ids that a text may mean; of runs that are gone, its usual spellings."""
    run = only_one(text)
    if run is not None:
        return spellings(run.run_id)
    same = Run.objects.filter(_spelled("run_id", text, "exact")).order_by("-pk")
    return spellings(text) | set(same.values_list("run_id", flat=True)[:_MOST])


def people(name: str) -> set[str]:
    """Return the names that a person's name may mean; of people who are gone, the usual ones."""
    field = get_user_model().USERNAME_FIELD
    same = get_user_model().objects.filter(**{f"{field}__iexact": name})
    return spellings(name) | set(same.values_list(field, flat=True)[:_MOST])


def is_meant(run: Run, text: str) -> bool:
    """Return whether the text is this run's id, whole or as lists shorten it."""
    parts = _CUT.split(text.lower())
    run_id = run.run_id.lower()
    if len(parts) == _ONE:
        return run_id == parts[0]
    return all(parts) and run_id.startswith(parts[0]) and run_id.endswith(parts[-1])


def _spelled(field: str, text: str, how: str) -> Q:
    """Return what has this text, or begins with it, in any capitals. `how`: the exact lookup."""
    if connection.vendor == "sqlite":
        return _looked_through(field, text, how)
    same = Q()
    for spelling in {text, text.lower()}:
        same |= Q(**{f"{field}__{how}": spelling})
    # As the indexes that have all in capitals say it: `0023_capitals`.
    has_capitals = Q(**{f"{field}__isnull": False}) & ~Q(Exact(F(field), Lower(field)))
    return same | (has_capitals & Q(**{f"{field}__i{how}": text}))


def _looked_through(field: str, text: str, how: str) -> Q:
    """Return the same for SQLite, whose own comparison knows the capitals of English alone."""
    same = Q(**{f"{field}__{how}": text}) | Q(**{f"{field}__i{how}": text})
    if text.isascii():
        return same
    pattern = rf"\A{re.escape(text)}" + ("" if how == "startswith" else r"\Z")
    return same | Q(**{f"{field}__iregex": pattern})
