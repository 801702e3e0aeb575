"""Makes and supersedes snapshots, inside one `Change`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from workflows_app.definition import Kind
from workflows_app.engine.run import inputs, lists, payloads, step_events, values
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK
from workflows_app.engine.run.lists import metadata_of
from workflows_app.jsontext import NULL, Raw, dumps
from workflows_app.models import StepSnapshot, statements
from workflows_app.planner import decisions as d
from workflows_app.planner.statuses import StepStatus

#: Items of a foreach that one statement inserts, and fewer than which are inserted with the rest.
AT_ONCE: Final = 500
FEW: Final = 8

#: The first and the last moment that has a date in every time zone.
FIRST_MOMENT: Final = datetime(1, 1, 3, tzinfo=UTC)
LAST_MOMENT: Final = datetime(9999, 12, 30, tzinfo=UTC)

#: What a snapshot has in common with one that replaces it to run with another input.
_KEPT: Final = (
    "run_id", "path", "base_path", "kind", "parent_id", "status", "position", "queue", "error",
    "suspension", "suspend_payload", "awaits", "started_at", "suspended_at",
)  # fmt: skip

New = d.QueueStep | d.StartSleep | d.OpenContainer | d.GiveResult


def queue(change: Change, decision: d.QueueStep) -> None:
    """Make a snapshot that a worker may claim, or that waits for `proceed`."""
    step = _new(change, decision, _first_status(is_paused=decision.is_paused))
    step.queue = decision.queue
    _answer_ahead(change, step)
    _count_in(change, change.insert(step))


def queue_items(change: Change, decision: d.QueueItems) -> None:
    """Make snapshots of the next items of a foreach, which workers may claim."""
    container = change.snapshot(decision.container)
    status = _first_status(is_paused=decision.is_paused)
    for first in range(decision.first, decision.end, AT_ONCE):
        indexes = range(first, min(first + AT_ONCE, decision.end))
        rows = lists.new_items(
            change, container, indexes, status=status.value, queue=decision.queue
        )
        if change.model.answers_ahead:
            for step in rows:
                _answer_ahead(change, step)
        _insert_items(change, rows)
        for step in rows:
            _count_in(change, step)
    change.write(container, opened=decision.end)


def _insert_items(change: Change, rows: Sequence[StepSnapshot]) -> None:
    """Write the snapshots of items: many at once where nobody's answer makes them differ."""
    if len(rows) < FEW or any(step.is_resuming for step in rows):
        for step in rows:
            change.insert(step)
        return
    change.flush()
    statements.insert_alike(rows, ("id", "path", "position", "payload"))
    for step in rows:
        change.remember(step)


def start_sleep(change: Change, decision: d.StartSleep) -> None:
    """Make a snapshot that waits by itself."""
    step = _new(change, decision, StepStatus.WAITING)
    step.started_at = change.now
    step.wake_at = wake_time(change, decision.delay)
    change.insert(step)
    change.model.waiting_count += 1
    step_events.started(change, step, change.outputs[f"{step.path}:payload"])
    step_events.waiting(change, step, step.wake_at)
    change.woken.append(step)


def open_container(change: Change, decision: d.OpenContainer) -> None:
    """Make a snapshot that holds parts."""
    step = _new(change, decision, StepStatus.RUNNING)
    step.unfinished = decision.unfinished
    step.total, step.concurrency = decision.total, decision.concurrency
    step.opened = decision.opened
    step.started_at = change.now
    change.insert(step)
    step_events.started(change, step, change.outputs[f"{step.path}:payload"])


def give(change: Change, decision: d.GiveResult) -> None:
    """Make a snapshot of a result that was given, or of a skipped entry."""
    step = _new(change, decision, decision.status)
    if decision.output is not None:
        step.output, _ = values.text_of(change, decision.output)
        change.outputs[step.path] = step.output
    step.ended_at = change.now
    change.insert(step)


def supersede(change: Change, path: str) -> None:
    """Supersede one snapshot."""
    step = change.snapshot(path)
    # At once, because another may take its path, and one statement has no order.
    change.write(step, superseded_on=change.model.timeline)
    change.flush()
    change.forget(step)


