"""What a process without the package redis can do: load every module, end a run, say what it lacks.

`test_hosts` starts it, after it has hidden the package.
"""

import os
import pkgutil
from importlib import import_module

import django
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings

#: Need the test runner, or Django 6.0.
LEFT_OUT = ("workflows_app.pytest_plugin", "workflows_app.tasks")


def load_everything():
    """Import all modules of the three packages."""
    for package in map(import_module, ("workflows_app", "dashboard", "worker")):
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if each.name not in LEFT_OUT and ".migrations." not in each.name:
                import_module(each.name)


def run_something():
    """Let a run end."""
    call_command("migrate", verbosity=0)
    app = import_module("workflows_app")
    double = app.Workflow("double").then(app.step(lambda value: value * 2, id="double")).commit()
    assert double.create_run().start(21).result == 42


def ask_for_redis():
    """Name a Redis, which the check and the client refuse with what to install."""
    install = "django-signalbox[redis]"
    assert "workflows_app.E010" not in {found.id for found in checks.run_checks()}
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        (said,) = [found for found in checks.run_checks() if found.id == "workflows_app.E010"]
        assert install in str(said.hint)
        try:
            import_module("worker.connections").Connections().blocking()
        except ImproperlyConfigured as refusal:
            assert install in str(refusal)  # noqa: PT017 - no test runner here
        else:
            raise AssertionError


def main():
    """Do it all, in a process of its own."""
    django.setup()
    load_everything()
    run_something()
    ask_for_redis()
    print("all of it", flush=True)  # noqa: T201
    os._exit(0)
