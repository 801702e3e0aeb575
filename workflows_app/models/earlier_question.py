"""Questions that steps asked before they asked another."""

from django.db import models

from workflows_app.models.run import Run


class EarlierQuestion(models.Model):
    """One question that a step asked and that was answered, after which it asked again.

    Its snapshot has the id of the present question alone; who still holds the old one is told that
    it was answered, not that it never was. Written with the next question.
    """

    suspension = models.UUIDField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="+")
    path = models.CharField(max_length=1000)

    def __str__(self) -> str:
        return f"{self.path} {self.suspension}"
