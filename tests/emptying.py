"""Empties the tables after a test that commits, a quarter as slowly as Django's `flush`.

`flush` truncates every table and makes content types and permissions again, which takes longer than
most tests. Here rows are deleted from the tables that have any, and those two stay.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from django.apps import apps
from django.db import connections, router, transaction
from django.test import TransactionTestCase

#: Made by migrations, and the same for every test.
_KEPT: Final = frozenset({"django_content_type", "auth_permission", "django_migrations"})


def install() -> None:
    """Use this for every test that commits."""
    TransactionTestCase._fixture_teardown = _teardown


def _teardown(case: TransactionTestCase) -> None:
    for alias in case._databases_names(include_mirrors=False):
        _empty(alias)


def _empty(alias: str) -> None:
    connection = connections[alias]
    quoted = connection.ops.quote_name
    with transaction.atomic(alias), connection.cursor() as cursor:
        looks = (
            f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quoted(name)})"
            for name in _tables(alias)
        )
        cursor.execute(" UNION ALL ".join(looks))
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quoted(name)}")


@cache
def _tables(alias: str) -> tuple[str, ...]:
    """Return the tables of a database that tests write to."""
    models = apps.get_models(include_auto_created=True)
    names = (
        model._meta.db_table
        for model in models
        if model._meta.managed
        and not model._meta.proxy
        and router.allow_migrate_model(alias, model)
    )
    return tuple(sorted(set(names) - _KEPT))
