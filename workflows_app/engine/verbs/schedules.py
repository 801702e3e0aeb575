"""Starts runs at the times of schedules: once for each time, with any number of workers.

The trigger, its run and the schedule's next time are written in one transaction on the schedule's
row, so no time is lost or doubled, whichever process dies. If times were missed because no process
was running, those of the last minute are started late. If there are none, the latest earlier time
is started as a `backfill`. At most `MOST_SKIPPED` of the others are recorded as skipped. With
overlap `queue` none is missed: each waits for the run before it, at most `MOST_SKIPPED` at a time.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError
from django.db.models.signals import post_migrate

from workflows_app import errors, permissions
from workflows_app.definition import Builder, Schedule, registry
from workflows_app.definition.schedules import stored_id
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import accepted, audit, failures, versions
from workflows_app.engine.verbs import creating, starting
from workflows_app.models import Run, Trigger
from workflows_app.models import Schedule as Row
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import ENDED

logger = logging.getLogger(__name__)

ACTIVE: Final = "active"
PAUSED: Final = "paused"

#: How late a time may be noticed and still count as on time.
GRACE: Final = timedelta(seconds=60)
MOST_SKIPPED: Final = 100
#: How many times of a schedule are handled in one tick; far more than the seconds of a minute.
MOST_AT_ONCE: Final = 10_000

#: Workflow -> hashes of its schedules that this process knows to be stored.
_stored: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True)
class Tick:
    """One time of a schedule: when it was due, when it was handled, and why it is started."""

    scheduled_at: datetime
    fired_at: datetime
    kind: str = "schedule"


# Storing what code says.


def store_all(now: datetime) -> None:
    """Store the schedules of this process's workflows that are not known to be stored.

    Schedules of workflows that this process does not know are left alone: others may know them.
    """
    unknown = [each for each in registry.all() if _stored.get(each.id) != _hashes(each)]
    if not unknown:
        return
    defined = Row.objects.filter(is_defined=True, is_from_code=True)
    kept = set(defined.values_list("workflow_id", flat=True))
    for definition in unknown:
        if definition.schedule_definitions or definition.id in kept:
            store(definition, now)
        else:
            _remember(definition.id, ())


def store(definition: Builder, now: datetime) -> None:
    """Store a workflow's schedules as the code defines them. A person's pause stays."""
    hashes = _hashes(definition)
    if _stored.get(definition.id) == hashes:
        return
    with transactions.write():
        wanted = {stored_id(definition.id, s): s for s in definition.schedule_definitions}
        gone = Row.objects.filter(workflow_id=definition.id, is_defined=True, is_from_code=True)
        gone.exclude(pk__in=list(wanted)).update(is_defined=False, next_fire_at=None)
        if wanted:
            versions.ensure(definition)
        for id_, schedule in wanted.items():
            _store_one(definition, id_, schedule, now)
        transactions.after_commit(lambda: _remember(definition.id, hashes))


def _hashes(definition: Builder) -> tuple[str, ...]:
    return tuple(schedule.hash() for schedule in definition.schedule_definitions)


def _store_one(definition: Builder, id_: str, schedule: Schedule, now: datetime) -> None:
    said = {**said_by(schedule), "is_from_code": True}
    first = schedule.next_after(now)
    if schedule.run_at is not None and not Trigger.objects.filter(schedule=id_).exists():
        first = schedule.run_at  # even if it passed while no process was running
    row, is_new = Row.objects.get_or_create(
        pk=id_, defaults={**said, "workflow_id": definition.id, "next_fire_at": first}
    )
    if is_new or (row.hash == said["hash"] and row.is_defined and row.is_from_code):
        return
    for name, value in said.items():
        setattr(row, name, value)
    row.next_fire_at = first if row.status == ACTIVE else None
    row.save()


def said_by(schedule: Schedule) -> dict[str, Any]:
    """Return what a schedule says, as columns."""
    return {
        "definition": schedule.to_json(),
        "hash": schedule.hash(),
        "cron": schedule.cron or "",
        "timezone": schedule.timezone,
        "is_defined": True,
    }


def _remember(workflow_id: str, hashes: tuple[str, ...]) -> None:
    if not transactions.is_inside_testcase():
        _stored[workflow_id] = hashes


def _forget(**_kwargs: Any) -> None:
    _stored.clear()


post_migrate.connect(_forget, dispatch_uid="workflows_app.engine.verbs.schedules")


# Firing.


def fire_due(now: datetime) -> int:
    """Fire every schedule whose time has come; return how many runs were started."""
    store_all(now)
    due = Row.objects.filter(status=ACTIVE, is_defined=True, next_fire_at__lte=now)
    known = [definition.id for definition in registry.all()]
    keys = due.filter(workflow_id__in=known).order_by("next_fire_at")
    return sum(fire(key, now) for key in list(keys.values_list("pk", flat=True)[:1000]))


def fire(key: str, now: datetime) -> int:
    """Fire one schedule's times that have come; return how many runs were started.

    0 if another process is doing it, or has just done it.
    """
    started = 0
    with transactions.write():
        row = _locked(key)
        if row is None or row.status != ACTIVE or row.next_fire_at is None:
            return 0
        definition = registry.find(row.workflow_id)
        if definition is None or row.next_fire_at > now:
            return 0
        schedule = from_row(row)
        for scheduled_at, kind in _times(schedule, row, now):
            tick = Tick(scheduled_at, now, kind)
            started += _fire_one(definition, row, schedule, tick)
        row.save(update_fields=["next_fire_at", "last_fire_at", "last_run_id"])
    return started


def _locked(key: str) -> Row | None:
    rows = Row.objects.filter(pk=key)
    if connection_here().features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return rows.first()


def _times(schedule: Schedule, row: Row, now: datetime) -> Iterator[tuple[datetime, str]]:
    """Yield the times to fire now, record the skipped ones, and advance the schedule."""
    due = list(_due(schedule, row.next_fire_at, now))
    if schedule.overlap == "queue":
        yield from _queued_times(schedule, row, due, now)
        return
    row.next_fire_at = schedule.next_after(now)
    on_time = [at for at in due if now - at <= GRACE]
    late = [at for at in due if now - at > GRACE]
    if late and not on_time:
        yield late.pop(), "backfill"
    for at in late[-MOST_SKIPPED:]:
        _record(row, Tick(at, now), "skipped", error="missed: no process was running at that time")
    for at in on_time:
        yield at, "schedule"


def _queued_times(
    schedule: Schedule, row: Row, due: list[datetime], now: datetime
) -> Iterator[tuple[datetime, str]]:
    """Yield the oldest waiting time if the run before it has ended; the others wait."""
    for at in due[:-MOST_SKIPPED][-MOST_SKIPPED:]:
        _record(row, Tick(at, now), "skipped", error="too many times waited for the run before")
    waiting = due[-MOST_SKIPPED:]
    if not waiting or not _has_ended(row.last_run_id):
        row.next_fire_at = waiting[0] if waiting else schedule.next_after(now)
        return
    rest = waiting[1:]
    row.next_fire_at = rest[0] if rest else schedule.next_after(now)
    yield waiting[0], "schedule" if now - waiting[0] <= GRACE else "backfill"


def _due(schedule: Schedule, first: datetime | None, now: datetime) -> Iterator[datetime]:
    at = first
    for _ in range(MOST_AT_ONCE):
        if at is None or at > now:
            return
        yield at
        at = schedule.next_after(at)


def _fire_one(definition: Builder, row: Row, schedule: Schedule, tick: Tick) -> bool:
    if schedule.overlap == "skip" and not _has_ended(row.last_run_id):
        _record(row, tick, "skipped", error="the run before has not ended")
        return False
    run_id = f"{row.pk[-200:]}-{tick.scheduled_at:%Y%m%dT%H%M%SZ}"
    return start_one(definition, row, schedule, tick, run_id=run_id) is not None


def start_one(
    definition: Builder,
    row: Row,
    schedule: Schedule,
    tick: Tick,
    *,
    run_id: str | None = None,
    actor: Any = None,
) -> Run | None:
    """Start a run for one time, and record it. A refusal is recorded and not raised.

    The caller has a transaction on the schedule's row.
    """
    run: Run | None = None
    try:
        with transactions.atomic():
            run = creating.create(definition, run_id, None)
            starting.start(
                definition,
                run,
                schedule.input_data,
                initial_state=schedule.initial_state,
                request_context=schedule.request_context,
                actor=actor,
                door="schedule",
            )
    except Exception as error:  # noqa: BLE001 - hooks of the user may raise anything
        logger.warning("Schedule %s could not start a run: %s", row.pk, error)
        _record(row, tick, "failed", error=failures.describe(error))
        return None
    row.last_fire_at, row.last_run_id = tick.fired_at, run.run_id
    _record(row, tick, "published", run_id=run.run_id)
    return run


def _record(row: Row, tick: Tick, outcome: str, *, run_id: str = "", error: Any = None) -> None:
    trigger = Trigger(
        schedule=row,
        scheduled_at=tick.scheduled_at,
        fired_at=tick.fired_at,
        run_id=run_id,
        outcome=outcome,
        kind=tick.kind,
        error=error if not isinstance(error, str) else {"type": "Skipped", "message": error},
    )
    with suppress(IntegrityError), transactions.atomic():
        trigger.save(force_insert=True)


def _has_ended(run_id: str) -> bool:
    if not run_id:
        return True
    status = Run.objects.filter(run_id=run_id).values_list("status", flat=True).first()
    return status is None or status in ENDED


# What people do.


def make(definition: Builder, schedule: Schedule, *, actor: Any = None, door: str = "") -> Row:
    """Store a schedule that a person made; return its row. Deploys do not change it.

    Made twice with the same id and words, it is one schedule. Raises DuplicateSchedule (another one
    has the id), InvalidSchedule (it never fires), NotPermitted, and what `start` raises.
    """
    permissions.require(definition, actor)
    now = clock.now()
    check_given(definition, schedule)
    first = schedule.next_after(now)
    with transactions.write():
        versions.ensure(definition)
        row, is_new = Row.objects.get_or_create(
            pk=stored_id(definition.id, schedule),
            defaults={
                **said_by(schedule),
                "workflow_id": definition.id,
                "next_fire_at": first,
                "is_from_code": False,
            },
        )
        if not is_new and (row.is_from_code or row.hash != schedule.hash()):
            raise errors.DuplicateSchedule(
                f"Workflow {definition.id!r} has another schedule {schedule.id!r}; choose an id."
            )
        if is_new and first is None:
            raise errors.InvalidSchedule("All times of this schedule are past; choose a later one.")
        if is_new:
            audit.record_on_schedule(row, "create-schedule", actor, now, door=door)
    return row


def check_given(definition: Builder, schedule: Schedule) -> None:
    """Refuse what runs of a schedule could not be started with; raises what `start` raises."""
    accepted.workflow_input(definition, schedule.input_data)
    accepted.state(definition, schedule.initial_state)
    accepted.context(definition, schedule.request_context or {})


def pause(key: str, note: str, now: datetime, actor: Any = None, door: str = "") -> None:
    """Stop a schedule from firing until it is unpaused; a deploy does not undo it."""
    with transactions.write():
        row = Row.objects.select_for_update().get(pk=key)
        row.status, row.note, row.next_fire_at = PAUSED, note, None
        row.save(update_fields=["status", "note", "next_fire_at"])
        audit.record_on_schedule(row, "pause-schedule", actor, now, door=door, note=note or None)


def unpause(key: str, now: datetime, actor: Any = None, door: str = "") -> None:
    """Let a schedule fire again from its next time on; times that passed meanwhile are dropped."""
    with transactions.write():
        row = Row.objects.select_for_update().get(pk=key)
        row.status, row.note = ACTIVE, ""
        row.next_fire_at = from_row(row).next_after(now) if row.is_defined else None
        row.save()
        audit.record_on_schedule(row, "unpause-schedule", actor, now, door=door)


def run_now(
    key: str,
    definition: Builder,
    actor: Any = None,
    door: str = "",
    run_id: str | None = None,
) -> Run:
    """Start a run of the schedule now, even if it is paused.

    Raises InvalidSchedule if the run cannot be started, and RunAlreadyStarted if there is a run
    with this id; nothing is recorded in that case.
    """
    now = clock.now()
    with transactions.write():
        row = Row.objects.select_for_update().get(pk=key)
        if run_id is not None and Run.objects.filter(run_id=run_id).exists():
            raise errors.RunAlreadyStarted(
                f"There is already a run {run_id!r}; the schedule cannot start another one."
            )
        tick = Tick(now, now, "manual")
        run = start_one(definition, row, from_row(row), tick, run_id=run_id, actor=actor)
        row.save(update_fields=["last_fire_at", "last_run_id"])
        audit.record_on_schedule(row, "trigger-schedule", actor, now, door=door, run=run)
        failed = None if run is not None else row.triggers.order_by("-pk").first()
    if run is None:
        message = failed.error["message"] if failed is not None and failed.error else "unknown"
        raise errors.InvalidSchedule(f"Schedule {key!r} could not start a run: {message}")
    return run


def from_row(row: Row) -> Schedule:
    """Return a stored schedule as code would write it."""
    names = {each.name for each in fields(Schedule)}
    said = {name: value for name, value in row.definition.items() if name in names}
    for name in ("run_at", "end_at"):
        said[name] = datetime.fromisoformat(said[name]) if said.get(name) else None
    return Schedule(**said)


def keys_of(definition: Builder) -> Iterable[str]:
    """Return the stored ids of a workflow's schedules, in the order of their definition."""
    return [stored_id(definition.id, schedule) for schedule in definition.schedule_definitions]
