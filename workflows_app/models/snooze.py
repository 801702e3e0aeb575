"""Snoozes: questions that a person does not want to see for a while."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models import persons
from workflows_app.models.run import Run


class Snooze(models.Model):
    """One question that one person has hidden from their own inbox until a moment.

    Written by their inbox. It is valid until that moment, while the step still asks this
    suspension; old rows stay until the person snoozes another question.
    """

    suspension = models.UUIDField()
    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.CASCADE),
        db_constraint=not persons.are_apart(),
        related_name="+",
    )
    until = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "suspension"], name="one_snooze_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.suspension} until {self.until:%Y-%m-%d %H:%M}"
