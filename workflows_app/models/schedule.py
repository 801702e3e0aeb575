"""Stored schedules, and their triggers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from workflows_app.models.fields import JSONText
from workflows_app.models.workflow import Workflow


class Schedule(models.Model):
    """One schedule of a workflow: its definition by code or a person, and its state.

    Written by the process that finds it in its code, or for the person who made it, and whenever it
    fires, is paused or is unpaused.
    """

    id = models.CharField(primary_key=True, max_length=520)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="schedules")
    #: The definition: cron, timezone, input and the rest; and its hash.
    definition = JSONText(default=dict)
    hash = models.CharField(max_length=64)
    cron = models.CharField(max_length=255, blank=True, default="")
    timezone = models.CharField(max_length=100, default="UTC")
    status = models.CharField(max_length=12, default="active")
    note = models.TextField(blank=True, default="")
    #: Whether it comes from code. People made the others on a page, and no deploy removes those.
    is_from_code = models.BooleanField(default=True)
    #: Whether the code still has it. If not, it does not fire; its triggers stay.
    is_defined = models.BooleanField(default=True)
    next_fire_at = models.DateTimeField(null=True, blank=True)
    last_fire_at = models.DateTimeField(null=True, blank=True)
    last_run_id = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(
                fields=["next_fire_at"],
                name="schedule_due",
                condition=Q(status="active", is_defined=True, next_fire_at__isnull=False),
            ),
        ]
        permissions: ClassVar = [
            ("pause_schedule", "Can pause and unpause schedules"),
            ("trigger_schedule", "Can start a run of a schedule now"),
        ]

    def __str__(self) -> str:
        return self.id


class Trigger(models.Model):
    """One time at which a schedule came due, and the outcome. Written once, with the run it
    started.
    """

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="triggers")
    scheduled_at = models.DateTimeField()
    fired_at = models.DateTimeField()
    run_id = models.CharField(max_length=255, blank=True, default="")
    #: published, failed or skipped.
    outcome = models.CharField(max_length=12)
    #: schedule, manual or backfill.
    kind = models.CharField(max_length=12, default="schedule")
    error = JSONText(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-scheduled_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["schedule", "scheduled_at"],
                condition=~Q(kind="manual"),
                name="a_time_comes_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.scheduled_at:%Y-%m-%d %H:%M:%S}"
