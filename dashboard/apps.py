"""The pages as a Django app.

Its package is `dashboard` in the repository and `signalbox.dashboard` where it was installed as a
wheel.
"""

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured


class DashboardConfig(AppConfig):
    """The pages and the commands; it has no tables."""

    name = __package__
    label = "signalbox_dashboard"
    verbose_name = "Signalbox"

    def ready(self) -> None:
        """Add the checks; raise ImproperlyConfigured without the engine, which pages import."""
        if not apps.is_installed("workflows_app"):
            raise ImproperlyConfigured(
                f"{self.name} is installed without the engine (workflows_app.E004). Add "
                '"workflows_app" to INSTALLED_APPS.'
            )
        from . import checks  # noqa: PLC0415 - the apps must be ready

        checks.register()
