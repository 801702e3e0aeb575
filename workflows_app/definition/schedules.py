"""Schedules in code: when a workflow starts by itself, and with which input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from workflows_app import errors
from workflows_app.definition.ids import check_id
from workflows_app.definition.schemas import ANY

Overlap = Literal["allow", "skip", "queue"]

_OVERLAPS: Final = ("allow", "skip", "queue")
_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True)
class Schedule:
    """When a workflow starts by itself: at the times of a cron expression, or once at `run_at`.

    `cron` has 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first,
    or is a nickname such as `@daily`; it is read in `timezone`, an IANA name. As in Debian's cron,
    a time that a change of the clock skips comes right after it, and a time that it repeats comes
    once, unless minute or hour is `*`. `overlap` says what happens if the previous run has not
    ended: `allow` another, `skip` the time, or `queue` it. Raises InvalidCron and InvalidSchedule.
    """

    cron: str | None = None
    timezone: str = "UTC"
    input_data: Any = None
    initial_state: Mapping[str, Any] | None = None
    request_context: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    id: str | None = None
    overlap: Overlap = "allow"
    run_at: datetime | None = None
    end_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.id is not None:
            check_id(self.id, "entry")
        if self.overlap not in _OVERLAPS:
            raise errors.InvalidSchedule(
                f"A schedule has overlap={self.overlap!r}; it is one of {', '.join(_OVERLAPS)}."
            )
        self._check_mappings()
        self._check_zone()
        self._check_span()
        if self.cron is not None:
            self._check_cron()

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, in UTC; None if there is none."""
        if self.run_at is not None:
            found = self.run_at.astimezone(UTC)
            return found if found > moment else None
        ticks = CronSim(_expanded(self.cron), moment.astimezone(ZoneInfo(self.timezone)))
        tick = next(ticks, None)
        if tick is None or (self.end_at is not None and tick > self.end_at):
            return None
        return tick.astimezone(UTC)

    def to_json(self) -> dict[str, Any]:
        """Return the schedule as JSON values."""
        said = {
            "cron": self.cron,
            "timezone": self.timezone,
            "input_data": self.input_data,
            "initial_state": self.initial_state,
            "request_context": self.request_context,
            "metadata": self.metadata or {},
            "overlap": self.overlap,
            "run_at": self.run_at,
            "end_at": self.end_at,
        }
        plain: dict[str, Any] = json.loads(ANY.dump(said))
        return plain

    def hash(self) -> str:
        """Return the SHA-256 of the schedule in hex, which changes when the schedule does."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def _check_mappings(self) -> None:
        for name in ("initial_state", "request_context", "metadata"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Mapping):
                raise errors.InvalidSchedule(
                    f"A schedule has {name}={value!r}; it is a mapping of names to values."
                )

    def _check_zone(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError, TypeError):
            raise errors.InvalidSchedule(
                f"A schedule has timezone={self.timezone!r}; it is an IANA name such as "
                "'Europe/Amsterdam', and this system knows no such zone."
            ) from None

    def _check_span(self) -> None:
        if (self.cron is None) == (self.run_at is None):
            raise errors.InvalidSchedule(
                "A schedule has either a cron expression, or a run_at at which it fires once."
            )
        for name in ("run_at", "end_at"):
            moment = getattr(self, name)
            if moment is not None and (
                not isinstance(moment, datetime) or moment.utcoffset() is None
            ):
                raise errors.InvalidSchedule(
                    f"A schedule has {name}={moment!r}; it is a datetime with a time zone."
                )
            if moment is not None and not _is_in_utc(moment):
                raise errors.InvalidSchedule(
                    f"A schedule has {name}={moment!r}, which is before or after all days of UTC."
                )
        if self.run_at is not None and self.end_at is not None and self.end_at < self.run_at:
            raise errors.InvalidSchedule(
                "A schedule ends before it fires: end_at is before run_at."
            )

    def _check_cron(self) -> None:
        expanded = _expanded(self.cron)
        try:
            next(CronSim(expanded, datetime(2024, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise errors.InvalidCron(
                f"The cron expression {self.cron!r} cannot be read ({error}); it has 5 fields, or "
                "6 with seconds first, such as '0 9 * * 1-5', or is a nickname such as '@daily'."
            ) from None
        except StopIteration:
            raise errors.InvalidCron(f"The cron expression {self.cron!r} never comes.") from None


def cron_fields(cron: str) -> tuple[str, ...]:
    """Return the fields of a cron expression, in capitals; none if it is not one."""
    try:
        return tuple(CronSim(_expanded(cron), datetime(2024, 1, 1, tzinfo=UTC)).parts)
    except CronSimError:
        return ()


def read(given: object, what: str) -> tuple[Schedule, ...]:
    """Return the schedules of a workflow, given as one or as a list.

    In a list each has an id of its own. Raises InvalidSchedule, DuplicateSchedule.
    """
    if given is None:
        return ()
    if isinstance(given, Schedule):
        return (given,)
    if not isinstance(given, Iterable) or isinstance(given, (str, Mapping)):
        raise errors.InvalidSchedule(f"{what} has schedule={given!r}; give a Schedule, or a list.")
    listed = tuple(given)
    seen: set[str] = set()
    for schedule in listed:
        if not isinstance(schedule, Schedule) or schedule.id is None:
            raise errors.InvalidSchedule(
                f"{what} has {schedule!r} in its list of schedules; each entry of a list is a "
                "Schedule with an id of its own."
            )
        if schedule.id in seen:
            raise errors.DuplicateSchedule(
                f"{what} has two schedules with the id {schedule.id!r}; give one another id."
            )
        seen.add(schedule.id)
    return listed


def stored_id(workflow_id: str, schedule: Schedule) -> str:
    """Return the stored id of a schedule."""
    suffix = "" if schedule.id is None else f"__{schedule.id}"
    return f"wf_{workflow_id}{suffix}"


def _is_in_utc(moment: datetime) -> bool:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True


def _expanded(cron: str | None) -> str:
    text = str(cron).strip()
    return _NICKNAMES.get(text.lower(), text)
