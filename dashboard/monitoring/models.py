"""The running totals of the log of all runs."""

from typing import ClassVar, Final

from django.db import models

from workflows_app.models.fields import JSONText

#: The key of the one row.
ONLY: Final = 1


class Totals(models.Model):
    """What the logs of all runs say up to one record: one row, written by whoever is asked.

    Totals never go down: they stay when the runs that they count are deleted.
    """

    id = models.SmallIntegerField(primary_key=True, default=ONLY, editable=False)
    #: The key of the last record of the log that is counted in.
    counted_to = models.BigIntegerField(default=0)
    #: What was counted, as `counting` writes it down.
    counts = JSONText(default=list)

    class Meta:
        verbose_name_plural = "totals"
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"totals up to record {self.counted_to}"
