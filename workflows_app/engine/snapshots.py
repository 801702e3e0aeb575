"""Making snapshots, and leaving them to earlier timelines, inside one `Change`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from workflows_app.definition import Kind
from workflows_app.engine import inputs, payloads, telling, values
from workflows_app.engine.change import Change
from workflows_app.engine.claims import HOOK
from workflows_app.jsontext import NULL, Raw, dumps, loads
from workflows_app.models import StepSnapshot, statements
from workflows_app.planner import decisions as d
from workflows_app.planner.statuses import StepStatus

#: Items of a foreach that are written at once, ahead of their turn.
BLOCK: Final = 1000

#: Items that one statement lets begin.
AT_ONCE: Final = 500

#: The first and the last moment that is a date in every time zone.
FIRST_MOMENT: Final = datetime(1, 1, 3, tzinfo=UTC)
LAST_MOMENT: Final = datetime(9999, 12, 30, tzinfo=UTC)

New = d.QueueStep | d.StartSleep | d.OpenContainer | d.GiveResult


def queue(change: Change, decision: d.QueueStep) -> None:
    """Make a snapshot that a worker may claim, or that waits for `proceed`."""
    step = _new(change, decision, _first_status(is_paused=decision.is_paused))
    step.queue = decision.queue
    _answer_ahead(change, step)
    _count_in(change, change.insert(step))


def queue_items(change: Change, decision: d.QueueItems) -> None:
    """Let the next items of a foreach be claimed, writing blocks of items as need be."""
    container = change.snapshot(decision.container)
    while container.written < decision.end:
        _write_block(change, container, decision)
    status = _first_status(is_paused=decision.is_paused)
    moved = {"queued_at": change.now, "timeline": change.model.timeline}
    for first in range(decision.first, decision.end, AT_ONCE):
        end = min(first + AT_ONCE, decision.end)
        for step in _begin_items(change, container.path, range(first, end), status, moved):
            if change.model.answers_ahead:
                _answer_item(change, step)
            _count_in(change, step)
    change.write(container, opened=decision.end)


def _begin_items(
    change: Change, container: str, indexes: range, status: StepStatus, moved: Mapping[str, Any]
) -> Iterable[StepSnapshot]:
    """Move planned items to their first status and return them; one is moved the fast way."""
    paths = [f"{container}[{index}]" for index in indexes]
    if len(paths) == 1:
        step = change.snapshot(paths[0])
        change.move(step, status, **moved)
        return [step]
    change.flush()
    items = StepSnapshot.objects.filter(
        run=change.model.pk, path__in=paths, superseded_on__isnull=True
    )
    items.move(status, **moved)
    known = [each for path in paths if (each := change.in_hand(path)) is not None]
    if len(known) == len(paths):
        for step in known:
            _begin_in_hand(step, status, moved)
        return known
    for path in paths:
        change.drop(path)
    return [change.remember(step) for step in items.light().order_by("position")]


def _begin_in_hand(step: StepSnapshot, status: StepStatus, moved: Mapping[str, Any]) -> None:
    step.status = status.value
    for name, value in moved.items():
        setattr(step, name, value)


def start_sleep(change: Change, decision: d.StartSleep) -> None:
    """Make a snapshot that waits by itself."""
    step = _new(change, decision, StepStatus.WAITING)
    step.started_at = change.now
    step.wake_at = wake_time(change, decision.delay)
    change.insert(step)
    change.model.waiting_count += 1
    telling.started(change, step, change.outputs[f"{step.path}:payload"])
    telling.waiting(change, step, step.wake_at)
    change.woken.append(step)


def open_container(change: Change, decision: d.OpenContainer) -> None:
    """Make a snapshot that holds parts."""
    step = _new(change, decision, StepStatus.RUNNING)
    step.unfinished = decision.unfinished
    step.total, step.concurrency = decision.total, decision.concurrency
    step.opened = step.written = decision.opened
    step.started_at = change.now
    change.insert(step)
    telling.started(change, step, change.outputs[f"{step.path}:payload"])


def give(change: Change, decision: d.GiveResult) -> None:
    """Make a snapshot of a result that was given, or of what was skipped."""
    step = _new(change, decision, decision.status)
    if decision.output is not None:
        step.output, _ = values.text_of(change, decision.output)
        change.outputs[step.path] = step.output
    step.ended_at = change.now
    change.insert(step)


def supersede(change: Change, path: str) -> None:
    """Leave one snapshot to the timelines before this one."""
    step = change.snapshot(path)
    # At once: another may take its path, and one statement does not say which is first.
    change.write(step, superseded_on=change.model.timeline)
    change.flush()
    change.forget(step)


def supersede_all_but(change: Change, base_paths: frozenset[str]) -> None:
    """Leave all snapshots to the timelines before, but those at these places of the graph."""
    change.flush()
    steps = StepSnapshot.objects.filter(run=change.model.pk, superseded_on=None)
    steps.filter(status=StepStatus.PLANNED).delete()
    left = steps.exclude(kind=HOOK).exclude(base_path__in=sorted(base_paths))
    left.update(superseded_on=change.model.timeline)
    change.forget_all()


def adopt(change: Change, path: str) -> None:
    """Let a container take over the parts of the one that it replaced, or of another run's.

    A fork copies the parts alone.
    """
    container = change.snapshot(path)
    try:
        old = change.previous(path)
    except StepSnapshot.DoesNotExist:
        _adopt_copies(change, container)
    else:
        change.adopt(old, container)


def _adopt_copies(change: Change, container: StepSnapshot) -> None:
    """Let a container take over what stands at the places of its parts and has no container."""
    places = [part.path for part in change.graph.nodes[container.base_path].children]
    change.flush()
    parts = StepSnapshot.objects.current().filter(run=change.model.pk, base_path__in=places)
    parts.filter(parent=None).update(parent=container)
    for part in filter(None, map(change.in_hand, places)):
        part.parent_id = part.parent_id or container.pk


def wake_time(change: Change, delay: float | datetime) -> datetime:
    """Return the moment a sleep is over; the first or last there is for what lies beyond them."""
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
    if run.allowance and step.kind == Kind.STEP:
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
    stands_elsewhere = bool(source) and payloads.is_large(text)
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
        payload=None if stands_elsewhere else text,
        payload_from=source if stands_elsewhere else "",
        queued_at=change.now,
        version_id=change.other_version,
        metadata=_metadata(change, decision.base_path),
    )


def _metadata(change: Change, base_path: str) -> dict[str, Any]:
    """Return what code says about a step, or else about its entry."""
    node = change.graph.nodes[base_path]
    return dict(node.step.metadata if node.step is not None else node.metadata)


def _answer_ahead(change: Change, step: StepSnapshot) -> None:
    """Give a step the resume data that a time travel brought for it."""
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


def _answer_item(change: Change, step: StepSnapshot) -> None:
    """Give an item, which is written already, the resume data that was brought for it."""
    _answer_ahead(change, step)
    if step.is_resuming:
        names = ("is_resuming", "resume_payload", "suspend_payload", "resumed_at")
        change.write(step, **{name: getattr(step, name) for name in names})


# The items of a foreach.


def _write_block(change: Change, container: StepSnapshot, decision: d.QueueItems) -> None:
    """Write the next items as planned snapshots; the list is read once a block."""
    if container.path not in change.lists:
        text, _ = values.text_of(change, d.InputOf(container.path))
        change.lists[container.path] = loads(text)
    items = change.lists[container.path]
    first = container.written
    last = min(first + BLOCK, container.total)
    graph, node = change.graph, change.graph.nodes[decision.base_path]
    rows = [
        _item(change, container, decision, index, inputs.kept(graph, node, dumps(items[index])))
        for index in range(first, last)
    ]
    change.flush()
    statements.insert_alike(rows, ("id", "path", "position", "payload"))
    for row in rows:
        change.remember(row)
    change.write(container, written=last)


def _item(
    change: Change, container: StepSnapshot, decision: d.QueueItems, index: int, payload: Raw
) -> StepSnapshot:
    return statements.new(
        StepSnapshot,
        run_id=change.model.pk,
        path=f"{container.path}[{index}]",
        base_path=decision.base_path,
        kind=decision.kind,
        status=StepStatus.PLANNED.value,
        parent_id=container.pk,
        position=index,
        timeline=change.model.timeline,
        queue=decision.queue,
        payload=payload,
        queued_at=change.now,
        version_id=change.other_version,
        metadata=_metadata(change, decision.base_path),
    )


def drop_planned(change: Change, container: StepSnapshot) -> None:
    """Forget the items of a foreach that will never have their turn."""
    if container.kind == Kind.FOREACH:
        change.flush()
        for index in range(container.opened, container.written):
            change.drop(f"{container.path}[{index}]")
        StepSnapshot.objects.filter(parent=container.pk, status=StepStatus.PLANNED).delete()
