"""The log of a run, with gap-free numbers."""

from typing import ClassVar

from django.db import models

from workflows_app.models.fields import JSONText
from workflows_app.models.run import Run


class RunEvent(models.Model):
    """What one transaction added to a run's log: its events, and the number of the first.

    Events hold their type and payload; values over 1 KiB are stored in snapshots and referred to.
    Appended by the engine, in the transaction that made the change; never changed.
    """

    # Needs no index because of its unique numbers, and no constraint because the run is written
    # with it.
    run = models.ForeignKey(
        Run, models.CASCADE, related_name="log", db_constraint=False, db_index=False
    )
    first_seq = models.BigIntegerField()
    #: The number of the last event in this row.
    last_seq = models.BigIntegerField()
    timeline = models.IntegerField(default=1)
    at = models.DateTimeField()
    events = JSONText()

    class Meta:
        ordering: ClassVar = ["run", "first_seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "first_seq"], name="event_numbers_are_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.first_seq}-{self.last_seq}"
