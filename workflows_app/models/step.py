"""Step snapshots: what is known of each step of each run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from workflows_app import terms
from workflows_app.models.fields import JSONText, step_key
from workflows_app.models.run import Run
from workflows_app.planner.statuses import StepStatus, sources

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

#: What `awaits` says of a step whose attempts are used up: what somebody decides about it.
USED_UP: Final = "used-up"
#: What `awaits` says of steps that wait for somebody's answer.
ASKS: Final = ("", USED_UP)
#: A step that was answered and has not ended has one of these statuses.
ANSWERED: Final = frozenset({StepStatus.RUNNING, StepStatus.QUEUED, StepStatus.PAUSED})

#: Columns that may be large; lists and pages never load them.
PAYLOAD_FIELDS = (
    "payload",
    "output",
    "error",
    "suspend_payload",
    "resume_payload",
    "state_changes",
    "context_changes",
)


class StepQuerySet(models.QuerySet["StepSnapshot"]):
    """Step snapshots, by what is true of them."""

    def current(self) -> Self:
        """Snapshots of the run's current timeline."""
        return self.filter(superseded_on__isnull=True)

    def on_timeline(self, run: uuid.UUID, number: int) -> Self:
        """Snapshots of one timeline of a run, an earlier one or the current one."""
        # The run is in both arms, because each has an index of its own.
        current = Q(run=run, superseded_on__isnull=True)
        left = Q(run=run, superseded_on__isnull=False, superseded_on__gt=number)
        return self.filter(current | left, timeline__lte=number)

    def light(self) -> Self:
        """Leave the payload columns in the database."""
        return self.defer(*PAYLOAD_FIELDS)

    def claimable(self, now: datetime) -> Self:
        """Queued steps that are due."""
        is_due = Q(wake_at__isnull=True) | Q(wake_at__lte=now)
        return self.filter(written("{0}.status = 'queued'"), is_due, superseded_on__isnull=True)

    def served(self, queues: Collection[str] | None) -> Self:
        """Steps of these queues; None: of all queues."""
        return self if queues is None else self.filter(queue__in=queues)

    def slept(self, now: datetime) -> Self:
        """Sleeps that are over."""
        waits = written("{0}.status IN ('queued', 'waiting') AND {0}.wake_at IS NOT NULL")
        return self.filter(
            waits, status=StepStatus.WAITING, wake_at__lte=now, superseded_on__isnull=True
        )

    def held(self) -> Self:
        """Steps that a worker has claimed."""
        return self.filter(written("{0}.status = 'running'"), worker__isnull=False)

    def suspended(self) -> Self:
        """Steps that wait: for somebody's answer, for an event or for the end of a run."""
        asks = written("{0}.status = 'suspended'")
        return self.filter(asks, kind="step", superseded_on__isnull=True)

    def asking(self) -> Self:
        """Steps that wait for somebody's answer."""
        return self.suspended().filter(awaits__in=ASKS)

    def answered(self) -> Self:
        """Steps that somebody has answered, and that go on with that answer."""
        has_answer = Q(is_resuming=True) | Q(awaits=USED_UP)
        return self.filter(has_answer, status__in=[status.value for status in ANSWERED])

    def move(self, target: StepStatus, **changes: Any) -> int:
        """Move every step here that may move to `target`; return how many did.

        Only this and `engine.run.writes` write `status`.
        """
        origin = [status.value for status in sources(target)]
        return self.filter(status__in=origin).update(status=target.value, **changes)


def written(condition: str) -> RawSQL:
    """Return a condition with its values written out, as SQLite needs it to use a partial index."""
    sql = condition.format("workflows_app_stepsnapshot")
    return RawSQL(sql, [], output_field=models.BooleanField())  # noqa: S611 - no user input


