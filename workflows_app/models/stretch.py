"""Stretches: consecutive items of a foreach that one thread claims together."""

from __future__ import annotations

from django.db import models

from workflows_app.models.fields import JSONText, item_key, step_key
from workflows_app.models.run import Run


class Stretch(models.Model):
    """Consecutive items of one foreach that a worker holds and that have no snapshots yet.

    An item gets its snapshot when it has ended. Any other change of the run first gives each item
    that is left a snapshot, which says that the worker holds it. So only those two places and the
    search for lost claims know about stretches.
    """

    #: The key that the snapshot of its first item gets; the keys of the others follow from it.
    id = models.BigIntegerField(primary_key=True, default=step_key, editable=False)
    run = models.ForeignKey(
        Run, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    #: The foreach.
    parent = models.ForeignKey(
        "StepSnapshot", models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    #: The index of its first item, of the next one that will end, and the one after its last.
    start = models.IntegerField()
    position = models.IntegerField()
    until = models.IntegerField()
    #: The worker that holds it; no index, because the table has at most one row for each thread.
    worker = models.ForeignKey(
        "Worker", models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    queue = models.CharField(max_length=100)
    timeline = models.IntegerField()
    claimed_at = models.DateTimeField()
    #: The inputs of its items, if the step's type made other values of them than the list has.
    payloads = JSONText(null=True, blank=True)

    class Meta:
        verbose_name_plural = "stretches"

    def __str__(self) -> str:
        return f"{self.start} to {self.until}"

    def key_of(self, index: int) -> int:
        """Return the key that the snapshot of the item at this index gets."""
        return item_key(self.pk, index - self.start)
