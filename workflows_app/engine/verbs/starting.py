"""Starting a run. A start is one transaction, or it is refused as a whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

from workflows_app import signals
from workflows_app.definition import Builder, Deadline, registry
from workflows_app.definition import deadlines as deadline_rules
from workflows_app.engine.host import alarms, clock, ports, transactions
from workflows_app.engine.record import chain
from workflows_app.engine.record import start as shortcut
from workflows_app.engine.run import (
    accepted,
    audit,
    deadlines,
    events,
    holds,
    payloads,
    sessions,
    tracing,
    versions,
)
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import describe
from workflows_app.engine.run.performing import change, leave
from workflows_app.engine.verbs import creating, going_on, idle_worker
from workflows_app.engine.work import hooks
from workflows_app.jsontext import Raw, loads
from workflows_app.models import AcceptedStart, Run, StepSnapshot, statements
from workflows_app.planner import enter
from workflows_app.planner.enter import queue_of
from workflows_app.planner.statuses import RunStatus, StepStatus
from workflows_app.planner.view import ACCEPTED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """On which queue the first steps of a run wait, and until when at least (None: not at all)."""

    queue: str
    not_before: datetime | None = None


class _How(NamedTuple):
    """How a run starts, besides the values that it starts with."""

    per_step: bool
    trace: tracing.Trace | None
    place: Place | None
    deadline: Deadline | None
    start_within: float | None


# Start.


def _put(made: Iterable[StepSnapshot], place: Place | None) -> None:
    if place is not None:
        for each in made:
            each.queue, each.wake_at = place.queue, place.not_before


def start(
    definition: Builder,
    run: Run,
    input_data: Any,
    *,
    initial_state: Mapping[str, Any] | None = None,
    request_context: Mapping[str, Any] | None = None,
    per_step: bool = False,
    trace: tracing.Trace | None = None,
    actor: Any = None,
    door: str = "",
    slot: idle_worker.Slot | None = None,
    place: Place | None = None,
    deadline: Deadline | None = None,
    start_within: float | timedelta | None = None,
) -> Run | None:
    """Start a pending run. Raises RunAlreadyStarted, InvalidInput, InvalidRequestContext and
    InvalidDeadline.

    One that has no row yet gets it; that also raises RunIdTaken.

    `place`: where and when its first steps wait, instead of as the definition says.
    `deadline`, `start_within`: instead of those of the workflow.

    If the run is held, or its workflow's intake is paused, the start is kept, and the run begins
    later. Return its row as it was written if it was kept, or if its steps only wait for a worker;
    else None.
    """
    own, within = _times(definition, deadline, start_within)
    is_new = run.status == RunStatus.PENDING and run.allowance != ACCEPTED
    if statements.is_written(run) and (not is_new or definition.on_start is not None):
        creating.refuse_started(run.pk, run.run_id)
    given = shortcut.Given(
        accepted.workflow_input(definition, input_data),
        accepted.state(definition, initial_state),
        accepted.context(definition, request_context or {}),
        actor,
        door,
    )
    if definition.on_start is not None:
        creating.write_down(definition, run)
        info = hooks.info_of(
            run, input=loads(given.input), state=given.state, request_context=given.context
        )
        hooks.call(definition.on_start, info)
    is_plain = trace is None and not per_step and place is None
    if is_plain and own is None and definition.deadline is None:
        begun = _start_plainly(definition, run, given, slot)
        if begun is not None:
            return begun
    creating.write_down(definition, run)
    how = _How(per_step, trace, place, own, within)
    act = partial(_start, definition=definition, given=given, how=how, slot=slot)
    return idle_worker.perform(run, (), act, slot)


def _times(
    definition: Builder, deadline: Deadline | None, start_within: float | timedelta | None
) -> tuple[Deadline | None, float | None]:
    """Return the run's own deadline, and in how many seconds it has to begin."""
    own = deadline_rules.checked(deadline, "start()")
    within = deadline_rules.start_within(start_within, "start()")
    return own, definition.start_within if within is None else within


def _said(deadline: Deadline | None) -> dict[str, Any]:
    """Return what the audit trail keeps of a deadline that was given to a start."""
    return {} if deadline is None else {"deadline": deadline.to_json()}


def _start(
    changing: Change,
    *,
    definition: Builder,
    given: shortcut.Given,
    how: _How,
    slot: idle_worker.Slot | None,
) -> Run | None:
    """Start a run by a change, or keep its start; return its row as `start` does."""
    model = changing.model
    if model.status != RunStatus.PENDING or holds.accepted_start(model) is not None:
        creating.refuse_started(model.pk, model.run_id)
    changing.begin_with(versions.ensure(definition))
    _take_in(changing, given)
    tracing.keep(changing, how.trace)
    said = _said(how.deadline)
    audit.record(changing, shortcut.verb_of(model), given.actor, door=given.door, **said)
    if holds.keeps_pending(model):
        keep_start(changing, per_step=how.per_step, place=how.place, start_within=how.start_within)
        deadlines.give(changing, how.deadline, definition.deadline)
        return model
    _begin(changing, given.input)
    deadlines.give(changing, how.deadline, definition.deadline)
    model.allowance = 1 if how.per_step else None
    apply(changing, enter.hold_back(changing.run, enter.start(changing.graph)))
    made = changing.writes.inserts.values()
    _put(made, how.place)
    idle_worker.claim_ready(changing, slot)
    is_all_queued = all(step.status == StepStatus.QUEUED for step in made)
    return model if is_all_queued else None


