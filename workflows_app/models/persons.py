"""The host's users, as our rows name them: in the same database, or in another one.

A foreign key cannot reach into another database. So where the runs have a database of their own,
the keys to users have no constraint, nothing is joined, and deleting a user cleans up here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, models, transaction
from django.db.models.signals import post_delete

from workflows_app import conf

M = TypeVar("M", bound=models.Model)
OnDelete = Callable[..., None]


def are_apart() -> bool:
    """Return whether the runs have a database of their own, where no key reaches a user."""
    return conf.get("DATABASE") != DEFAULT_DB_ALIAS


def on_delete(rule: OnDelete) -> OnDelete:
    """Return what Django does with our rows when a user is deleted; apart, `forget` does it."""
    return models.DO_NOTHING if are_apart() else rule


def joined(rows: models.QuerySet[M], *names: str) -> models.QuerySet[M]:
    """Return rows with the users that these keys name, in one statement or, apart, in another."""
    return rows.prefetch_related(*names) if are_apart() else rows.select_related(*names)


def joined_or_later(rows: models.QuerySet[M], *names: str) -> models.QuerySet[M]:
    """Return rows with these users; apart, each is read when it is asked for."""
    return rows if are_apart() else rows.select_related(*names)


def called(name: str) -> list[Any]:
    """Return the keys of the users with this name, for filters of our rows."""
    model = get_user_model()
    rows = model._default_manager.filter(**{model.USERNAME_FIELD: name})  # noqa: SLF001
    return list(rows.values_list("pk", flat=True))


def links() -> list[models.ForeignKey[Any, Any]]:
    """Return all keys of our models that name users."""
    return [
        field
        for model in apps.get_models()
        if model._meta.app_label == "workflows_app"  # noqa: SLF001 - documented API
        for field in model._meta.concrete_fields  # noqa: SLF001
        if isinstance(field, models.ForeignKey) and field.related_model is get_user_model()
    ]


def clean_up() -> None:
    """Let our rows follow when a user is deleted whom no constraint connects with them."""
    if are_apart():
        post_delete.connect(_forget, sender=get_user_model(), dispatch_uid="signalbox-forget")


def _forget(instance: Any, using: str, **_: Any) -> None:
    """Delete or empty what names a user, once that the user is gone is committed."""
    gone = instance.pk
    transaction.on_commit(lambda: _forget_now(gone), using=using)


def _forget_now(gone: Any) -> None:
    for key in links():
        rows = key.model._base_manager.filter(**{key.attname: gone})  # noqa: SLF001
        if key.null:
            rows.update(**{key.attname: None})
        else:
            rows.delete()
