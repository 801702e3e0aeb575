"""What the HTTP API has answered to requests that may be sent again."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models import persons


class KeptAnswer(models.Model):
    """The answer to one request with an `Idempotency-Key`, or that it is under way.

    Written by the HTTP API: claimed before the request is done, completed after, and deleted where
    the answer is none to keep, or a day old.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.CASCADE),
        db_constraint=not persons.are_apart(),
        related_name="+",
    )
    key = models.CharField(max_length=255)
    #: SHA-256 of method, path, query, body, and what the caller may see.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_index=True)
    #: Until when the request is taken to be under way, though nothing is heard of it.
    held_until = models.DateTimeField()
    #: Null while it is under way.
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    body = models.TextField(blank=True, default="")
    #: Headers of the answer by name, as JSON.
    headers = models.TextField(blank=True, default="{}")
    #: The workflow that the answer is about: who may not know of it gets no answer again.
    workflow_id = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="one_answer_a_key"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status or 'under way'}"
