"""What people chose for themselves."""

from django.conf import settings
from django.db import models

from workflows_app.models import persons


class Preference(models.Model):
    """How one person wants the pages to be; without a row, defaults apply.

    Written by the settings page.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.CASCADE),
        db_constraint=not persons.are_apart(),
        primary_key=True,
        related_name="+",
    )
    #: The IANA name of the zone in which times are shown and read; empty: that of the browser.
    zone = models.CharField(max_length=64, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.zone or 'as the browser'}"
