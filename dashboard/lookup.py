"""Finds one run by the public id that addresses contain."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from django.db.models import CharField, F, QuerySet
from django.http import Http404
from django.utils.translation import gettext

from workflows_app.models import Run, persons
from workflows_app.models.queries import Parameter, QueryReader
from workflows_app.models.sqltext import connection_here

from .values import previews, sight

#: The values of a run whose beginnings are shown on its page.
RUN_FIELDS: Final = ("input", "result")
STATES: Final = ("state", "initial_state")


def run_or_404(run_id: str, *, has_values: bool = False) -> Run:
    """Return the run, or raise Http404, whose page says that there is none.

    With `has_values` it comes with the beginnings of its values.
    """
    run = find(run_id, has_values=has_values)
    if run is None:
        raise Http404(
            gettext("There is no run with the id “{run_id}”. It may have been deleted.").format(
                run_id=run_id
            )
        )
    return run


def find(run_id: str, *, has_values: bool = False) -> Run | None:
    """Return a run by its public id without payloads; None if there is none for the person.

    Its workflow and the person who started it come along; with `has_values`, so do the beginnings
    of its values.
    """
    if "\0" in run_id:  # PostgreSQL does not accept such text
        return None
    found = _run_reader(connection_here().vendor, has_values).read(run_id=run_id)
    return found[0] if found and sight.knows_of(found[0].workflow_id) else None


@lru_cache(maxsize=8)
def _run_reader(_vendor: str, has_values: bool) -> QueryReader[Run]:  # noqa: FBT001 - a key
    light = Run.objects.light().select_related("workflow")
    runs = persons.joined_or_later(light, "started_by").annotate(version_hash=F("version__hash"))
    shown = with_values(runs) if has_values else runs
    return QueryReader(shown.filter(run_id=Parameter("run_id", CharField())))


def with_values(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Return these runs with the beginnings of their values, as a run's page shows them."""
    shown = previews.with_previews(runs, (*RUN_FIELDS, *STATES), previews.TREE_LIMIT)
    return previews.with_previews(shown, ["error"], previews.ERROR_LIMIT)
