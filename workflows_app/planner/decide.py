"""Decides what one outcome means for its run. Pure: the caller writes the decisions in order."""

from collections.abc import Iterator, Mapping
from typing import Any

from workflows_app.definition import Graph, Kind, exhausted
from workflows_app.jsontext import Raw, dumps
from workflows_app.planner import retries
from workflows_app.planner.decisions import (
    BecomeContainer,
    CancelSteps,
    Decision,
    EndContainer,
    FinishRun,
    InputOf,
    OutputOf,
    RecordResult,
    RecordSuspension,
    RetryStep,
    SetEnding,
    Wait,
)
from workflows_app.planner.enter import (
    after,
    enter_items,
    enter_round,
    hold_back,
    open_parts,
    part_ended,
    stop_if_held,
)
from workflows_app.planner.outcomes import (
    Aborted,
    Bailed,
    Changes,
    Failed,
    Listed,
    Looped,
    Lost,
    Opened,
    Outcome,
    Slept,
    Succeeded,
    Suspended,
)
from workflows_app.planner.statuses import RunStatus, StepStatus
from workflows_app.planner.view import Row, View

EMPTY = Raw("{}")
EMPTY_LIST = Raw("[]")


def decide(graph: Graph, view: View, path: str, outcome: Outcome) -> list[Decision]:
    """Return what to write when the claimed step at `path` ends with `outcome`.

    Nothing if the step is no longer running, because its outcome was counted before.
    """
    row = view.row(path)
    if row.status is not StepStatus.RUNNING:
        return []
    return list(hold_back(view.run, _decide(graph, view, row, outcome)))


def wake(graph: Graph, view: View, path: str) -> list[Decision]:
    """Return what to write when a sleep is over; nothing if it had ended before."""
    row = view.row(path)
    if row.status is not StepStatus.WAITING:
        return []
    woken = RecordResult(row.path, StepStatus.SUCCESS, InputOf(row.path))
    return list(hold_back(view.run, [woken, *after(graph, view, row)]))


def fail_now(graph: Graph, view: View, path: str, error: Mapping[str, Any]) -> list[Decision]:
    """Return what to write when somebody fails a step that nobody runs, with its last error."""
    return list(hold_back(view.run, _fail(graph, view, view.row(path), error)))


def give_result(graph: Graph, view: View, path: str, output: Raw, given_by: str) -> list[Decision]:
    """Return what to write when somebody gives the result of a step that is suspended."""
    row = view.row(path)
    given = RecordResult(row.path, StepStatus.SUCCESS, output, given_by=given_by)
    return list(hold_back(view.run, [given, *after(graph, view, row)]))


def fail_unknown(view: View, path: str, error: Mapping[str, Any]) -> list[Decision]:
    """Return what to write for a step that no worker has code for: the run fails in any case.

    Needs no graph, because this process may not have the run's.
    """
    row = view.row(path)
    inner = list(_containers(view, row))
    keep = frozenset({row.path, *(r.path for r in inner)})
    failed = _record_all([row, *inner], StepStatus.FAILED, error)
    return [*failed, *_end_run(view, RunStatus.FAILED, keep=keep, error=error)]


def refuse_join(
    graph: Graph,
    view: View,
    ended: tuple[str, Outcome],
    container: str,
    error: Mapping[str, Any],
) -> Iterator[Decision]:
    """Yield what to write when a step has ended and its container cannot hold the outputs.

    Each decision must be applied before the next is asked for.
    """
    path, outcome = ended
    yield _plain_record(view.row(path), outcome)
    yield from stop_if_held(view.run, _fail(graph, view, view.row(container), error))


def _decide(graph: Graph, view: View, row: Row, outcome: Outcome) -> list[Decision]:
    if view.run.ending:
        return _wind_down(view, row, outcome)
    if arm := next((r for r in _containers(view, row) if r.ending), None):
        return _wind_down_arm(graph, view, row, arm, outcome)
    return _go_on(graph, view, row, outcome)


def cancel(view: View) -> list[Decision]:
    """Return what to write when a person or a step cancels the run."""
    return _end_run(view, RunStatus.CANCELED, keep=frozenset())


def fail_run(view: View, error: Mapping[str, Any]) -> list[Decision]:
    """Return what to write when a run fails by no fault of a step, such as at its deadline."""
    return _end_run(view, RunStatus.FAILED, keep=frozenset(), error=error)


