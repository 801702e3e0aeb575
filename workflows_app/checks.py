"""System checks: what `manage.py check` and every start say before the first run meets it."""

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.core import checks
from django.db import connections
from django.utils.module_loading import import_string

from workflows_app import conf
from workflows_app.definition import registry

TAG = "workflows"


def register() -> None:
    """Add the checks to Django's."""
    for check in (ports_can_be_loaded, ids_are_unique, sqlite_takes_the_write_lock_first):
        checks.register(check, TAG)


def ports_can_be_loaded(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse a DISPATCHER or NOTIFIER that cannot be imported."""
    found: list[checks.CheckMessage] = []
    for name in ("DISPATCHER", "NOTIFIER"):
        path = conf.get(name)
        try:
            import_string(path)
        except ImportError as failure:
            found.append(
                checks.Error(
                    f"{name} is {path!r}, which cannot be imported: {failure}",
                    hint=f"Correct WORKFLOWS['{name}'], or leave it out for the default.",
                    id="workflows.E001",
                )
            )
    return found


def ids_are_unique(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse two different workflows with one id: the later would run in place of the earlier."""
    return [
        checks.Error(
            f"Two different workflows have the id {id_!r}{_modules(id_)}; "
            "the one that was imported last is used.",
            hint="Give one of them another id, or import only one of their modules.",
            id="workflows.E002",
        )
        for id_ in registry.conflicts()
    ]


def _modules(id_: str) -> str:
    first, second = registry.modules_of(id_)
    if not first:
        return ""
    return f": one in {first}, the other in {second}" if first != second else f", both in {first}"


def sqlite_takes_the_write_lock_first(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn of an SQLite database on which threads would fail with "database is locked"."""
    return [
        checks.Warning(
            f"The SQLite database {alias!r} begins its transactions without the write lock, so "
            'steps that end at the same time may fail with "database is locked".',
            hint="Set OPTIONS['transaction_mode'] to 'IMMEDIATE' and OPTIONS['timeout'] to 20.",
            id="workflows.W001",
        )
        for alias in connections
        if connections[alias].vendor == "sqlite"
        and str(connections[alias].settings_dict["OPTIONS"].get("transaction_mode")).upper()
        not in ("IMMEDIATE", "EXCLUSIVE")
    ]
