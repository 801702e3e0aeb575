"""Where Django meets the library: finds the workflows of every installed app, adds the checks."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule


class NoSuchModule(ImproperlyConfigured, ModuleNotFoundError):
    """WORKFLOWS_MODULES names a module that Python does not find."""


class WorkflowsConfig(AppConfig):
    """The engine, its tables and its registry of workflows."""

    name = "workflows_app"
    verbose_name = "Workflows"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse wrong settings, add the checks, and import the modules that define workflows."""
        from workflows_app import checks, conf  # noqa: PLC0415  # the apps must be ready

        conf.get("EXECUTION")  # resolves them all
        checks.register()
        discover()


def discover() -> None:
    """Import the `workflows` module of every installed app, and those of WORKFLOWS_MODULES.

    An app config with `discover_workflows = False` is left out. What a module raises is raised
    here: a process must not serve half of its workflows.
    """
    for app in apps.get_app_configs():
        wanted: Any = getattr(app, "discover_workflows", True)
        if wanted and app.module and module_has_submodule(app.module, "workflows"):
            import_module(f"{app.name}.workflows")
    for name in getattr(settings, "WORKFLOWS_MODULES", ()):
        _import_named(name)


def _import_named(name: str) -> None:
    """Import a module that a person named, who may have made a mistake."""
    try:
        import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name is None or not f"{name}.".startswith(f"{missing.name}."):
            raise  # a module that this one imports
        raise NoSuchModule(
            f"WORKFLOWS_MODULES names {name!r}, and there is no module {missing.name!r}. Correct "
            "the name, or put its folder on PYTHONPATH."
        ) from missing