def give_up(view: View) -> list[Decision]:
    """Return what to write for an ending run whose running steps do not end in time."""
    held = [row for row in view.open_rows() if row.is_held]
    records: list[Decision] = [RecordResult(row.path, StepStatus.CANCELED) for row in held]
    return [*records, FinishRun(RunStatus(view.run.ending))]


def _go_on(  # noqa: C901, PLR0911 - one answer an outcome
    graph: Graph, view: View, row: Row, outcome: Outcome
) -> list[Decision]:
    match outcome:
        case Succeeded(output, changes):
            return [
                RecordResult(row.path, StepStatus.SUCCESS, output, changes=changes),
                *after(graph, view, row),
            ]
        case Opened():
            return _open(graph, view, row, outcome)
        case Listed():
            return _open_items(graph, view, row, outcome)
        case Looped(again, changes):
            return _next_round(graph, view, row, changes, again=again)
        case Slept(delay, changes):
            return [Wait(row.path, delay, changes)]
        case Failed(error, may_retry):
            return _retry_or_give_up(graph, view, row, error, may_retry=may_retry)
        case Suspended(payload, labels, changes, awaited, tokens):
            return [RecordSuspension(row.path, payload, labels, changes, awaited, tokens)]
        case Bailed(result, changes):
            return _bail(view, row, result, changes)
        case Aborted():
            canceled = RecordResult(row.path, StepStatus.CANCELED)
            return [canceled, *_end_run(view, RunStatus.CANCELED, keep=frozenset({row.path}))]
        case Lost():
            return []


def _open(graph: Graph, view: View, row: Row, opened: Opened) -> list[Decision]:
    node = graph.nodes[row.base_path]
    if not opened.arms:
        empty = RecordResult(row.path, StepStatus.SUCCESS, EMPTY, changes=opened.changes)
        return [empty, *after(graph, view, row)]
    container = BecomeContainer(row.path, len(opened.arms), opened.payload, opened.changes)
    return [container, *open_parts(node, row, opened.arms, opened.payload)]


def _open_items(graph: Graph, view: View, row: Row, listed: Listed) -> list[Decision]:
    node = graph.nodes[row.base_path]
    if not listed.total:
        empty = RecordResult(row.path, StepStatus.SUCCESS, EMPTY_LIST, changes=listed.changes)
        return [empty, *after(graph, view, row)]
    container = BecomeContainer(
        row.path,
        listed.total,
        changes=listed.changes,
        total=listed.total,
        concurrency=listed.concurrency,
    )
    window = min(listed.concurrency, listed.total)
    return [container, *enter_items(node, row.path, 0, window)]


def _next_round(
    graph: Graph, view: View, row: Row, changes: Changes, *, again: bool
) -> list[Decision]:
    last = OutputOf(f"{row.path}[{row.opened - 1}]")
    if not again:
        ended = RecordResult(row.path, StepStatus.SUCCESS, last, changes=changes)
        return [ended, *after(graph, view, row)]
    node = graph.nodes[row.base_path]
    loop = BecomeContainer(row.path, 1, changes=changes, opened=row.opened + 1)
    return [loop, *enter_round(node, row.path, row.opened, last)]


def _retry_or_give_up(
    graph: Graph, view: View, row: Row, error: Mapping[str, Any], *, may_retry: bool
) -> list[Decision]:
    policy = retries.policy_of(graph, graph.nodes[row.base_path])
    if may_retry and row.retry_count < policy.retries:
        count = row.retry_count + 1
        return [RetryStep(row.path, count, policy.delay_before(count), error)]
    if policy.asks:
        asked = dumps(exhausted.question(error, row.retry_count + 1))
        return [RecordSuspension(row.path, asked, (), error=error)]
    return _fail(graph, view, row, error)


def _fail(graph: Graph, view: View, row: Row, error: Mapping[str, Any]) -> list[Decision]:
    failed: list[Decision] = [RecordResult(row.path, StepStatus.FAILED, error=error)]
    inner: list[Row] = []
    part = row
    for container in _containers(view, row):
        if graph.nodes[container.base_path].allow_failure:
            records = _record_all(inner, StepStatus.FAILED, error)
            if part is row:
                return [*failed, *part_ended(graph, view, row, container)]
            return [*failed, *records[:-1], *_fail_arm(graph, view, row, part, error)]
        inner.append(container)
        part = container
    keep = frozenset({row.path, *(r.path for r in inner)})
    records = _record_all(inner, StepStatus.FAILED, error)
    return [*failed, *records, *_end_run(view, RunStatus.FAILED, keep=keep, error=error)]


