"""Workflows, their versions and schedules, and the processes that run them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from workflows_app import permissions
from workflows_app.admin.tables import KnownWorkflows, ModelAdmin, PageLink, ReadOnly, shown
from workflows_app.languages import gettext_lazy
from workflows_app.models import (
    Schedule,
    Trigger,
    Worker,
    Workflow,
    WorkflowVersion,
)


@shown(Workflow)
class WorkflowAdmin(PageLink, ModelAdmin):
    """Workflows by name; the notes for operators may be edited."""

    list_display = ["id", "title", "created_at", "runs", "page"]
    search_fields = ["id", "title"]
    readonly_fields = ["id", "title", "created_at"]
    fields = ["id", "title", "notes", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the workflows that are there for the person."""
        return permissions.visible(request.user, super().get_queryset(request), "pk")

    @admin.display(description=gettext_lazy("runs"))
    def runs(self, row: Workflow) -> SafeString:
        """Link to the workflow's runs in the admin."""
        address = reverse("admin:workflows_app_run_changelist")
        return format_html(
            '<a href="{}?workflow__id__exact={}">{}</a>', address, row.pk, gettext("Runs")
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Code defines workflows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Workflows stay, because runs refer to them."""
        return False


@shown(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnly):
    """The shapes that workflows have had."""

    list_display = ["workflow", "hash", "created_at"]
    list_filter = [("workflow", KnownWorkflows)]
    search_fields = ["hash"]
    list_select_related = ["workflow"]
    heavy = ("graph",)
    workflow = "workflow_id"


@shown(Schedule)
class ScheduleAdmin(ReadOnly):
    """When workflows start by themselves."""

    list_display = ["id", "cron", "timezone", "status", "is_defined", "next_fire_at", "last_run_id"]
    list_filter = ["status", "is_defined"]
    search_fields = ["id"]
    heavy = ("definition",)
    workflow = "workflow_id"
    values = ("definition",)


@shown(Trigger)
class TriggerAdmin(ReadOnly):
    """The times at which schedules came due, and what came of each."""

    list_display = ["schedule", "scheduled_at", "fired_at", "outcome", "kind", "run_id"]
    list_filter = ["outcome", "kind"]
    search_fields = ["schedule__id", "run_id__exact"]
    ordering = ["-pk"]
    raw_id_fields = ["schedule"]
    heavy = ("error",)
    workflow = "schedule__workflow_id"


@shown(Worker)
class WorkerAdmin(ReadOnly):
    """The processes that run steps, and when they were last heard of."""

    list_display = ["host", "pid", "mode", "threads", "started_at", "heartbeat_at", "stopped_at"]
    list_filter = ["mode"]
    search_fields = ["host"]
