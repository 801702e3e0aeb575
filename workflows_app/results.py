"""What a verb returns: the result of a run as Pydantic models, read from its rows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from workflows_app.definition import BODY, LOOPS, REPEATING, Kind
from workflows_app.engine.host import transactions
from workflows_app.engine.run import payloads, step_paths
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.recall import Recalled
from workflows_app.jsontext import Raw, loads, loads_shown
from workflows_app.models import Run, StepSnapshot, Timeline, statements
from workflows_app.planner.statuses import STEP_ENDED, StepStatus
from workflows_app.threads import in_thread

#: The rows from which a result shows a step.
Shown = StepSnapshot | Recalled

#: Kinds without a record of their own, and hooks, which are not entries.
HIDDEN: Final = (Kind.PARALLEL.value, Kind.BRANCH.value, HOOK)

#: Kinds of containers with a record of their own.
CONTAINERS: Final = (Kind.WORKFLOW.value, *sorted(kind.value for kind in REPEATING))


_RUN: Final = statements.Reader(Run, "pk")
#: The snapshots of a run that wait for an answer.
SUSPENDED: Final = statements.Reader(
    StepSnapshot,
    "run",
    and_where="AND superseded_on IS NULL AND status = 'suspended' ORDER BY id",
)
#: The snapshots that people know as steps, and those inside a foreach or loop that wait for an
#: answer.
_CONDITION: Final = (
    "AND {0}superseded_on IS NULL AND {0}status <> 'queued' "
    f"AND ({{0}}status = 'suspended' OR {{0}}base_path NOT LIKE '%%{BODY}') ORDER BY {{0}}id"
)
_SHOWN: Final = statements.Reader(StepSnapshot, "run", and_where=_CONDITION.format(""))
_WITH_RUN: Final = statements.JoinedReader(StepSnapshot, "run", leaving=(), leaving_there=())
_ALL_SHOWN: Final = f"WHERE here.run_id = %s {_CONDITION.format('here.')}"
_ALL_SUSPENDED: Final = (
    "WHERE here.run_id = %s AND here.superseded_on IS NULL AND here.status = 'suspended'"
    " ORDER BY here.id"
)


class ErrorInfo(BaseModel):
    """An error as it was stored; `type` is the bare class name."""

    type: str
    message: str
    traceback: str = ""
    cause: ErrorInfo | None = None
    #: Custom attributes of the exception that JSON can hold.
    details: dict[str, Any] = Field(default_factory=dict)
    #: The errors of a group (`ExceptionGroup`).
    errors: list[ErrorInfo] = Field(default_factory=list)
    #: The notes that `add_note` added.
    notes: list[str] = Field(default_factory=list)


class StepResult(BaseModel):
    """What is known about one step of a run.

    A foreach has the lists of its inputs and outputs, a loop those of its latest iteration. Both
    have `iterations`, which are read on first use.
    """

    status: str
    payload: Any = None
    output: Any = None
    error: ErrorInfo | None = None
    suspend_payload: Any = None
    resume_payload: Any = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    suspended_at: datetime | None = None
    resumed_at: datetime | None = None
    retry_count: int = 0
    #: Who gave the output, if a person did after the attempts were used up.
    given_by: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    _entry: RepeatedEntry | None = PrivateAttr(default=None)
    _iterations: list[StepResult] | None = PrivateAttr(default=None)

    @property
    def iterations(self) -> list[StepResult]:
        """The items of a foreach or the iterations of a loop, in order; read from the database
        once.
        """
        if self._iterations is None:
            self._iterations = [] if self._entry is None else iterations_of(self._entry)
        return self._iterations


class WorkflowResult(BaseModel):
    """The state of a run when a verb returned, and its result."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    status: str
    run_id: str
    workflow_id: str
    input: Any = None
    steps: dict[str, StepResult] = Field(default_factory=dict)
    result: Any = None
    error: ErrorInfo | None = None
    #: Paths of the steps that wait for an answer, each as a list of ids.
    suspended: list[list[str]] = Field(default_factory=list)
    suspend_payload: dict[str, Any] = Field(default_factory=dict)
    state: dict[str, Any] | None = None
    resume_labels: dict[str, dict[str, Any]] | None = None
    trace_id: str | None = None
    span_id: str | None = None

    async def aiterations(self, path: str) -> list[StepResult]:
        """Return the `iterations` of the step at `path`, from async code."""
        step = self.steps[path]
        return await in_thread(lambda: step.iterations)()


def build(
    pk: uuid.UUID, *, include_state: bool = False, include_resume_labels: bool = False
) -> WorkflowResult:
    """Return the current result of a run."""
    return of(
        _RUN.get(pk), include_state=include_state, include_resume_labels=include_resume_labels
    )


