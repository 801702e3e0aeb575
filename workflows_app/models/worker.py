"""The processes that run steps."""

from typing import ClassVar

from django.db import models

from workflows_app.models.fields import JSONText, uuid7


class Worker(models.Model):
    """One process that runs steps, and its last heartbeat.

    Written by that process: when it starts, then every `HEARTBEAT_SECONDS`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    host = models.CharField(max_length=255)
    #: Tells two boots of one host apart, because process ids start again.
    boot_id = models.CharField(max_length=64, blank=True)
    pid = models.PositiveIntegerField()
    #: When the process began, in kernel ticks, because a process id may be used again.
    pid_started = models.CharField(max_length=40, blank=True)
    mode = models.CharField(max_length=12)
    #: The queues that it serves; None: all queues.
    queues = JSONText(null=True, blank=True)
    threads = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [models.Index(fields=["heartbeat_at"], name="worker_by_heartbeat")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
