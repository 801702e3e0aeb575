"""The deadlines of runs: what was said, and when something is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from workflows_app.models.run import Run


class RunDeadlineQuerySet(models.QuerySet["RunDeadline"]):
    """Deadlines, by what is true of them."""

    def due(self, now: datetime) -> Self:
        """Deadlines of which something is due; those of runs that have ended are among them."""
        return self.filter(due_at__lte=now)


class RunDeadline(models.Model):
    """The deadline of one run; the run's row says that it has one (`Run.is_timed`).

    It stays when the run has ended, because a retry and a time travel begin it again. Written only
    by the engine, under a lock on the run's row.
    """

    run = models.OneToOneField(Run, models.CASCADE, primary_key=True, related_name="+")
    #: How many seconds the run may take.
    after = models.FloatField()
    then = models.CharField(max_length=8)
    while_suspended = models.BooleanField(default=True)
    #: After how many seconds somebody is warned; null: only at the end.
    warn_after = models.FloatField(null=True, blank=True)
    #: Whether it was given to `start`, and is not that of the workflow.
    is_own = models.BooleanField(default=False)
    #: From when it counts: later than it began by the time that did not count. Null before the run
    #: begins.
    began_at = models.DateTimeField(null=True, blank=True)
    #: Since when it does not count; null while it does.
    stopped_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    #: When it passed, since it began last.
    passed_at = models.DateTimeField(null=True, blank=True)
    #: When the next thing is due, the warning or the end; null: nothing is.
    due_at = models.DateTimeField(null=True, blank=True)

    objects = RunDeadlineQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], name="deadline_by_time", condition=Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.then} after {self.after:g} s"

    @property
    def ends_at(self) -> datetime | None:
        """When it passes or has passed; None while it does not count."""
        return self._at(self.after)

    @property
    def warns_at(self) -> datetime | None:
        """When the warning before the end comes or has come; None if there is none."""
        return None if self.warn_after is None else self._at(self.warn_after)

    def begin(self, now: datetime) -> None:
        """Let it count from now on, as if it had not counted before."""
        self.began_at = now
        self.stopped_at = self.warned_at = self.passed_at = None
        self.plan()

    def stop(self, now: datetime) -> None:
        """Let it count no further."""
        self.stopped_at = now
        self.plan()

    def go_on(self, now: datetime) -> None:
        """Let it count again, from where it stopped."""
        if self.began_at is not None and self.stopped_at is not None:
            self.began_at += max(now - self.stopped_at, timedelta())
        self.stopped_at = None
        self.plan()

    def plan(self) -> None:
        """Set when the next thing is due."""
        is_over = self.passed_at is not None
        is_warning = self.warn_after is not None and self.warned_at is None
        self.due_at = None if is_over else self.warns_at if is_warning else self.ends_at

    def _at(self, seconds: float) -> datetime | None:
        if self.began_at is None or self.stopped_at is not None:
            return None
        return self.began_at + timedelta(seconds=seconds)