def of(
    run: Run,
    shown: Sequence[Shown] | None = None,
    /,
    *,
    include_state: bool = False,
    include_resume_labels: bool = False,
) -> WorkflowResult:
    """Return the result of a run from its row, just read, and from its steps if known."""
    if shown is None:
        shown = _SHOWN.all(run.pk)
    snapshots = [row for row in shown if isinstance(row, StepSnapshot)]
    suspended = [row for row in snapshots if row.status == StepStatus.SUSPENDED]
    rows = [row for row in shown if not row.base_path.endswith(BODY)]
    rows = [row for row in rows if row.kind not in HIDDEN]
    return WorkflowResult(
        status=transactions.status_of(run),
        run_id=run.run_id,
        workflow_id=run.workflow_id,
        input=loads(run.input) if isinstance(run.input, Raw) else run.input,
        steps=step_results(rows, run.timeline),
        result=run.result,
        error=None if run.error is None else ErrorInfo(**run.error),
        suspended=_named_once(suspended),
        suspend_payload={row.path: row.suspend_payload for row in suspended},
        state=run.state if include_state else None,
        resume_labels=labels_of(suspended) if include_resume_labels else None,
        trace_id=run.trace_id or None,
        span_id=run.span_id or None,
    )


def run_and_steps(pk: uuid.UUID) -> tuple[Run, list[StepSnapshot]]:
    """Return a run and the steps that its result shows, in one query.

    Raises `Run.DoesNotExist` if it was deleted.
    """
    shown, run = _WITH_RUN.all_of_one(_ALL_SHOWN, [statements.key(pk)])
    return (_RUN.get(pk), []) if run is None else (run, shown)


def asking(pk: uuid.UUID) -> tuple[Run | None, list[StepSnapshot]]:
    """Return a run and its snapshots that wait for an answer, in one query; None if none do."""
    suspended, run = _WITH_RUN.all_of_one(_ALL_SUSPENDED, [statements.key(pk)])
    return run, suspended


def suspended_steps(pk: uuid.UUID) -> list[StepSnapshot]:
    """Return the run's snapshots that wait for an answer, in order of creation."""
    return SUSPENDED.all(pk)


def _named_once(suspended: Sequence[StepSnapshot]) -> list[list[str]]:
    """Return the paths as lists of ids, with one entry for all items of a foreach."""
    return [list(ids) for ids in dict.fromkeys(tuple(step_paths.ids_of(s.path)) for s in suspended)]


def visible(pk: uuid.UUID, timeline: int | None = None) -> list[StepSnapshot]:
    """Return the snapshots that people know as steps, in order of creation.

    They are those of the current timeline, or of the one with this number, without items and
    iterations.
    """
    steps = StepSnapshot.objects.all()
    rows = steps.current() if timeline is None else steps.on_timeline(pk, timeline)
    rows = rows.filter(run=pk).exclude(kind__in=HIDDEN).exclude(base_path__endswith=BODY)
    return list(rows.exclude(status=StepStatus.QUEUED).order_by("pk"))


def labels_of(suspended: Sequence[StepSnapshot]) -> dict[str, dict[str, Any]]:
    """Return the resume labels of suspended steps, and which step each one means."""
    return {label: step_paths.label_place(row) for row in suspended for label in row.resume_labels}


@dataclass(frozen=True)
class RepeatedEntry:
    """A foreach or loop of a run, whose iterations can be read."""

    run: uuid.UUID
    path: str
    base_path: str
    timeline: int


def step_results(rows: Sequence[Shown], timeline: int) -> dict[str, StepResult]:
    """Return the results of these snapshots on a timeline, by path."""
    open_ones = [row for row in rows if row.kind in CONTAINERS and _is_open(row)]
    inside = _statuses_inside(open_ones, timeline)
    return {row.path: _result_of(row, timeline, inside.get(row.path)) for row in rows}


def statuses_now(rows: Sequence[StepSnapshot], timeline: int) -> dict[str, str]:
    """Return the statuses of these snapshots by path: open ones have those of their insides."""
    inside = _statuses_inside(
        [row for row in rows if row.kind in CONTAINERS and _is_open(row)], timeline
    )
    return {row.path: inside.get(row.path, row.status) for row in rows}


def iterations_of(entry: RepeatedEntry) -> list[StepResult]:
    """Return the items or iterations of one entry, in order."""
    rows = StepSnapshot.objects.on_timeline(entry.run, entry.timeline).filter(
        base_path=f"{entry.base_path}{BODY}", path__startswith=f"{entry.path}["
    )
    ordered = rows.exclude(status=StepStatus.QUEUED).order_by("position")
    return [_step_result(row) for row in ordered.iterator(chunk_size=2000)]


