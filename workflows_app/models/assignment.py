"""Who has said that they will answer which question."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models.run import Run


class Assignment(models.Model):
    """One question that one person has claimed: advice to others, no lock.

    Written by `engine.assignments`. It means something while the step still asks with this
    suspension; after that it is left as it is, until the run is deleted.
    """

    suspension = models.UUIDField(unique=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="assignments")
    path = models.CharField(max_length=1000)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="assignments")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.path} {self.suspension}"
