"""Runs and their timelines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from workflows_app import terms
from workflows_app.models import persons
from workflows_app.models.fields import JSONText, uuid7
from workflows_app.models.workflow import Workflow, WorkflowVersion
from workflows_app.planner.statuses import ACTIVE, ENDED, SETTLED, RunStatus
from workflows_app.planner.view import ACCEPTED, HELD

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
        """Runs with work that continues by itself."""
        return self.filter(status__in=[status.value for status in ACTIVE])

    def ended(self) -> Self:
        """Runs that ended for good."""
        return self.filter(status__in=[status.value for status in ENDED])


class Run(models.Model):
    """One execution of a workflow: its input, its state and its result.

    The primary key orders runs by creation. Written only by the engine, under a lock on this row or
    guarded by its revision. Numbers are plain integers without check constraints, because
    PostgreSQL prepares each constraint again for every statement, which cost a third of its time
    for a step.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    run_id = models.CharField(max_length=255, unique=True)
    # `run_by_workflow` makes an index of its own superfluous.
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="runs", db_index=False)
    # No constraint, because it is checked when the run is made; no index, because nobody searches
    # by it.
    version = models.ForeignKey(
        WorkflowVersion, models.PROTECT, related_name="runs", db_index=False, db_constraint=False
    )
    #: The version under which it has continued last, if that is another one. Steps name their own.
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
        choices=[(status.value, terms.STATUSES[status.value]) for status in RunStatus],
    )
    #: The status that the run gets when its running steps have ended, after a failure, bail or
    #: cancel.
    ending = models.CharField(max_length=12, blank=True, default="")
    resource_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - None is "not given"
    #: The unique key with which it was created; `UniqueKey` says which run holds it.
    unique_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - None is "not given"
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
    #: What began the current timeline (start, retry or time-travel), at which step, by whom and
    #: when.
    timeline_cause = models.CharField(max_length=12, default="start")
    timeline_step = models.CharField(max_length=1000, blank=True, default="")
    timeline_actor = models.CharField(max_length=255, blank=True, default="")
    timeline_started_at = models.DateTimeField(null=True, blank=True)
    #: How many steps may still start by themselves; None: all. Set by `per_step`. Below 0 nothing
    #: starts: `HELD` or `ACCEPTED` (`planner.view`).
    allowance = models.IntegerField(null=True, blank=True)
    #: The resume data of a time travel for steps that are not reached yet, by path.
    answers_ahead = JSONText(null=True, blank=True)
    revision = models.BigIntegerField(default=0)
    event_seq = models.BigIntegerField(default=0)
    active_count = models.IntegerField(default=0)
    #: Stretches of items that workers hold, which have no snapshots yet (`Stretch`).
    stretches = models.IntegerField(default=0)
    waiting_count = models.IntegerField(default=0)
    suspended_count = models.IntegerField(default=0)
    paused_count = models.IntegerField(default=0)
    hooks_pending = models.IntegerField(default=0)
    #: Whether a step of another run waits for its end (`Wait`), so that its end looks for them.
    is_awaited = models.BooleanField(default=False, db_default=False)
    #: Whether it has a deadline (`RunDeadline`), so that runs without one need no query.
    is_timed = models.BooleanField(default=False, db_default=False)
    #: Since when running steps are to end: because of a cancel, or of a deadline that was passed.
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    canceled_by = models.CharField(max_length=255, blank=True, default="")
    #: Why it was canceled, if somebody said so: a person's words, or `expired` or `deadline`.
    ended_reason = models.TextField(blank=True, default="", db_default="")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.SET_NULL),
        db_constraint=not persons.are_apart(),
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: How long it was settled before it continued: suspended, paused, or failed and retried.
    #: Written when it continues.
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
            ("view_payload", "Can see the values of runs"),
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
        is_ending = self.cancel_requested_at is not None and not self.is_ended
        return is_ending and self.ending != RunStatus.FAILED

    @property
    def is_held(self) -> bool:
        """Whether somebody paused it, and nobody has let it on."""
        return self.allowance == HELD

    @property
    def is_pausing(self) -> bool:
        """Whether a pause waits for running steps to end."""
        return self.is_held and self.status == RunStatus.RUNNING and not self.is_canceling

    @property
    def waits_to_begin(self) -> bool:
        """Whether its start was accepted and it has not begun, because its workflow's intake is
        paused.
        """
        return self.allowance == ACCEPTED

    @property
    def duration(self) -> timedelta | None:
        """Time from start to end, without the time in which it waited for people.

        None if it has not ended or was never started.
        """
        if self.started_at is None or self.ended_at is None:
            return None
        return max(self.ended_at - self.started_at - self.idle, timedelta())

    @property
    def worked_since(self) -> datetime | None:
        """Now, or when it settled, minus the time that it has worked; None if it has not begun."""
        return None if self.started_at is None else self.started_at + self.idle

    @property
    def idle_since(self) -> datetime | None:
        """Since when it has waited for people; None if it does not wait for them."""
        return self.settled_at if self.status in SETTLED - ENDED else None


class Timeline(models.Model):
    """An earlier timeline of a run, as it was when a retry or a time travel left it.

    The current timeline is the run itself. Written once, by the verb that begins the next one.
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
