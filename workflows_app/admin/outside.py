"""Events from outside, and what steps wait for or have started."""

from __future__ import annotations

from workflows_app.admin.runs import RunAdmin, StepSnapshotAdmin
from workflows_app.admin.tables import ReadOnly, shown
from workflows_app.languages import gettext_lazy as _
from workflows_app.models import OutsideEvent, Wait


@shown(OutsideEvent)
class OutsideEventAdmin(ReadOnly):
    """Events that were emitted: those that answered steps, and those that are kept."""

    list_display = ["name", "key", "answered", "taken_at", "emitted_by", "emitted_at"]
    search_fields = ["name__exact", "key__exact", "event_id__exact"]
    search_help_text = _("A whole name, key or event id.")
    ordering = ["-pk"]
    heavy = ("data",)
    values = ("data",)


@shown(Wait)
class WaitAdmin(ReadOnly):
    """What steps wait for besides answers of people, and the runs that they started."""

    list_display = ["run", "step", "kind", "name", "key", "target", "until", "outcome"]
    list_filter = ["kind", "outcome"]
    search_fields = ["run__run_id__exact", "name__exact", "key__exact", "target__exact"]
    search_help_text = _("A whole run id, or the name, key or run that is waited for.")
    list_select_related = ["run", "step"]
    raw_id_fields = ["run", "step"]
    ordering = ["-pk"]
    heavy = (
        "value",
        *(f"run__{name}" for name in RunAdmin.heavy),
        *(f"step__{name}" for name in StepSnapshotAdmin.heavy if not name.startswith("run__")),
    )
    workflow = "run__workflow_id"
    values = ("value",)
