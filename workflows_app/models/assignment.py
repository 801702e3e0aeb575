"""Assignments: who will answer which question."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models import persons
from workflows_app.models.run import Run


class Assignment(models.Model):
    """One question that one person has claimed; a note for others, not a lock.

    Written by `engine.verbs.assignments`. It is valid while the step still asks this suspension,
    and stays until the run is deleted.
    """

    suspension = models.UUIDField(unique=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="assignments")
    path = models.CharField(max_length=1000)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.CASCADE),
        db_constraint=not persons.are_apart(),
        related_name="assignments",
    )
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.path} {self.suspension}"
