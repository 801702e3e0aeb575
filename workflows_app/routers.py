"""Keeps everything about runs in the database that the setting `DATABASE` names.

`AppConfig.ready` puts the router before those of the host, because a router that spreads reads over
replicas must not decide about rows that the engine has just written. It says nothing about models
of other apps.
"""

from functools import cache
from typing import Any, Final

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, router
from django.db.migrations.executor import MigrationExecutor

from workflows_app import conf

#: What an app's config says if its tables stand beside those of the runs.
MARK: Final = "is_kept_beside_runs"


@cache
def labels() -> frozenset[str]:
    """Return the labels of the apps whose tables stand beside those of the runs."""
    return frozenset(app.label for app in apps.get_app_configs() if getattr(app, MARK, False))


class SignalboxRouter:
    """Django's router for our models; None: the next router decides."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return where a model is read from, if it is ours or is asked for by a row of ours."""
        if _is_ours(model):
            return conf.get("DATABASE")
        # Django would otherwise look for a run's user in the database of the run.
        is_asked_by_ours = "instance" in hints and _is_ours(hints["instance"])
        return router.db_for_read(model) if is_asked_by_ours else None

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return where a model is written to, if it is ours or is asked for by a row of ours."""
        if _is_ours(model):
            return conf.get("DATABASE")
        is_asked_by_ours = "instance" in hints and _is_ours(hints["instance"])
        return router.db_for_write(model) if is_asked_by_ours else None

    def allow_relation(self, one: models.Model, other: models.Model, **_hints: Any) -> bool | None:
        """Allow our rows to name rows of other databases, such as the host's user."""
        ours = {_is_ours(each) for each in (one, other)}
        return True if True in ours else None

    def allow_migrate(self, db: str, app_label: str, **_hints: Any) -> bool | None:
        """Allow our tables in our database, and nowhere else."""
        return db == conf.get("DATABASE") if app_label in labels() else None


def missing_migrations() -> int:
    """Return how many migrations the database of the runs lacks; beside other apps', only ours."""
    here = conf.get("DATABASE")
    executor = MigrationExecutor(connections[here])
    wanted = executor.loader.graph.leaf_nodes()
    if here != DEFAULT_DB_ALIAS:
        wanted = [node for node in wanted if node[0] in labels()]
    return len(executor.migration_plan(wanted))


def _is_ours(model: type[models.Model] | models.Model) -> bool:
    return model._meta.app_label in labels()  # noqa: SLF001 - documented API


def install() -> None:
    """Put our router before those of the host, unless it is among them."""
    if not any(isinstance(each, SignalboxRouter) for each in router.routers):
        router.routers.insert(0, SignalboxRouter())
