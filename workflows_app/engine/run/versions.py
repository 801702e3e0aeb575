"""The rows of a workflow's name and shape, made when its first run is created."""

from typing import Any

from django.db.models.signals import post_migrate

from workflows_app.definition import Builder, permissions
from workflows_app.definition.changes import Shape, shape_of_json
from workflows_app.definition.permissions import Permissions
from workflows_app.engine.host import transactions
from workflows_app.models import Workflow, WorkflowVersion

#: Hash -> key of the version's row, for rows that are known to be committed.
_known: dict[tuple[str, str], int] = {}
_shapes: dict[int, Shape] = {}
_permissions: dict[int, Permissions] = {}


def ensure(definition: Builder) -> int:
    """Return the key of the row of this definition's current shape; make it if needed."""
    known = (definition.id, definition.version_hash)
    if (key := _known.get(known)) is not None:
        return key
    Workflow.objects.get_or_create(id=definition.id, defaults={"title": definition.title})
    version, _ = WorkflowVersion.objects.get_or_create(
        workflow_id=definition.id, hash=known[1], defaults={"graph": definition.graph()}
    )
    transactions.after_commit(lambda: _remember(known, version.pk))
    return version.pk


def is_present(definition: Builder, version: int) -> bool:
    """Return whether a version is known to be the definition's current shape, without a query."""
    return ensure(definition) == version


def shape(version: int) -> Shape:
    """Return the shape of a stored version."""
    if (known := _shapes.get(version)) is not None:
        return known
    graph = WorkflowVersion.objects.values_list("graph", flat=True).get(pk=version)
    found = shape_of_json(graph)
    if not transactions.is_inside_testcase():
        _shapes[version] = found
    return found


def permissions_of(version: int) -> Permissions:
    """Return the permissions that a stored version asks for, by path."""
    if (known := _permissions.get(version)) is not None:
        return known
    graph = WorkflowVersion.objects.values_list("graph", flat=True).get(pk=version)
    found = permissions.of_json(graph)
    if not transactions.is_inside_testcase():
        _permissions[version] = found
    return found


def _remember(known: tuple[str, str], key: int) -> None:
    """Remember a row, unless a test will roll it back."""
    if not transactions.is_inside_testcase():
        _known[known] = key


def _forget(**_kwargs: Any) -> None:
    """Forget all rows after a flush or a migration."""
    _known.clear()
    _shapes.clear()
    _permissions.clear()


post_migrate.connect(_forget, dispatch_uid="workflows_app.engine.run.versions")
