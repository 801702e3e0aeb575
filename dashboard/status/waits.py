"""What the log of a run says of its waits: for answers, and for the next attempts of steps."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Q

from workflows_app.engine.run import payloads
from workflows_app.models import Run, RunEvent

from .spans import Span

#: Transactions of the log that are searched for questions and retries.
MOST_LOGGED: Final = 500

_EVENTS: Final = ("workflow-step-suspended", "workflow-step-retry", "workflow-resumed")


class FailedAttempt(NamedTuple):
    """An attempt of a step that failed and is followed by another."""

    failed_at: datetime
    #: 1 for the first attempt.
    number: int
    next_at: datetime


@dataclass
class Waits:
    """When the steps of one run waited, by their paths."""

    #: All waits: for answers, and for the next attempt.
    idle: dict[str, list[Span]] = field(default_factory=dict)
    for_answers: dict[str, list[Span]] = field(default_factory=dict)
    attempts: dict[str, list[FailedAttempt]] = field(default_factory=dict)

    def note(self, at: datetime, event: Mapping[str, Any]) -> None:
        """Take up an event of the log that was written at this moment."""
        kind, payload = event["type"], event["payload"]
        if kind == "workflow-step-suspended":
            for spans in (self.idle, self.for_answers):
                spans.setdefault(payload["path"], []).append((at, None))
        elif kind == "workflow-step-retry":
            next_at = datetime.fromisoformat(payload["next_attempt_at"])
            self.idle.setdefault(payload["path"], []).append((at, next_at))
            failed = FailedAttempt(at, payload.get("retry_count", 1), next_at)
            self.attempts.setdefault(payload["path"], []).append(failed)
        elif kind == "workflow-resumed":
            for path in [payload.get("path"), *payload.get("paths", [])]:
                self._answered(path or "", at)

    def _answered(self, path: str, at: datetime) -> None:
        for spans in (self.idle, self.for_answers):
            waits = spans.get(path)
            if waits and waits[-1][1] is None:
                waits[-1] = (waits[-1][0], at)


def of_runs(runs: Sequence[Run]) -> dict[uuid.UUID, Waits]:
    """Return what the latest events of these runs say of their waits, by run key; one query."""
    wanted = Q()
    for kind in _EVENTS:
        wanted |= Q(text__contains=kind)
    rows = RunEvent.objects.filter(run__in=[run.pk for run in runs])
    logged: Any = rows.alias(text=payloads.as_text("events")).filter(wanted).order_by("-first_seq")
    found = {run.pk: Waits() for run in runs}
    for key, at, events in reversed(logged.values_list("run", "at", "events")[:MOST_LOGGED]):
        for event in events:
            found[key].note(at, event)
    return found
