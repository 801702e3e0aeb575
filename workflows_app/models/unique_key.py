"""Which run holds a unique key of its workflow."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from workflows_app.models.run import Run
from workflows_app.models.workflow import Workflow
from workflows_app.planner.statuses import ENDED


class UniqueKey(models.Model):
    """The unique key that one run was created with; the run's row has it, too (`Run.unique_key`).

    Nothing is written when a run ends or the time of a key is over: whoever wants the key looks.
    """

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="+")
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    #: Whether no other run has taken the key since.
    is_latest = models.BooleanField(default=True)
    #: Whether the run holds it for ever, until this time or, with neither, until it ends.
    is_for_ever = models.BooleanField(default=False)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workflow", "key"], condition=Q(is_latest=True), name="one_holder_a_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.key}"

    def is_held(self, now: datetime) -> bool:
        """Return whether its run, which was read with it, holds the key now."""
        if not self.is_latest:
            return False
        if self.is_for_ever:
            return True
        return self.run.status not in ENDED if self.until is None else now < self.until