def replace_input(change: Change, step: StepSnapshot, text: Raw) -> StepSnapshot:
    """Return a suspended snapshot in place of another, with another input.

    It is a new activation. The other one stays as it was, because events refer to its input.
    """
    fields: dict[str, Any] = {name: getattr(step, name) for name in _KEPT}
    supersede(change, step.path)
    change.outputs[f"{step.path}:payload"] = text
    made = statements.new(
        StepSnapshot,
        **fields,
        payload=text,
        timeline=change.model.timeline,
        queued_at=change.now,
        version_id=change.other_version,
        metadata=metadata_of(change.graph.nodes[step.base_path]),
    )
    return change.insert(made)


def supersede_all_but(change: Change, base_paths: frozenset[str]) -> None:
    """Supersede all snapshots except those at these places of the graph."""
    change.flush()
    steps = StepSnapshot.objects.filter(run=change.model.pk, superseded_on=None)
    left = steps.exclude(kind=HOOK).exclude(base_path__in=sorted(base_paths))
    left.update(superseded_on=change.model.timeline)
    change.forget_all()


def adopt(change: Change, path: str) -> None:
    """Let a container take over the parts of the one that it replaced, or of another run's.

    A fork copies only the parts.
    """
    container = change.snapshot(path)
    try:
        old = change.previous(path)
    except StepSnapshot.DoesNotExist:
        _adopt_copies(change, container)
    else:
        change.adopt(old, container)


def _adopt_copies(change: Change, container: StepSnapshot) -> None:
    """Let a container take over the snapshots at the paths of its parts that have no container."""
    places = [part.path for part in change.graph.nodes[container.base_path].children]
    change.flush()
    parts = StepSnapshot.objects.current().filter(run=change.model.pk, base_path__in=places)
    parts.filter(parent=None).update(parent=container)
    for part in filter(None, map(change.in_hand, places)):
        part.parent_id = part.parent_id or container.pk


def wake_time(change: Change, delay: float | datetime) -> datetime:
    """Return the end of a sleep, or the first or last possible moment if it lies beyond."""
    try:
        if isinstance(delay, datetime):
            at = delay.astimezone(UTC)
        else:
            at = change.now + timedelta(seconds=delay)
    except OverflowError:
        is_past = isinstance(delay, datetime) and delay.year < change.now.year
        return FIRST_MOMENT if is_past else LAST_MOMENT
    return min(max(at, FIRST_MOMENT), LAST_MOMENT)


def _first_status(*, is_paused: bool) -> StepStatus:
    return StepStatus.PAUSED if is_paused else StepStatus.QUEUED


def _count_in(change: Change, step: StepSnapshot) -> None:
    run = change.model
    if step.status == StepStatus.PAUSED:
        run.paused_count += 1
        return
    run.active_count += 1
    if run.allowance is not None and run.allowance > 0 and step.kind == Kind.STEP:
        run.allowance -= 1
    change.woken.append(step)


def _new(change: Change, decision: New, status: StepStatus) -> StepSnapshot:
    text, source = NULL, ""
    if decision.payload is not None:
        text, source = values.text_of(change, decision.payload)
        is_given = isinstance(decision.payload, d.RunInput) and change.graph.workflow.input.is_any
        kept = inputs.kept(
            change.graph, change.graph.nodes[decision.base_path], text, is_given=is_given
        )
        text, source = (text, source) if kept is text else (kept, "")
    is_elsewhere = bool(source) and payloads.is_large(text)
    change.outputs[f"{decision.path}:payload"] = text
    return statements.new(
        StepSnapshot,
        run_id=change.model.pk,
        path=decision.path,
        base_path=decision.base_path,
        kind=str(decision.kind),
        status=status.value,
        parent_id=None if decision.parent is None else change.snapshot(decision.parent).pk,
        position=decision.position,
        timeline=change.model.timeline,
        payload=None if is_elsewhere else text,
        payload_from=source if is_elsewhere else "",
        queued_at=change.now,
        version_id=change.other_version,
        metadata=metadata_of(change.graph.nodes[decision.base_path]),
    )


def _answer_ahead(change: Change, step: StepSnapshot) -> None:
    """Give a step the resume data that a time travel provided for it."""
    ahead: dict[str, Any] | None = change.model.answers_ahead
    if not ahead or step.path not in ahead:
        return
    answer = ahead[step.path]
    step.is_resuming = True
    step.resume_payload = dumps(answer["data"])
    step.suspend_payload = None if answer["asked"] is None else dumps(answer["asked"])
    step.resumed_at = change.now
    rest = {path: each for path, each in ahead.items() if path != step.path}
    change.model.answers_ahead = rest or None
    change.touch("answers_ahead")
