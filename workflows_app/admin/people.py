"""What people have done, claimed, chosen, and may use."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from workflows_app import tokens
from workflows_app.admin.runs import RunAdmin
from workflows_app.admin.tables import PageLink, ReadOnly, shown
from workflows_app.languages import gettext_lazy
from workflows_app.models import (
    Action,
    ApiToken,
    Assignment,
    KeptAnswer,
    Preference,
    Snooze,
    persons,
)


@shown(Action)
class ActionAdmin(PageLink, ReadOnly):
    """Who did what: the audit trail."""

    list_display = ["at", "actor_name", "verb", "through", "subject", "public_run_id", "page"]
    list_filter = ["verb", "door"]
    search_fields = ["public_run_id__exact", "actor_name__exact"]
    search_help_text = gettext_lazy("A whole run id, or the name of a person.")
    raw_id_fields = ["run", "actor"]
    ordering = ["-pk"]
    heavy = ("data",)
    workflow = "workflow_name"
    values = ("data",)
    readonly_fields = ["page"]

    @admin.display(description=gettext_lazy("through"))
    def through(self, row: Action) -> str:
        """Return the door."""
        return row.through


@shown(Assignment)
class AssignmentAdmin(ReadOnly):
    """Who has claimed which question."""

    list_display = ["person", "run", "path", "at"]
    search_fields = ["run__run_id__exact"]
    list_select_related = ["run"]
    people = ("person",)
    raw_id_fields = ["run", "person"]
    heavy = tuple(f"run__{name}" for name in RunAdmin.heavy)
    workflow = "run__workflow_id"


@shown(Snooze)
class SnoozeAdmin(ReadOnly):
    """Questions that somebody has put off."""

    list_display = ["person", "run", "until"]
    search_fields = ["run__run_id__exact"]
    list_select_related = ["run"]
    people = ("person",)
    raw_id_fields = ["run", "person"]
    heavy = tuple(f"run__{name}" for name in RunAdmin.heavy)
    workflow = "run__workflow_id"


@shown(Preference)
class PreferenceAdmin(ReadOnly):
    """What people have chosen for the pages."""

    list_display = ["user", "zone"]
    people = ("user",)
    raw_id_fields = ["user"]


@shown(ApiToken)
class ApiTokenAdmin(ReadOnly):
    """Tokens of the HTTP API: to see who has which, and to revoke them; made on a page."""

    list_display = ["name", "user", "prefix", "created_at", "expires_at", "last_used_at"]
    search_fields = ["name", "prefix"]
    people = ("user",)
    ordering = ["-pk"]
    exclude = ["digest"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those revoke who may delete tokens."""
        return request.user.has_perm("workflows_app.delete_apitoken")

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Revoke a token."""
        tokens.revoke(obj, actor=request.user, door="admin")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """Revoke the chosen tokens."""
        for row in queryset:
            tokens.revoke(row, actor=request.user, door="admin")


@shown(KeptAnswer)
class KeptAnswerAdmin(ReadOnly):
    """Answers of the HTTP API that are kept under an `Idempotency-Key`, without their content."""

    list_display = ["key", "user", "status", "workflow_id", "created_at"]
    search_fields = ["key__exact"]
    search_help_text = gettext_lazy("A whole key, or the name of a person.")
    people = ("user",)
    ordering = ["-pk"]
    raw_id_fields = ["user"]
    exclude = ["digest", "body", "headers"]
    heavy = ("body", "headers")
    workflow = "workflow_id"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[KeptAnswer], search_term: str
    ) -> tuple[QuerySet[KeptAnswer], bool]:
        """Find answers by their key, or by the name of their user."""
        found, has_doubles = super().get_search_results(request, queryset, search_term)
        return found | queryset.filter(user__in=persons.called(search_term)), has_doubles
