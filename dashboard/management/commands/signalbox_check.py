"""`manage.py signalbox_check`: what is wrong, and what was found, as a support ticket needs it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import django
from django.core import checks
from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.db.migrations.executor import MigrationExecutor
from django.urls import NoReverseMatch, reverse

from workflows_app import conf
from workflows_app.definition import registry
from workflows_app.engine.host import clock, workers
from workflows_app.models import Worker
from workflows_app.models.sqltext import connection_here

from ... import mount
from ...checks import TAG
from ...status import redis_server


class Command(BaseCommand):
    """Prints the system checks and what they looked at; changes nothing."""

    help = "Says what Signalbox finds here: settings, database, Redis, workers, workflows, clock."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print it; raise CommandError if a check found an error."""
        for name, said in _found():
            self.stdout.write(f"{name:<12}{said}")
        messages = checks.run_checks(tags=[TAG, "workflows"])
        for message in messages:
            self.stdout.write(f"{message}")
        if not messages:
            self.stdout.write("Nothing is wrong.")
        if wrong := sum(message.is_serious() for message in messages):
            raise CommandError(f"{wrong} of these must be put right.")


def _found() -> Iterator[tuple[str, str]]:
    yield "Signalbox", f"{_version()}, Django {django.__version__}, Python {_python()}"
    yield "Execution", conf.get("EXECUTION")
    yield "Pages", _pages()
    yield "Redis", _redis()
    yield "Workflows", ", ".join(sorted(each.id for each in registry.all())) or "none"
    try:
        yield "Database", _database()
        yield "Workers", _workers()
        yield "Clock", _clock()
    except Error as refusal:
        yield "Database", f"{connection_here().vendor}: {' '.join(str(refusal).split())}"


def _version() -> str:
    try:
        return metadata.version("django-signalbox")
    except metadata.PackageNotFoundError:
        return "from its repository"


def _python() -> str:
    return platform.python_version()


def _pages() -> str:
    try:
        return reverse(f"{mount.NAMESPACE}:home")
    except NoReverseMatch:
        return "have no address"


def _redis() -> str:
    if not conf.redis_url():
        return "not used"
    try:
        return f"answers in {redis_server.round_trip() * 1000:.1f} ms"
    except redis_server.AWAY as reason:
        return f"does not answer: {reason}"


def _database() -> str:
    executor = MigrationExecutor(connection_here())
    leaves = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "workflows_app"]
    left = len(executor.migration_plan(leaves))
    state = f"{left} migrations to apply" if left else "migrated"
    version = ".".join(str(part) for part in connection_here().get_database_version())
    return f"{connection_here().vendor} {version}, {state}"


def _workers() -> str:
    alive = Worker.objects.filter(pk__in=workers.alive(clock.now()))
    named = [f"{each.host}:{each.pid}" for each in alive.order_by("pk")]
    return ", ".join(named) or "none is heard of"


def _clock() -> str:
    ahead = (clock.now() - datetime.now(UTC)).total_seconds()
    return f"the database is {ahead:+.3f} s from this machine"
