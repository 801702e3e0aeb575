"""Events from outside: what `emit` was called with."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from workflows_app.models.fields import JSONText, step_key


class OutsideEvent(models.Model):
    """One call of `emit`: an event that answered steps, or that is kept for a step to come.

    Written by `emit`, taken by the first step that waits for it later, and deleted once
    `EVENT_WINDOW_SECONDS` have passed.
    """

    id = models.BigIntegerField(primary_key=True, default=step_key, editable=False)
    name = models.CharField(max_length=255)
    key = models.CharField(max_length=255, blank=True, default="")
    #: Null where the event answered steps, which keep it.
    data = JSONText(null=True, blank=True)
    #: The sender's own id of the event, by which a repeated one is known.
    event_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - None is "not given"
    #: How many waiting steps it answered when it was emitted.
    answered = models.IntegerField(default=0)
    #: When a step took it that came later.
    taken_at = models.DateTimeField(null=True, blank=True)
    emitted_by = models.CharField(max_length=255, blank=True, default="")
    emitted_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "event_id"], name="one_event_an_id"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["name", "key"], name="event_by_name"),
            models.Index(fields=["emitted_at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.key}".strip()
