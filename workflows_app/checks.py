"""System checks: `manage.py check` and every start report these mistakes before any run."""

from collections.abc import Sequence
from typing import Any, Literal

from django.apps.config import AppConfig
from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.utils.module_loading import import_string

from workflows_app import conf
from workflows_app.definition import registry
from workflows_app.engine.host import live, ports, transactions
from workflows_app.models import persons

TAG = "workflows"


def register() -> None:
    """Add the checks to Django's."""
    for check in (
        ports_can_be_loaded,
        ids_are_unique,
        sqlite_takes_the_write_lock_first,
        the_database_can_hold_runs,
        users_can_be_named,
    ):
        checks.register(check, TAG)


def ports_can_be_loaded(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse a DISPATCHER or NOTIFIER that cannot be imported, or that lacks a required member."""
    dispatcher = _problem_of_port("DISPATCHER", ports.Dispatcher)
    notifier = _problem_of_port("NOTIFIER", live.Notifier)
    return [problem for problem in (dispatcher, notifier) if problem is not None]


def _problem_of_port(
    name: Literal["DISPATCHER", "NOTIFIER"], protocol: type
) -> checks.CheckMessage | None:
    path = conf.get(name)
    try:
        port = import_string(path)
    except ImportError as failure:
        return checks.Error(
            f"{name} is {path!r}, which cannot be imported: {failure}",
            hint=f"Correct WORKFLOWS['{name}'], or leave it out for the default.",
            id="workflows_app.E001",
        )
    wanted = (each for each in vars(protocol) if not each.startswith("_"))
    missing = sorted(each for each in wanted if not hasattr(port, each))
    if not missing:
        return None
    return checks.Error(
        f"{name} is {path!r}, which lacks {', '.join(missing)}.",
        hint=f"Derive it from {protocol.__module__}.{protocol.__name__}, which has a default "
        "for what is optional.",
        id="workflows_app.E003",
    )


def ids_are_unique(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse two different workflows with one id, because the later would run in place of the
    earlier.
    """
    return [
        checks.Error(
            f"Two different workflows have the id {id_!r}{_modules(id_)}; "
            "the one that was imported last is used.",
            hint="Give one of them another id, or import only one of their modules.",
            id="workflows_app.E002",
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
    """Warn where every request begins a transaction that may fail with "database is locked".

    Transactions of the engine take the lock first, whatever the settings say.
    """
    alias = conf.get("DATABASE")
    said = connections[alias].settings_dict
    if connections[alias].vendor != "sqlite" or not said["ATOMIC_REQUESTS"]:
        return []
    if str(said["OPTIONS"].get("transaction_mode")).upper() in transactions.FIRST:
        return []
    return [
        checks.Warning(
            f"ATOMIC_REQUESTS lets every request begin a transaction of the SQLite database "
            f"{alias!r} without the write lock, so a request that starts or answers a run may fail "
            'with "database is locked".',
            hint=f"DATABASES[{alias!r}]['OPTIONS'] = "
            "{'transaction_mode': 'IMMEDIATE', 'timeout': 20}",
            id="workflows_app.W001",
        )
    ]


def the_database_can_hold_runs(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse a database whose SQL the engine does not speak."""
    alias = conf.get("DATABASE")
    if connections[alias].vendor in ("postgresql", "sqlite"):
        return []
    return [
        checks.Error(
            f"The database {alias!r} is {connections[alias].display_name}, and runs can be kept "
            "in PostgreSQL or SQLite only.",
            hint="Describe one of these in DATABASES, and name its alias in WORKFLOWS['DATABASE'].",
            id="workflows_app.E007",
        )
    ]


def users_can_be_named(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Refuse users in another database than `default`, while keys reach for them there."""
    users = router.db_for_write(get_user_model())
    if persons.are_apart() or users == DEFAULT_DB_ALIAS:
        return []
    return [
        checks.Error(
            f"DATABASE_ROUTERS keep users in {users!r} and the runs are in {DEFAULT_DB_ALIAS!r}, "
            "so that the keys from runs to users cannot hold.",
            hint="Name the database of the runs in WORKFLOWS['DATABASE'], with an alias other than "
            f"{DEFAULT_DB_ALIAS!r}; docs/databases.md says what that changes.",
            id="workflows_app.E009",
        )
    ]