def _fail_arm(
    graph: Graph, view: View, row: Row, arm: Row, error: Mapping[str, Any]
) -> list[Decision]:
    """End an arm that may fail: at once, or when its running steps have ended."""
    inside = [r for r in view.open_rows() if arm.holds(r.path) and r.path != row.path]
    ancestors = {r.path for r in _containers(view, row)}
    idle = tuple(r.path for r in inside if not r.is_held and r.path not in ancestors)
    stop: list[Decision] = [CancelSteps(idle)] if idle else []
    if any(r.is_held for r in inside):
        return [*stop, EndContainer(arm.path, error)]
    return [*stop, *_close_arm(graph, view, arm, error)]


def _close_arm(
    graph: Graph, view: View, arm: Row, error: Mapping[str, Any] | None
) -> list[Decision]:
    closed = RecordResult(arm.path, StepStatus.FAILED, error=error)
    parent = view.row(arm.parent or "")
    return [closed, *part_ended(graph, view, arm, parent)]


def _bail(view: View, row: Row, result: Raw, changes: Changes) -> list[Decision]:
    bailed = RecordResult(row.path, StepStatus.SUCCESS, result, changes=changes, is_bail=True)
    nested = [r for r in _containers(view, row) if r.kind == Kind.WORKFLOW]
    closed = [RecordResult(r.path, StepStatus.SUCCESS, OutputOf(row.path)) for r in nested]
    keep = frozenset({row.path, *(r.path for r in nested)})
    return [bailed, *closed, *_end_run(view, RunStatus.SUCCESS, keep=keep, result=result)]


def _end_run(
    view: View,
    status: RunStatus,
    *,
    keep: frozenset[str],
    error: Mapping[str, Any] | None = None,
    result: Raw | None = None,
) -> list[Decision]:
    """Cancel steps that nobody runs, and end the run: now, or when its running steps have ended."""
    others = [row for row in view.open_rows() if row.path not in keep]
    idle = tuple(row.path for row in others if not row.is_held)
    decisions: list[Decision] = [CancelSteps(idle)] if idle else []
    decisions.append(SetEnding(status, error, result))
    if not any(row.is_held for row in others):
        decisions.append(FinishRun(status))
    return decisions


def wind_down(view: View, path: str) -> list[Decision]:
    """Return what to write for a step of an ending run that was lost with its worker.

    Needs no graph, because the process that finds it may not have the run's.
    """
    return _wind_down(view, view.row(path), Lost())


def _wind_down(view: View, row: Row, outcome: Outcome) -> list[Decision]:
    """Record the outcome of a step while its run is ending; the last step ends the run."""
    if isinstance(outcome, Aborted):
        canceled = RecordResult(row.path, StepStatus.CANCELED)
        return [canceled, *_end_run(view, RunStatus.CANCELED, keep=frozenset({row.path}))]
    decisions: list[Decision] = [_plain_record(row, outcome)]
    if view.run.active <= 1:
        decisions.append(FinishRun(RunStatus(view.run.ending)))
    return decisions


def _wind_down_arm(
    graph: Graph, view: View, row: Row, arm: Row, outcome: Outcome
) -> list[Decision]:
    """Record the outcome of a step in an arm that has failed; the last step closes the arm."""
    if isinstance(outcome, (Bailed, Aborted)):
        return _go_on(graph, view, row, outcome)
    held = [r for r in view.open_rows() if r.is_held and arm.holds(r.path) and r.path != row.path]
    closing = [] if held else _close_arm(graph, view, arm, None)
    return [_plain_record(row, outcome), *closing]


def _plain_record(row: Row, outcome: Outcome) -> RecordResult:
    """Return the record of an outcome without consequences."""
    match outcome:
        case Succeeded(output, changes) | Bailed(output, changes):
            return RecordResult(row.path, StepStatus.SUCCESS, output, changes=changes)
        case Failed(error, _):
            return RecordResult(row.path, StepStatus.FAILED, error=error)
        case _:
            return RecordResult(row.path, StepStatus.CANCELED)


def _record_all(
    rows: list[Row], status: StepStatus, error: Mapping[str, Any] | None
) -> list[Decision]:
    return [RecordResult(row.path, status, error=error) for row in rows]


def _containers(view: View, row: Row) -> Iterator[Row]:
    """Yield the containers around a snapshot, innermost first."""
    while row.parent is not None:
        row = view.row(row.parent)
        yield row
