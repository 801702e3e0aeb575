"""Runs with all that belongs to them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from workflows_app import acting, actions, errors, get_workflow, permissions, refusal_words, terms
from workflows_app.admin.tables import KnownWorkflows, PageLink, ReadOnly, shown
from workflows_app.engine.run import versions
from workflows_app.languages import gettext_lazy
from workflows_app.models import (
    AcceptedStart,
    EarlierQuestion,
    Hold,
    Run,
    RunDeadline,
    RunEvent,
    StepSnapshot,
    Stretch,
    Timeline,
    UniqueKey,
)


@shown(Run)
class RunAdmin(PageLink, ReadOnly):
    """Runs, newest first."""

    list_display = ["run_id", "workflow", "status", "started_by", "started_at", "ended_at", "page"]
    list_filter = ["status", ("workflow", KnownWorkflows)]
    search_fields = ["run_id__exact", "resource_id__exact"]
    search_help_text = gettext_lazy("A whole run id or resource id.")
    list_select_related = ["workflow"]
    people = ("started_by",)
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
    workflow = "workflow_id"
    values = (*heavy, "answers_ahead")
    readonly_fields = ["page", "steps", "possible"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the registry's actions to people who may use them."""
        found: dict[str, Any] = {}
        for name in acting.ACTS:
            action = actions.ACTIONS[name]
            if actions.offer(action, request.user, None).is_possible:
                found[name] = (_chosen, name, action.label)
        return found

    @admin.display(description=gettext_lazy("steps"))
    def steps(self, row: Run) -> SafeString:
        """Link to the run's steps in the admin."""
        address = reverse("admin:workflows_app_stepsnapshot_changelist")
        return format_html(
            '<a href="{}?run__id__exact={}">{}</a>', address, row.pk, gettext("Steps")
        )

    @admin.display(description=gettext_lazy("what may be done now"))
    def possible(self, row: Run) -> str:
        """Say which actions the run allows now; its page does them."""
        possible = gettext("possible, on its page")
        said = [
            f"{action.label}: {action.refusal(row) or possible}"
            for action in actions.ACTIONS.values()
        ]
        return " · ".join(said)


#: Most runs that one action of the admin takes; more are for a bulk job.
MOST_CHOSEN = 100


def _chosen(model: RunAdmin, request: HttpRequest, runs: QuerySet[Run]) -> HttpResponse | None:
    """Show for each chosen run what will happen, or why not; after the confirmation, do it."""
    name = request.POST["action"]
    action = actions.ACTIONS[name]
    found = list(runs.select_related("workflow").order_by("-pk")[: MOST_CHOSEN + 1])
    if len(found) > MOST_CHOSEN:
        message = gettext("Choose at most {most} runs at a time.").format(most=MOST_CHOSEN)
        model.message_user(request, message, messages.WARNING)
        return None
    offers = [(run, actions.offer(action, request.user, run, _specials(run))) for run in found]
    if request.POST.getlist("op") == [name]:  # the button of the confirmation page
        for run, offer in offers:
            if offer.is_possible:
                _act(model, request, run, name)
        return None
    context = {
        **model.admin_site.each_context(request),
        "title": action.label,
        "opts": model.opts,
        "action": action,
        "possible": [(run, terms.status(run.status)) for run, offer in offers if offer.is_possible],
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
        model.message_user(request, refusal_words.of(refusal), messages.ERROR)
        return
    label = actions.ACTIONS[name].label
    model.message_user(request, f"{label}: {run.run_id}", messages.SUCCESS)


@shown(StepSnapshot)
class StepSnapshotAdmin(PageLink, ReadOnly):
    """Steps, the newest first."""

    list_display = ["path", "kind", "status", "run", "retry_count", "queued_at", "page"]
    list_filter = ["status", "kind", "queue"]
    search_fields = ["run__run_id__exact"]
    search_help_text = gettext_lazy("A whole run id.")
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
    workflow = "run__workflow_id"
    values = heavy[:7]
    readonly_fields = ["page"]


@shown(Stretch)
class StretchAdmin(ReadOnly):
    """Items of lists that workers hold and that have no snapshots yet."""

    list_display = ["run", "start", "position", "until", "worker", "claimed_at"]
    search_fields = ["run__run_id__exact"]
    search_help_text = gettext_lazy("A whole run id.")
    list_select_related = ["run", "worker"]
    ordering = ["-pk"]
    raw_id_fields = ["run", "parent", "worker"]
    heavy = ("payloads", *(f"run__{name}" for name in RunAdmin.heavy))
    workflow = "run__workflow_id"
    values = ("payloads",)


@shown(RunEvent)
class RunEventAdmin(PageLink, ReadOnly):
    """The log, one row per transaction."""

    list_display = ["run", "first_seq", "last_seq", "timeline", "at", "page"]
    search_fields = ["run__run_id__exact"]
    search_help_text = gettext_lazy("A whole run id.")
    list_select_related = ["run"]
    ordering = ["-pk"]
    raw_id_fields = ["run"]
    heavy = ("events", *(f"run__{name}" for name in RunAdmin.heavy))
    workflow = "run__workflow_id"
    values = ("events",)
    readonly_fields = ["page"]


@shown(Timeline)
class TimelineAdmin(ReadOnly):
    """Earlier timelines of runs, as they were left."""

    list_display = ["run", "number", "cause", "step", "actor", "status", "left_at"]
    list_filter = ["cause", "status"]
    search_fields = ["run__run_id__exact"]
    list_select_related = ["run"]
    ordering = ["-pk"]
    raw_id_fields = ["run"]
    heavy = ("result", "error", "state", *(f"run__{name}" for name in RunAdmin.heavy))
    workflow = "run__workflow_id"
    values = ("result", "error", "state")


class OfRun(ReadOnly):
    """A table of rows of runs, whose rights are those of the run."""

    search_fields = ["run__run_id__exact"]
    search_help_text = gettext_lazy("A whole run id.")
    list_select_related = ["run"]
    raw_id_fields = ["run"]
    heavy = tuple(f"run__{name}" for name in RunAdmin.heavy)
    workflow = "run__workflow_id"


@shown(EarlierQuestion)
class EarlierQuestionAdmin(OfRun):
    """Questions that were answered, after which their step asked again."""

    list_display = ["suspension", "run", "path"]


@shown(Hold)
class HoldAdmin(OfRun):
    """Runs that somebody paused."""

    list_display = ["run", "reason", "actor", "at", "per_step"]
    ordering = ["-at"]


@shown(AcceptedStart)
class AcceptedStartAdmin(OfRun):
    """Runs that were started and may not begin yet."""

    list_display = ["run", "workflow", "at", "per_step", "expires_at"]
    list_filter = ["workflow"]
    list_select_related = ["run", "workflow"]
    ordering = ["at"]


@shown(RunDeadline)
class RunDeadlineAdmin(OfRun):
    """How long runs may take, and when the next thing of that is due."""

    list_display = ["run", "after", "then", "began_at", "due_at", "passed_at"]
    list_filter = ["then"]
    ordering = ["-due_at"]


@shown(UniqueKey)
class UniqueKeyAdmin(OfRun):
    """The unique keys of runs."""

    list_display = ["key", "workflow", "run", "is_latest", "is_for_ever", "until"]
    list_filter = ["is_latest"]
    search_fields = ["key__exact", "run__run_id__exact"]
    search_help_text = gettext_lazy("A whole key or run id.")
    list_select_related = ["run", "workflow"]
