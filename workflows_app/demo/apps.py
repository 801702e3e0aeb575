"""The demo as a Django app: its tables always exist, its workflows only on request."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Registered by `manage.py up --demo` or SIGNALBOX_DEMO=1, not by itself."""

    name = "workflows_app.demo"
    label = "demo"
    verbose_name = "Demo"
    is_kept_beside_runs = True
    default_auto_field = "django.db.models.BigAutoField"
    discover_workflows = False
