"""Which questions a person does not want to see for a while."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models.run import Run


class Snooze(models.Model):
    """One question that one person has put off until a moment. Nobody else notices.

    Written by their inbox. It means something while the step still asks with this suspension and
    the moment is to come; after that it is left as it is, until the person puts off another.
    """

    suspension = models.UUIDField()
    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "suspension"], name="one_snooze_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.suspension} until {self.until:%Y-%m-%d %H:%M}"
