"""The runs that a run belongs to, as JSON."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Q

from workflows_app.api.entry.callers import Caller
from workflows_app.models import Run, Wait
from workflows_app.models.wait import RUN, START

#: The most of each relation that are listed.
MOST: Final = 200


def listed(caller: Caller, run: Run) -> list[dict[str, Any]]:
    """Return the relatives of a run that the caller may know of, the newest first."""
    notes = Wait.objects.filter(kind__in=[START, RUN])
    mine = set(notes.filter(run=run.pk).order_by("-pk").values_list("kind", "target")[:MOST])
    of_me = set(
        notes.filter(target=run.run_id).order_by("-pk").values_list("kind", "run_id")[:MOST]
    )
    wanted = Q(run_id__in=[name for _, name in mine]) | Q(pk__in=[key for _, key in of_me])
    wanted |= Q(origin=run.run_id)
    wanted |= Q(run_id=run.origin or "")
    found = caller.known(Run.objects.light().filter(wanted).exclude(pk=run.pk))
    shown = []
    for other in found.order_by("-pk")[: 2 * MOST]:
        relations = {
            "child": (START, other.run_id) in mine,
            "awaited": (RUN, other.run_id) in mine,
            "parent": (START, other.pk) in of_me,
            "waiting": (RUN, other.pk) in of_me,
            "origin": other.run_id == run.origin,
            "offspring": other.origin == run.run_id,
        }
        shown += [_shown(other, name) for name, applies in relations.items() if applies]
    return shown


def _shown(run: Run, relation: str) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "workflow_id": run.workflow_id,
        "status": run.status,
        "relation": relation,
        "created_at": run.created_at,
    }
