"""The admin: everything to look at, almost nothing to change. The engine alone writes runs.

Lists never load payloads and never count big tables; every row links to its page and back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workflows_app import acting, actions, errors, get_workflow, permissions
from workflows_app.engine import versions
from workflows_app.models import (
    Action,
    Run,
    RunEvent,
    Schedule,
    StepSnapshot,
    Timeline,
    Trigger,
    Worker,
    Workflow,
    WorkflowVersion,
)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator

#: As many rows are listed without counting; who looks for older ones filters.
MOST: int = 10_000


class Uncounted(_Paginator):
    """Pages of a table that is too big to be counted: it claims a limit instead."""

    @cached_property
    def count(self) -> int:
        """Count to the limit, and no further."""
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[:MOST])


class ReadOnly(_ModelAdmin):
    """A model that the engine writes: shown, filtered, searched, never edited."""

    show_full_result_count = False
    paginator = Uncounted
    list_per_page = 50
    #: Columns that a list leaves in the database.
    heavy: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, without their payloads where they are listed."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return rows.defer(*self.heavy) if is_list else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds what the engine writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes what the engine writes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes here: `prune` does, and never what is alive."""
        return False


class PageLink:
    """What a list shows of the pages: one link to where the operators look."""

    @admin.display(description="page")
    def page(self, row: Model) -> SafeString | str:
        """Link to the page of the run or workflow that the row belongs to."""
        return page_link(row)


def page_link(row: Model) -> SafeString | str:
    """Return a link to the row's page, or a dash where the pages are not served."""
    match row:
        case Run():
            name, key = "run", row.run_id
        case Workflow():
            name, key = "workflow", row.pk
        case StepSnapshot() | RunEvent():
            name, key = "run", row.run.run_id
        case Action(public_run_id=run_id) if row.run_id is not None:
            name, key = "run", run_id
        case _:
            return "–"
    try:
        return format_html('<a href="{}">Open</a>', reverse(name, args=[key]))
    except NoReverseMatch:
        return "–"