def _result_of(row: Shown, timeline: int, status: str | None) -> StepResult:
    result = _step_result(row)
    if status:
        result.status = status
    if row.kind in REPEATING:
        result._entry = RepeatedEntry(row.run_id, row.path, row.base_path, timeline)  # noqa: SLF001 - ours
        if row.kind in LOOPS:
            _show_latest_round(result, row, timeline)
    return result


#: What a loop shows of its latest round.
_OF_LATEST: Final = (
    "payload", "output", "suspend_payload", "resume_payload", "retry_count", "given_by",
)  # fmt: skip


def _show_latest_round(result: StepResult, loop: Shown, timeline: int) -> None:
    rounds = StepSnapshot.objects.on_timeline(loop.run_id, timeline).filter(
        path=f"{loop.path}[{loop.opened - 1}]"
    )
    if (latest := rounds.first()) is None:
        return
    shown = _step_result(latest)
    for name in _OF_LATEST:
        setattr(result, name, getattr(shown, name))


def _step_result(row: Shown) -> StepResult:
    payload, output = row.payload, row.output
    if isinstance(row, StepSnapshot):
        payload = loads_shown(payloads.payload_of(row)) if row.payload_from else payload
        output = loads_shown(payloads.output_of(row)) if row.output_from else output
    return StepResult(
        status=row.status,
        payload=payload,
        output=output,
        error=None if row.error is None else ErrorInfo(**row.error),
        suspend_payload=row.suspend_payload,
        resume_payload=row.resume_payload,
        started_at=row.started_at,
        ended_at=row.ended_at,
        suspended_at=row.suspended_at,
        resumed_at=row.resumed_at,
        retry_count=row.retry_count,
        given_by=row.given_by or None,
        metadata=row.metadata,
    )


def _is_open(row: Shown) -> bool:
    return row.status == StepStatus.RUNNING and row.worker_id is None


def _statuses_inside(open_ones: Sequence[Shown], timeline: int) -> dict[str, str]:
    """Return the statuses to show for open containers, which are those of the steps inside."""
    if not open_ones:
        return {}
    ended = [status.value for status in STEP_ENDED]
    rows = StepSnapshot.objects.on_timeline(open_ones[0].run_id, timeline)
    leaves = rows.exclude(status__in=ended).exclude(kind__in=[*HIDDEN, *CONTAINERS])
    found = list(leaves.values_list("path", "status"))
    held = rows.filter(status=StepStatus.RUNNING, worker__isnull=False, kind__in=CONTAINERS)
    found += held.values_list("path", "status")
    return {row.path: _status_of(row, found) for row in open_ones}


def status_of(row: StepSnapshot, rows: list[StepSnapshot]) -> str:
    """Return the status to show for a snapshot; an open container has that of the steps inside."""
    if row.kind not in CONTAINERS or not _is_open(row):
        return row.status
    leaves = [r for r in rows if r.kind not in CONTAINERS or r.worker_id is not None]
    alive = [(r.path, r.status) for r in leaves if r.status not in STEP_ENDED]
    return _status_of(row, alive)


def _status_of(row: Shown, inside: list[tuple[str, str]]) -> str:
    statuses = {s for path, s in inside if path.startswith((f"{row.path}.", f"{row.path}["))}
    if statuses & {StepStatus.RUNNING, StepStatus.QUEUED}:
        return row.status
    waits = (StepStatus.WAITING, StepStatus.SUSPENDED, StepStatus.PAUSED)
    return next((status.value for status in waits if status in statuses), row.status)


class RunTimeline(BaseModel):
    """One timeline of a run: what began it, and its state now or when it was left."""

    number: int
    #: start, retry or time-travel.
    cause: str
    #: The step at which a retry or a time travel began; None for the first.
    step: str | None = None
    actor: str | None = None
    started_at: datetime | None = None
    status: str
    result: Any = None
    error: ErrorInfo | None = None
    state: dict[str, Any] = Field(default_factory=dict)
    _run: uuid.UUID | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, row: Timeline) -> RunTimeline:
        """Return a timeline as callers see it."""
        made = cls(
            number=row.number,
            cause=row.cause,
            step=row.step or None,
            actor=row.actor or None,
            started_at=row.started_at,
            status=row.status,
            result=row.result,
            error=None if row.error is None else ErrorInfo(**row.error),
            state=row.state,
        )
        made._run = row.run_id
        return made

    @property
    def steps(self) -> dict[str, StepResult]:
        """What was known about each step on this timeline, by path; read on first use."""
        if self._run is None:
            return {}
        return step_results(visible(self._run, self.number), self.number)
