"""Who may call the HTTP API without a browser."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workflows_app.models import persons
from workflows_app.models.fields import JSONText


class ApiToken(models.Model):
    """One token: it can do what its user may, less what its scopes and workflows leave out.

    The token itself is shown once, when it is made; the row knows its SHA-256. Written by
    `workflows_app.tokens`, and deleted when somebody revokes it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.CASCADE),
        db_constraint=not persons.are_apart(),
        related_name="signalbox_tokens",
    )
    name = models.CharField(max_length=255)
    #: In hex, of the whole text.
    digest = models.CharField(max_length=64, unique=True)
    #: The first characters, to tell tokens apart by.
    prefix = models.CharField(max_length=20)
    scopes = JSONText(default=list)
    #: The ids of the workflows that it may see; None: all.
    workflows = JSONText(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    #: Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
