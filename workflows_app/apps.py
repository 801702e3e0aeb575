"""The Django app: finds the workflows of every installed app, and adds the system checks."""

from importlib import import_module
from typing import Any

import django
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

from workflows_app.languages import gettext_lazy


class NoSuchModule(ImproperlyConfigured, ModuleNotFoundError):
    """WORKFLOWS_MODULES names a module that Python cannot find."""


class WorkflowsConfig(AppConfig):
    """The engine, its tables and its registry of workflows."""

    name = "workflows_app"
    verbose_name = gettext_lazy("Workflows")
    is_kept_beside_runs = True
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse wrong settings, add the checks, and import the modules that define workflows."""
        from workflows_app import checks, conf, routers  # noqa: PLC0415  # the apps must be ready
        from workflows_app.models import names, persons  # noqa: PLC0415

        conf.get("EXECUTION")  # resolves them all
        routers.install()
        persons.clean_up()
        names.name(self.get_models())
        checks.register()
        discover()
        if django.VERSION >= (6, 0):
            from workflows_app import tasks  # noqa: PLC0415

            tasks.announce()


def discover() -> None:
    """Import the `workflows` module of every installed app, and those of WORKFLOWS_MODULES.

    An app config with `discover_workflows = False` is left out. Errors of a module are raised,
    because a process must not serve half of its workflows.
    """
    for app in apps.get_app_configs():
        wanted: Any = getattr(app, "discover_workflows", True)
        if wanted and app.module and module_has_submodule(app.module, "workflows"):
            import_module(f"{app.name}.workflows")
    for name in getattr(settings, "WORKFLOWS_MODULES", ()):
        _import_named(name)


def _import_named(name: str) -> None:
    """Import a module from WORKFLOWS_MODULES, whose name may be misspelt."""
    try:
        import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise  # a module that this one imports
        raise NoSuchModule(
            f"WORKFLOWS_MODULES names {name!r}, and there is no module {missing.name!r}. Correct "
            "the name, or put its folder on PYTHONPATH."
        ) from missing
