"""What answers look like, for the OpenAPI document. Tests hold real answers against it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

JSON = Any


class Shape(BaseModel):
    """Some of these fields are always there; more may be added within v1."""

    model_config = ConfigDict(extra="allow")


class ErrorFacts(Shape):
    """What is wrong: a type for programs, a sentence for people, and what else is known."""

    type: str
    message: str
    details: dict[str, Any]


class Error(Shape):
    """The one shape of every answer that says no."""

    error: ErrorFacts


class ErrorShown(Shape):
    """Why a run or a step failed."""

    type: str
    message: str


class Halt(Shape):
    """Who stopped a run, or the intake of a workflow, when and why."""

    reason: str | None
    actor: str | None
    at: datetime


class Reason(Shape):
    """One thing that a run waits for."""

    kind: Literal[
        "limit", "rate", "queue", "sleep", "retry", "answer", "event", "hold", "intake", "version"
    ]
    text: str
    until: datetime | None
    holders: list[str]


class Deadline(Shape):
    """How long a run may take in seconds, what happens then, and when."""

    after: float
    then: Literal["fail", "cancel", "warn"]
    while_suspended: bool
    warn_after: float | None
    began_at: datetime | None
    warns_at: datetime | None
    ends_at: datetime | None
    warned_at: datetime | None
    passed_at: datetime | None


class Run(Shape):
    """One execution of a workflow."""

    run_id: str
    workflow_id: str
    status: Literal[
        "pending", "running", "waiting", "suspended", "paused", "success", "failed", "canceled"
    ]
    is_canceling: bool
    is_pausing: bool
    hold: Halt | None
    deadline: Deadline | None
    resource_id: str | None
    unique_key: str | None
    tags: list[str]
    origin: str | None
    timeline: int
    revision: int
    trace_id: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: float | None
    started_by: str | None
    ended_reason: str | None
    error: ErrorShown | None
    suspended: list[list[str]]
    waiting_for: str | None
    why_waiting: list[Reason]


class CanceledRun(Run):
    """A run that was canceled, and what became of that."""

    message: str


class Step(Shape):
    """What is known of one step of one run."""

    path: str
    id: str
    key: str
    kind: str
    status: str
    retry_count: int
    iteration: int | None
    iterations: int | None
    error: ErrorShown | None
    started_at: datetime | None
    ended_at: datetime | None
    suspended_at: datetime | None
    resumed_at: datetime | None
    suspension: str | None
    metadata: dict[str, Any]
    given_by: str | None = Field(description="Who gave the output, after no attempts were left.")


class Result(Shape):
    """Where a run stands, and what came of it."""

    status: str
    run_id: str
    workflow_id: str
    suspended: list[list[str]]
    error: ErrorShown | None
    trace_id: str | None
    span_id: str | None
    steps: dict[str, Step]


class Timeline(Shape):
    """The steps of a run since a start, a retry or a time travel."""

    number: int
    cause: str
    step: str | None
    actor: str | None
    started_at: datetime | None
    status: str


class RelatedRun(Shape):
    """A run that belongs to another, and how."""

    run_id: str
    workflow_id: str
    status: str
    #: `parent` started this run, `child` was started by it; `awaited` is one whose end it waits
    #: for, `waiting` one that waits for its end; `origin` and `offspring`: rerun or fork.
    relation: Literal["parent", "child", "awaited", "waiting", "origin", "offspring"]
    created_at: datetime


class Suspension(Shape):
    """What a step asks."""

    suspension: str
    run_id: str
    workflow_id: str
    id: str
    path: str
    foreach_index: int | None
    asked_at: datetime | None
    resume_labels: list[str]
    resume_schema: JSON = None
    approval: JSON = None


class Hint(Shape):
    """How a form asks for one field of the answer."""

    name: str
    label: str
    widget: str
    choices: list[Any] | None
    default: JSON = None


class Question(Suspension):
    """A suspension as a person finds it in their inbox."""

    hints: list[Hint]
    claimed_by: str | None
    claimed_at: datetime | None
    put_off_until: datetime | None
    may_answer: bool
    why_not: str | None


class Event(Shape):
    """One event of a run."""

    type: str
    run_id: str
    seq: int | None
    timeline: int | None
    at: datetime
    from_: str = Field(alias="from")
    payload: dict[str, Any]


class Workflow(Shape):
    """A workflow by name."""

    id: str
    title: str
    description: str
    metadata: dict[str, Any]
    permission: str | None
    version: str
    schedules: int
    intake: Halt | None


class Version(Shape):
    """One shape that a workflow has had."""

    version: str
    created_at: datetime | None
    is_current: bool


class Schedule(Shape):
    """When a workflow starts by itself."""

    id: str
    workflow_id: str
    is_from_code: bool
    cron: str | None
    run_at: datetime | None
    end_at: datetime | None
    timezone: str
    overlap: str
    status: str
    note: str
    next_fire_at: datetime | None
    last_fire_at: datetime | None
    last_run_id: str | None
    created_at: datetime
    metadata: dict[str, Any]


class Trigger(Shape):
    """One time that a schedule came."""

    scheduled_at: datetime
    fired_at: datetime
    run_id: str | None
    outcome: str
    kind: str
    error: dict[str, Any] | None


class Token(Shape):
    """A token, without what it is used by."""

    id: str
    name: str
    user: str
    prefix: str
    scopes: list[str]
    workflows: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewToken(Token):
    """A token as it is shown once."""

    token: str


class Worker(Shape):
    """A process that runs steps."""

    id: str
    host: str
    pid: int
    mode: str
    queues: list[str] | None
    threads: int
    status: str
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None


class AuditRow(Shape):
    """Who did what."""

    id: str
    at: datetime
    actor: str
    door: str
    address: str
    verb: str
    run_id: str | None
    workflow_id: str | None
    path: str | None
    subject: str | None
    reason: str | None
    request_id: str
    data: dict[str, Any]


class Me(Shape):
    """Who asks, and what they may."""

    username: str
    is_superuser: bool
    groups: list[str]
    permissions: list[str]
    through: str
    token: Token | None
    scopes: list[str]


class Plan(Shape):
    """What a time travel would do."""

    step: str
    reused: list[str]
    rerun: list[str]
    skipped: list[str]
    suspensions: list[str]
    version: str
    warnings: list[str]
    token: str


def page_of(item: type[Shape]) -> type[BaseModel]:
    """Return the shape of a list of these."""
    items: Any = list[item]  # type: ignore[valid-type]
    number: Any = int | None
    text: Any = str | None
    return create_model(
        f"{item.__name__}Page",
        __base__=Shape,
        __doc__=f"Some items of a list, each a {item.__name__}.",
        items=(items, ...),
        next_cursor=(text, ...),
        total=(number, ...),
    )
