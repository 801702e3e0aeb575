"""Monitoring as a Django app: it keeps running totals in a table of its own."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """What `/metrics` needs: one row of totals."""

    name = __package__
    label = "signalbox_monitoring"
    verbose_name = "Monitoring"
    is_kept_beside_runs = True
    default_auto_field = "django.db.models.BigAutoField"
