"""The demo as a Django app: its tables are always there, its workflows when asked for."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Registered by `manage.py up --demo` or SIGNALBOX_DEMO=1, not by itself."""

    name = "workflows_app.demo"
    label = "demo"
    verbose_name = "Demo"
    default_auto_field = "django.db.models.BigAutoField"
    discover_workflows = False