class StepSnapshot(models.Model):
    """The last known state of one step of one run on one timeline, and who holds it.

    Containers (parallel, branch, nested workflow) and glue (map) have rows, too, and so does a hook
    that waits to be called. Written only by the engine.
    """

    id = models.BigIntegerField(primary_key=True, default=step_key, editable=False)
    # No constraints and no indexes of Django's, because each costs time in every step. Rows are
    # written with their run's, by the statement that guards it, and deleted before it.
    run = models.ForeignKey(
        Run, models.CASCADE, related_name="steps", db_constraint=False, db_index=False
    )
    path = models.CharField(max_length=1000)
    #: The path without indexes: the step's place in the graph.
    base_path = models.CharField(max_length=1000)
    kind = models.CharField(max_length=12)
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="parts",
        db_constraint=False,
        db_index=False,
    )
    status = models.CharField(
        max_length=12,
        default=StepStatus.QUEUED.value,
        choices=[(status.value, terms.STATUSES[status.value]) for status in StepStatus],
    )
    #: A container: the status that it gets when its running steps have ended.
    ending = models.CharField(max_length=12, blank=True, default="")
    #: A container: how many of its parts have not ended.
    unfinished = models.IntegerField(default=0)
    #: A foreach: how many items it has, and how many may run at a time.
    total = models.IntegerField(default=0)
    concurrency = models.IntegerField(default=1)
    #: A foreach or loop: how many parts were opened.
    opened = models.IntegerField(default=0)
    #: Order among its siblings; in a foreach or loop, the index.
    position = models.IntegerField(default=0)
    timeline = models.IntegerField(default=1)
    superseded_on = models.IntegerField(null=True, blank=True)
    queue = models.CharField(max_length=100, default="default")
    #: The version whose code queued it, if the run began with another one.
    version = models.ForeignKey(
        "WorkflowVersion",
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    retry_count = models.IntegerField(default=0)
    lost_count = models.IntegerField(default=0)
    #: Where the input is stored if not here: `run.input`, or the snapshot whose output it is.
    payload_from = models.CharField(max_length=40, blank=True, default="")
    payload = JSONText(null=True, blank=True)
    #: Where the output is stored if not here: `<snapshot pk>`, whose output it is.
    output_from = models.CharField(max_length=40, blank=True, default="")
    output = JSONText(null=True, blank=True)
    error = JSONText(null=True, blank=True)
    suspension = models.UUIDField(null=True, blank=True)
    suspend_payload = JSONText(null=True, blank=True)
    resume_payload = JSONText(null=True, blank=True)
    resume_labels = JSONText(default=list)
    #: What its suspension waits for, if not for an answer to its own question: "event" or "run"
    #: (`Wait`), or `USED_UP`.
    awaits = models.CharField(max_length=8, blank=True, default="", db_default="")
    #: Whether this activation answers a suspension (`resume_payload` may be JSON null).
    is_resuming = models.BooleanField(default=False)
    #: Who gave its result, if a person did.
    given_by = models.CharField(max_length=255, blank=True, default="", db_default="")
    state_changes = JSONText(null=True, blank=True)
    context_changes = JSONText(null=True, blank=True)
    metadata = JSONText(default=dict)
    #: The worker that holds it. No database constraint: workers come and go, steps stay.
    worker = models.ForeignKey(
        "Worker",
        models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="held",
        db_constraint=False,
        db_index=False,
    )
    #: Rises with every claim; the only fence.
    token = models.IntegerField(default=0)
    #: The token whose outcome was recorded.
    settled_token = models.IntegerField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    #: Since when workers hand it back because their code does not know it; None if they do.
    unknown_since = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True)
    resumed_at = models.DateTimeField(null=True, blank=True)

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "path"],
                condition=Q(superseded_on__isnull=True),
                name="one_current_snapshot_a_path",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["run"], name="step_left", condition=Q(superseded_on__isnull=False)
            ),
            models.Index(
                fields=["parent", "position"], name="step_parts", condition=Q(parent__isnull=False)
            ),
            models.Index(fields=["id"], name="step_queued", condition=Q(status="queued")),
            models.Index(
                fields=["queue", "id"], name="step_queued_by_queue", condition=Q(status="queued")
            ),
            models.Index(
                fields=["wake_at"],
                name="step_due",
                condition=Q(status__in=["queued", "waiting"], wake_at__isnull=False),
            ),
            models.Index(fields=["worker"], name="step_held", condition=Q(status="running")),
            models.Index(fields=["id"], name="step_asking", condition=Q(status="suspended")),
            models.Index(
                fields=["suspension"],
                name="step_by_suspension",
                condition=Q(suspension__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def is_used_up(self) -> bool:
        """Whether its attempts are used up, and it waits, or waited last, for a decision."""
        return self.awaits == USED_UP

    @property
    def asks(self) -> bool:
        """Whether it waits for somebody's answer."""
        is_asking = self.status == StepStatus.SUSPENDED and self.kind == "step"
        return is_asking and self.awaits in ASKS

    @property
    def was_answered(self) -> bool:
        """Whether somebody has answered it, and it goes on with that answer."""
        return self.status in ANSWERED and (self.is_resuming or self.is_used_up)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit(".", 1)[-1]
