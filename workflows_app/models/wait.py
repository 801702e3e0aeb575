"""What the activations of steps wait for, were given, and started."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Self

from django.db import models

from workflows_app.models.fields import JSONText, step_key
from workflows_app.models.run import Run
from workflows_app.models.step import StepSnapshot
from workflows_app.planner.statuses import StepStatus

if TYPE_CHECKING:
    import uuid

#: What a step can wait for or start; also what `StepSnapshot.awaits` says.
EVENT: Final = "event"
RUN: Final = "run"
START: Final = "start"
CALLBACK: Final = "callback"

#: How a wait ended.
GIVEN: Final = "given"
TIMED_OUT: Final = "timed-out"
GONE: Final = "gone"


class WaitQuerySet(models.QuerySet["Wait"]):
    """Waits, by what is true of them."""

    def open(self) -> Self:
        """Waits for which a step is suspended now."""
        return self.filter(
            outcome="",
            step__status=StepStatus.SUSPENDED.value,
            step__suspension=models.F("suspension"),
            step__superseded_on__isnull=True,
        )

    def for_event(self, name: str, key: str) -> Self:
        """Open waits for this event, oldest first."""
        return self.open().filter(kind=EVENT, name=name, key=key).order_by("pk")

    def tied(self, run: uuid.UUID) -> Self:
        """Runs that this run has started, and that are canceled with it."""
        return self.filter(run=run, kind=START, is_tied=True)

    def due(self, now: datetime) -> Self:
        """Waits whose time is up; those of steps that wait no more are among them."""
        return self.filter(until__lte=now)


class Wait(models.Model):
    """One thing that one activation of a step waits for, was given, or started.

    An activation is a snapshot. A function that runs again from the top finds here what it got
    before, so that it gets the same and starts nothing twice. Written only by the engine.
    """

    id = models.BigIntegerField(primary_key=True, default=step_key, editable=False)
    # No constraints, because checking one locks the run's row, which others may be waiting for.
    run = models.ForeignKey(
        Run, models.CASCADE, related_name="waits", db_constraint=False, db_index=False
    )
    step = models.ForeignKey(
        StepSnapshot, models.CASCADE, related_name="waits", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=8)
    #: The name of the event, or the id of the workflow that was started.
    name = models.CharField(max_length=255, blank=True, default="")
    #: The key of the event or the start, the id of the run, or the digest of the token.
    key = models.CharField(max_length=255, blank=True, default="")
    #: The id of the run that it waits for or has started.
    target = models.CharField(max_length=255, blank=True, default="")
    #: The suspension in which the step waits; for a token, null until the step suspends.
    suspension = models.UUIDField(null=True, blank=True)
    #: Until when it waits at most; null once it has ended, so that the sweep looks at few.
    until = models.DateTimeField(null=True, blank=True)
    #: Empty while it is open.
    outcome = models.CharField(max_length=12, blank=True, default="")
    value = JSONText(null=True, blank=True)
    #: Whether the run that was started is canceled with the one that started it.
    is_tied = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = WaitQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["step", "kind", "name", "key"], name="one_wait_an_activation"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["name", "key"], name="wait_by_name"),
            models.Index(fields=["target"], name="wait_by_target"),
            models.Index(fields=["until"], name="wait_by_time"),
            models.Index(fields=["suspension"], name="wait_by_suspension"),
            models.Index(fields=["run"], name="wait_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name or self.target} {self.key}".strip()
