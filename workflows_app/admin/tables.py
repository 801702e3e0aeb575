"""How a table that only the engine writes is shown, and the link from a row to its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from workflows_app import permissions
from workflows_app.languages import gettext_lazy
from workflows_app.models import (
    Action,
    Run,
    RunEvent,
    StepSnapshot,
    Workflow,
    persons,
)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    _Paginator = Paginator

#: Rows that a list shows without counting; filter to find older ones.
MOST: int = 10_000


class Uncounted(_Paginator):
    """Pages of a table that is too large to count: it reports a limit instead."""

    @cached_property
    def count(self) -> int:
        """Count to the limit, and no further."""
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[:MOST])


class _Joined(ChangeList):
    """A list whose rows are joined already: Django would join users of another database, too."""

    def apply_select_related(self, qs: Any) -> Any:
        """Return the rows as they are."""
        return qs


class KnownWorkflows(admin.RelatedFieldListFilter):
    """Filters by the workflows that are there for the person."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return the workflows to choose from."""
        found = super().field_choices(field, request, model_admin)
        return [each for each in found if permissions.knows_of(request.user, str(each[0]))]


class ReadOnly(ModelAdmin):
    """A model that the engine writes: shown, filtered, searched, never edited."""

    show_full_result_count = False
    paginator = Uncounted
    list_per_page = 50
    #: Columns that a list leaves in the database.
    heavy: tuple[str, ...] = ()
    #: Keys to users that a list shows.
    people: tuple[str, ...] = ()
    #: Where a row names its workflow; None where rows belong to none.
    workflow: str | None = None
    #: Columns with values of runs, or with parts of such.
    values: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of workflows that are there for the person; lists leave out values."""
        rows = super().get_queryset(request)
        if self.workflow is not None:
            rows = permissions.visible(request.user, rows, self.workflow)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        if not is_list:
            return rows
        if isinstance(self.list_select_related, (list, tuple)):
            rows = rows.select_related(*self.list_select_related)
        if self.people:
            rows = persons.joined(rows, *self.people)
        return rows.defer(*self.heavy)

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        """Return the list, whose rows need no other joins."""
        return _Joined

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row; None also for a key that is too large for the database."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Also leave out the values of runs for people who may not see those."""
        left_out = super().get_exclude(request, obj) or ()
        return left_out if permissions.sees_values(request.user) else [*left_out, *self.values]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds what the engine writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes what the engine writes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes here; `prune` does, but never a run that has not ended."""
        return False


#: How each table is shown.
TABLES: Final[dict[type[Model], type[Any]]] = {}

Shown = TypeVar("Shown", bound=type[Any])


def shown(model: type[Model]) -> Callable[[Shown], Shown]:
    """Let a class say how a table is shown, on every site of an admin that shows ours."""

    def known(kind: Shown) -> Shown:
        TABLES[model] = kind
        return kind

    return known


class PageLink:
    """A column with a link to the operators' page for the row."""

    @admin.display(description=gettext_lazy("page"))
    def page(self, row: Model) -> SafeString | str:
        """Link to the page of the run or workflow that the row belongs to."""
        return page_link(row)


def page_link(row: Model) -> SafeString | str:
    """Return a link to the row's page, or a dash if the pages are not served."""
    match row:
        case Run():
            name, key = "signalbox:run", row.run_id
        case Workflow():
            name, key = "signalbox:workflow", row.pk
        case StepSnapshot() | RunEvent():
            name, key = "signalbox:run", row.run.run_id
        case Action(public_run_id=run_id) if row.run_id is not None:
            name, key = "signalbox:run", run_id
        case _:
            return "–"
    try:
        return format_html('<a href="{}">{}</a>', reverse(name, args=[key]), gettext("Open"))
    except NoReverseMatch:
        return "–"
