"""Holds of runs, and starts that were accepted while their runs could not begin."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from workflows_app.models.run import Run
from workflows_app.models.workflow import Workflow


class Hold(models.Model):
    """What somebody said when they paused a run; the run's allowance says that it is held.

    Written by `pause`, deleted by `proceed` and by the end of the run.
    """

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="hold_row")
    reason = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=255, blank=True, default="")
    at = models.DateTimeField()
    #: Whether the run goes on step by step when it is let on.
    per_step = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.run_id} {self.reason}"


class AcceptedStart(models.Model):
    """A start of a run that is held, or whose workflow takes in no runs: it begins later.

    The run has the input and is still pending. Deleted when the run begins or is canceled.
    """

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="+")
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField()
    per_step = models.BooleanField(default=False)
    #: The queue on which its first steps wait, and until when at least; "": as the definition says.
    queue = models.CharField(max_length=255, blank=True, default="")
    not_before = models.DateTimeField(null=True, blank=True)
    #: When the run is canceled if it has not begun; null: never.
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["at", "run"]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"], name="start_by_expiry", condition=Q(expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.run_id)