@admin.register(Workflow)
class WorkflowAdmin(PageLink, _ModelAdmin):
    """Workflows by name; the notes for operators may be edited."""

    list_display = ["id", "title", "created_at", "runs", "page"]
    search_fields = ["id", "title"]
    readonly_fields = ["id", "title", "created_at"]
    fields = ["id", "title", "notes", "created_at"]

    @admin.display(description="runs")
    def runs(self, row: Workflow) -> SafeString:
        """Link to the workflow's runs in the admin."""
        address = reverse("admin:workflows_app_run_changelist")
        return format_html('<a href="{}?workflow__id__exact={}">Runs</a>', address, row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Code defines workflows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Runs remember their workflow."""
        return False


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnly):
    """The shapes that workflows have had."""

    list_display = ["workflow", "hash", "created_at"]
    list_filter = ["workflow"]
    search_fields = ["hash"]
    list_select_related = ["workflow"]
    heavy = ("graph",)


@admin.register(Run)
class RunAdmin(PageLink, ReadOnly):
    """Runs, newest first."""

    list_display = ["run_id", "workflow", "status", "started_by", "started_at", "ended_at", "page"]
    list_filter = ["status", "workflow"]
    search_fields = ["run_id__exact", "resource_id__exact"]
    search_help_text = "A whole run id or resource id."
    list_select_related = ["workflow", "started_by"]
    heavy = (
        "input",
        "state",
        "initial_state",
        "result",
        "error",
        "request_context",
        "initial_request_context",
        "tracing",
    )
    readonly_fields = ["page", "steps", "possible"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer what the registry has, to those who may do it."""
        found: dict[str, Any] = {}
        for name in acting.ACTS:
            action = actions.ACTIONS[name]
            if actions.offer(action, request.user, None).is_possible:
                found[name] = (_chosen, name, action.label)
        return found

    @admin.display(description="steps")
    def steps(self, row: Run) -> SafeString:
        """Link to the run's steps in the admin."""
        address = reverse("admin:workflows_app_stepsnapshot_changelist")
        return format_html('<a href="{}?run__id__exact={}">Steps</a>', address, row.pk)

    @admin.display(description="what may be done now")
    def possible(self, row: Run) -> str:
        """Say which actions the run allows now; its page does them."""
        said = [
            f"{action.label}: {action.refusal(row) or 'possible, on its page'}"
            for action in actions.ACTIONS.values()
        ]
        return " · ".join(said)


#: Runs that one act of the admin takes; more are for a bulk job.
MOST_CHOSEN = 100


def _chosen(model: RunAdmin, request: HttpRequest, runs: QuerySet[Run]) -> HttpResponse | None:
    """Say of each chosen run what will happen or why not; once that is confirmed, do it."""
    name = request.POST["action"]
    action = actions.ACTIONS[name]
    found = list(runs.select_related("workflow").order_by("-pk")[: MOST_CHOSEN + 1])
    if len(found) > MOST_CHOSEN:
        message = f"Choose at most {MOST_CHOSEN} runs at a time."
        model.message_user(request, message, messages.WARNING)
        return None
    offers = [(run, actions.offer(action, request.user, run, _specials(run))) for run in found]
    if request.POST.getlist("op") == [name]:  # the button of the page that asks
        for run, offer in offers:
            if offer.is_possible:
                _act(model, request, run, name)
        return None
    context = {
        **model.admin_site.each_context(request),
        "title": action.label,
        "opts": model.opts,
        "action": action,
        "possible": [run for run, offer in offers if offer.is_possible],
        "refused": [(run, offer.why_not) for run, offer in offers if not offer.is_possible],
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/workflows_app/act.html", context)


def _specials(run: Run) -> tuple[str, ...]:
    stored = map(versions.permissions_of, permissions.versions_of(run))
    return permissions.to_act(stored, run.workflow_id)


def _act(model: RunAdmin, request: HttpRequest, run: Run, name: str) -> None:
    try:
        live = get_workflow(run.workflow_id).get_run(run.run_id)
        acting.perform(name, live, actor=request.user, door="admin")
    except errors.WorkflowError as refusal:
        model.message_user(request, str(refusal), messages.ERROR)
        return
    label = actions.ACTIONS[name].label
    model.message_user(request, f"{label}: {run.run_id}", messages.SUCCESS)


@admin.register(StepSnapshot)
class StepSnapshotAdmin(PageLink, ReadOnly):
    """Steps, the newest first."""

    list_display = ["path", "kind", "status", "run", "retry_count", "queued_at", "page"]
    list_filter = ["status", "kind", "queue"]
    search_fields = ["run__run_id__exact"]
    search_help_text = "A whole run id."
    list_select_related = ["run"]
    ordering = ["-pk"]
    raw_id_fields = ["run", "parent", "worker"]
    heavy = (
        "payload",
        "output",
        "error",
        "suspend_payload",
        "resume_payload",
        "state_changes",
        "context_changes",
        *(f"run__{name}" for name in RunAdmin.heavy),
    )
    readonly_fields = ["page"]


@admin.register(RunEvent)
class RunEventAdmin(PageLink, ReadOnly):
    """The log, one row a transaction."""

    list_display = ["run", "first_seq", "last_seq", "timeline", "at", "page"]
    search_fields = ["run__run_id__exact"]
    search_help_text = "A whole run id."
    list_select_related = ["run"]
    ordering = ["-pk"]
    raw_id_fields = ["run"]
    heavy = ("events", *(f"run__{name}" for name in RunAdmin.heavy))
    readonly_fields = ["page"]


@admin.register(Timeline)
class TimelineAdmin(ReadOnly):
    """Earlier timelines of runs, as they were left."""

    list_display = ["run", "number", "cause", "step", "actor", "status", "left_at"]
    list_filter = ["cause", "status"]
    search_fields = ["run__run_id__exact"]
    list_select_related = ["run"]
    ordering = ["-pk"]
    raw_id_fields = ["run"]
    heavy = ("result", "error", "state", *(f"run__{name}" for name in RunAdmin.heavy))


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly):
    """When workflows start by themselves."""

    list_display = ["id", "cron", "timezone", "status", "is_defined", "next_fire_at", "last_run_id"]
    list_filter = ["status", "is_defined"]
    search_fields = ["id"]
    heavy = ("definition",)


@admin.register(Trigger)
class TriggerAdmin(ReadOnly):
    """The times that schedules came, and what was made of them."""

    list_display = ["schedule", "scheduled_at", "fired_at", "outcome", "kind", "run_id"]
    list_filter = ["outcome", "kind"]
    search_fields = ["schedule__id", "run_id__exact"]
    ordering = ["-pk"]
    raw_id_fields = ["schedule"]
    heavy = ("error",)


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    """The processes that run steps, and when they were last heard of."""

    list_display = ["host", "pid", "mode", "threads", "started_at", "heartbeat_at", "stopped_at"]
    list_filter = ["mode"]
    search_fields = ["host"]


@admin.register(Action)
class ActionAdmin(PageLink, ReadOnly):
    """Who did what: the audit trail."""

    list_display = ["at", "actor_name", "verb", "through", "subject", "public_run_id", "page"]
    list_filter = ["verb", "door"]
    search_fields = ["public_run_id__exact", "actor_name__exact"]
    search_help_text = "A whole run id, or the name of a person."
    raw_id_fields = ["run", "actor"]
    ordering = ["-pk"]
    heavy = ("data",)
    readonly_fields = ["page"]