def _start_plainly(
    definition: Builder, run: Run, given: shortcut.Given, slot: idle_worker.Slot | None
) -> Run | None:
    """Start a run by the shortcut; return its row as it was written, or None if that failed."""
    node = shortcut.first_step(definition, run)
    if node is None:
        return None
    queue = queue_of(node)
    here = slot if idle_worker.is_free(slot, queue, definition) else None
    begun = shortcut.start(definition, run, node, given, None if here is None else here.worker)
    if begun is None:
        return None
    ports.published(run.pk, begun.run.event_seq, is_settled=False)
    if signals.are_heard():
        by = begun.run.timeline_actor or None
        signals.send(begun.run, [events.started(run.workflow_id, given.input, by)])
    if here is None:
        lane_key = chain.lane_key(run.workflow_id, node.path, queue)
        ports.wake([ports.ClaimableStep(begun.step.pk, run.pk, queue, lane_key=lane_key)])
    else:
        _hand_over(here, begun)
    return begun.run


def _hand_over(slot: idle_worker.Slot, begun: shortcut.Begun) -> None:
    """Give the slot the claim, and its session what is known about the run."""
    session = sessions.of(begun.run.pk)
    with session.lock:
        session.keep(begun.run, sessions.Rows())
        session.rows.add(begun.step)
        session.recall = slot.recall
    at = begun.step.queued_at
    slot.claim = describe(begun.run, begun.step, session, begun.payload, at)


def _take_in(changing: Change, given: shortcut.Given) -> None:
    for name, value in given.fields.items():
        setattr(changing.model, name, value)
    changing.touch(*given.fields)
    changing.outputs[payloads.RUN_INPUT] = given.input


def _begin(changing: Change, taken: Raw) -> None:
    run = changing.model
    run.started_at = changing.now
    changing.log.add(events.started(run.workflow_id, taken, run.timeline_actor or None))


# Starts that wait.


def keep_start(
    changing: Change,
    *,
    per_step: bool,
    place: Place | None = None,
    start_within: float | None = None,
) -> None:
    """Keep the start of a pending run that may not begin yet; it has its values already.

    If it has not begun in `start_within` seconds, it is canceled.
    """
    run = changing.model
    kept = AcceptedStart(run=run, workflow_id=run.workflow_id, at=changing.now, per_step=per_step)
    if place is not None:
        kept.queue, kept.not_before = place.queue, place.not_before
    if start_within is not None:
        kept.expires_at = changing.now + timedelta(seconds=start_within)
        transactions.after_commit(lambda: alarms.arm(start_within))
    changing.also_insert(kept)
    if not holds.is_held(run):
        run.allowance = ACCEPTED
    # The intake may have been resumed between our look at it and the commit.
    transactions.after_commit(lambda: begin(run.pk))


def begin(run: uuid.UUID) -> bool:
    """Begin a run whose start was kept, if nothing keeps it any more; return whether it began."""
    if not AcceptedStart.objects.filter(run=run).exists():
        return False
    try:
        with change(run, clock.now()) as changing:
            if not begin_kept(changing):
                leave()
    except Run.DoesNotExist:
        return False
    return changing.is_saved


def begin_kept(changing: Change) -> bool:
    """Begin the run if its start was kept and nothing holds it; return whether it began."""
    model = changing.model
    kept = holds.accepted_start(model)
    definition = registry.find(model.workflow_id)
    if kept is None or definition is None or holds.keeps_pending(model):
        return False
    kept.delete()
    changing.status = RunStatus.RUNNING
    model.allowance = 1 if kept.per_step else None
    deadlines.begin(changing)
    if any(changing.open_snapshots()):
        model.started_at = changing.now
        going_on.release(changing, definition, per_step=kept.per_step)
        return True
    changing.begin_with(versions.ensure(definition))
    _begin(changing, payloads.run_input(model.pk))
    apply(changing, enter.hold_back(changing.run, enter.start(changing.graph)))
    if kept.queue:
        _put(changing.writes.inserts.values(), Place(kept.queue, kept.not_before))
    return True


def begin_all(workflow_id: str = "", most: int = 500) -> int:
    """Begin the runs whose kept starts may begin, in order of those; return how many began.

    The sweep calls this too, in case that a process ended before it had begun them.
    """
    kept = AcceptedStart.objects.filter(
        run__allowance=ACCEPTED, workflow__intake__isnull=True
    ).order_by("at", "run")
    if workflow_id:
        kept = kept.filter(workflow=workflow_id)
    return sum(begin(run) for run in list(kept.values_list("run_id", flat=True)[:most]))
