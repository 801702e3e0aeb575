"""A run as it stood at one of its events: what its log had told by then.

The log is complete and in order, so that any past moment can be shown again, the running ones
too. Statuses and moments come from the events; values from the rows, as far as they were known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from workflows_app.engine import log
from workflows_app.models import Run

#: Later moments are not played back: folding all that came before would take seconds.
MOST_EVENTS: Final = 20_000

Event = dict[str, Any]


@dataclass
class Known:
    """What was known of one step."""

    status: str
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass
class Moment:
    """A run at one event."""

    seq: int
    at: datetime | None = None
    status: str = "pending"
    timeline: int = 1
    event: str = ""
    #: By path, items of lists among them.
    steps: dict[str, Known] = field(default_factory=dict)

    def of(self, path: str) -> Known | None:
        """Return what was known of a step, by its path."""
        return self.steps.get(path)

    def tell(self, event: Event) -> None:
        """Take in the next event."""
        payload = event["payload"]
        kind = str(event["type"]).removeprefix("workflow-")
        self.seq, self.at, self.event = event["seq"], _moment(event["at"]), event["type"]
        self.timeline = event["timeline"]
        if kind.startswith("step-"):
            self._tell_step(kind.removeprefix("step-"), payload)
        elif kind in _RUN:
            self.status = _RUN[kind] or str(payload.get("status") or self.status)
        if kind in {"retried", "time-travel"}:
            again = {_base(path) for path in payload.get("paths", [])} | {
                _base(payload.get("path"))
            }
            self.steps = {
                path: known for path, known in self.steps.items() if _base(path) not in again
            }

    def _tell_step(self, kind: str, payload: dict[str, Any]) -> None:
        path = payload.get("path", "")
        known = self.steps.get(path)
        if kind == "start":
            self.status = "running"
            began = known.started_at if known and known.status == "suspended" else self.at
            self.steps[path] = Known("running", began)
        elif known is not None or kind in {"result", "waiting", "suspended"}:
            known = self.steps.setdefault(path, Known("running", self.at))
            if kind == "result":
                known.status, known.ended_at = payload["status"], self.at
            elif kind in _STEP:
                known.status = _STEP[kind]


#: What a run becomes by an event; "" takes the status that the event names.
_RUN: Final = {
    "start": "running",
    "resumed": "running",
    "restarted": "running",
    "retried": "running",
    "time-travel": "running",
    "canceled": "canceled",
    "paused": "paused",
    "finish": "",
}
_STEP: Final = {"suspended": "suspended", "waiting": "waiting", "retry": "queued"}


def fold(events: Iterable[Event], until: int) -> Moment:
    """Return the run as it stood after event number `until`."""
    moment = Moment(0)
    for event in events:
        if event["seq"] > until:
            break
        moment.tell(event)
    return moment


def at(run: Run, seq: int) -> Moment | None:
    """Return a run as it stood at an event; None where too many came before it."""
    if seq > MOST_EVENTS:
        return None
    return fold(log.read_plain(run.pk, seq), seq)


def _base(path: str | None) -> str:
    return re.sub(r"\[\d+\]", "[]", path or "")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
