"""Runs: one execution of a workflow each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from workflows_app.models.fields import JSONText, uuid7
from workflows_app.models.workflow import Workflow, WorkflowVersion
from workflows_app.planner.statuses import ACTIVE, ENDED, SETTLED, RunStatus

#: Columns that may be large; lists and pages never load them.
PAYLOAD_FIELDS = (
    "input",
    "state",
    "initial_state",
    "result",
    "error",
    "request_context",
    "initial_request_context",
    "tracing",
    "answers_ahead",
)


class RunQuerySet(models.QuerySet["Run"]):
    """Runs, by what is true of them."""

    def light(self) -> Self:
        """Leave the payload columns in the database."""
        return self.defer(*PAYLOAD_FIELDS)

    def active(self) -> Self:
        """Runs with work that goes on by itself."""
        return self.filter(status__in=[status.value for status in ACTIVE])

    def ended(self) -> Self:
        """Runs that ended for good."""
        return self.filter(status__in=[status.value for status in ENDED])


class Run(models.Model):
    """One execution of a workflow: what it was given, where it stands, what came of it.

    The primary key orders runs by creation. Written by the engine alone, under a lock on this row.
    Numbers are plain integers: PostgreSQL makes each check constraint ready anew for every
    statement, which cost a third of its time of a step.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run_id = models.CharField(max_length=255, unique=True)
    # Its own index would stand beside `run_by_workflow`.
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="runs", db_index=False)
    # Checked with its workflow, when the run is made; nobody looks for runs by it.
    version = models.ForeignKey(
        WorkflowVersion, models.PROTECT, related_name="runs", db_index=False, db_constraint=False
    )
    #: The one under which it has gone on last, where that is another; its steps name theirs.
    later_version = models.ForeignKey(
        WorkflowVersion,
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    status = models.CharField(
        max_length=12,
        default=RunStatus.PENDING.value,
        choices=[(status.value, status.value) for status in RunStatus],
    )
    #: What the run becomes when its running steps have ended: set by a failure, bail or cancel.
    ending = models.CharField(max_length=12, blank=True, default="")
    resource_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - None is "not given"
    input = JSONText(null=True, blank=True)
    initial_state = JSONText(null=True, blank=True)
    state = JSONText(default=dict)
    result = JSONText(null=True, blank=True)
    error = JSONText(null=True, blank=True)
    initial_request_context = JSONText(default=dict)
    request_context = JSONText(default=dict)
    tracing = JSONText(default=dict)
    tags = JSONText(default=list)
    trace_id = models.CharField(max_length=32, blank=True, default="")
    span_id = models.CharField(max_length=16, blank=True, default="")
    origin = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - a run id, or None
    timeline = models.IntegerField(default=1)
    #: What began the current timeline: start, retry, time-travel; at which step, by whom, when.
    timeline_cause = models.CharField(max_length=12, default="start")
    timeline_step = models.CharField(max_length=1000, blank=True, default="")
    timeline_actor = models.CharField(max_length=255, blank=True, default="")
    timeline_started_at = models.DateTimeField(null=True, blank=True)
    #: How many steps may still start by themselves; None: all. Set by `per_step`.
    allowance = models.IntegerField(null=True, blank=True)
    #: The resume data of a time travel, until the step it is for is reached: path -> what it gets.
    answers_ahead = JSONText(null=True, blank=True)
    revision = models.BigIntegerField(default=0)
    event_seq = models.BigIntegerField(default=0)
    active_count = models.IntegerField(default=0)
    waiting_count = models.IntegerField(default=0)
    suspended_count = models.IntegerField(default=0)
    paused_count = models.IntegerField(default=0)
    hooks_pending = models.IntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    canceled_by = models.CharField(max_length=255, blank=True, default="")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: For how long it had settled before it went on: asked, was paused, or had failed and was tried
    #: again. Written when it goes on.
    idle = models.DurationField(default=timedelta, db_default=timedelta())

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["status", "-id"], name="run_by_status"),
            models.Index(fields=["workflow", "status", "-id"], name="run_by_workflow_and_status"),
            models.Index(fields=["workflow", "-id"], name="run_by_workflow"),
            models.Index(
                fields=["resource_id", "-id"],
                name="run_by_resource",
                condition=Q(resource_id__isnull=False),
            ),
            models.Index(
                fields=["origin"],
                name="run_by_origin",
                condition=Q(origin__isnull=False),
            ),
            models.Index(
                fields=["started_by"],
                name="run_by_user",
                condition=Q(started_by__isnull=False),
            ),
            models.Index(
                fields=["-id"],
                name="run_alive",
                condition=Q(status__in=["running", "waiting", "suspended", "paused"]),
            ),
        ]
        permissions: ClassVar = [
            ("start_run", "Can start runs"),
            ("resume_run", "Can answer suspended steps"),
            ("cancel_run", "Can cancel runs"),
            ("steer_run", "Can retry, restart, continue and time travel runs"),
        ]

    def __str__(self) -> str:
        return self.run_id

    @property
    def is_ended(self) -> bool:
        """Whether the run ended for good."""
        return self.status in ENDED

    @property
    def is_canceling(self) -> bool:
        """Whether a cancel waits for running steps to end."""
        return self.cancel_requested_at is not None and not self.is_ended

    @property
    def duration(self) -> timedelta | None:
        """Time from start to end, less that in which it stood still for people.

        None while it has not ended or never started.
        """
        if self.started_at is None or self.ended_at is None:
            return None
        return max(self.ended_at - self.started_at - self.idle, timedelta())

    @property
    def worked_since(self) -> datetime | None:
        """A moment so long before now, or before it settled, as it has worked; None: not begun."""
        return None if self.started_at is None else self.started_at + self.idle

    @property
    def stood_since(self) -> datetime | None:
        """Since when it has stood still for people though it has not ended; None: it does not."""
        return self.settled_at if self.status in SETTLED - ENDED else None


class Timeline(models.Model):
    """An earlier timeline of a run, as it stood when a retry or a time travel left it.

    The current one is the run itself. Written once, by the verb that begins the next one.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="earlier_timelines")
    number = models.IntegerField()
    cause = models.CharField(max_length=12)
    step = models.CharField(max_length=1000, blank=True, default="")
    actor = models.CharField(max_length=255, blank=True, default="")
    status = models.CharField(max_length=12)
    result = JSONText(null=True, blank=True)
    error = JSONText(null=True, blank=True)
    state = JSONText(default=dict)
    started_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["run", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="timelines_are_numbered"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.number}"
