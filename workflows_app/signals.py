"""Django signals about runs, for receivers that only need to hear of things.

Each is sent after the commit, by the thread that made it, with `sender=Run` (the model), `run_id`,
`workflow_id` and what changed. A receiver that raises is logged and changes nothing. A signal is
lost when its process dies between the commit and the receiver, so what must happen belongs into a
step or a hook. A slow receiver holds up the step or the verb that it hears of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Model
from django.dispatch import Signal

#: A run was started. Also sent: `actor`, the name of who started it, or None.
run_started: Final = Signal()
#: A run succeeded, failed, was canceled, or stands still. Also sent: `status`.
run_settled: Final = Signal()
#: A step asks a question. Also sent: `path` and `suspension`, the id of the question.
step_suspended: Final = Signal()
#: A question was answered. Also sent: `path` and `actor`, the name of who answered, or None.
step_answered: Final = Signal()
#: A step failed for good. Also sent: `path` and `error`, with the keys `type` and `message`.
step_failed: Final = Signal()

_ALL: Final = (run_started, run_settled, step_suspended, step_answered, step_failed)

Payload = Mapping[str, Any]


def are_heard() -> bool:
    """Return whether there is any receiver."""
    return any(signal.receivers for signal in _ALL)


def send(run: Model, events: Iterable[Mapping[str, Any]]) -> None:
    """Send the signals of events that were committed to the log of a run. Never raises."""
    for event in events:
        tell = _TELLING.get(event["type"])
        if tell is None:
            continue
        for signal, more in tell(event["payload"]):
            signal.send_robust(
                type(run), run_id=run.run_id, workflow_id=run.workflow_id, **more  # type: ignore[attr-defined]
            )  # fmt: skip


Told = Iterable[tuple[Signal, dict[str, Any]]]


def _started(payload: Payload) -> Told:
    yield run_started, {"actor": payload["actor"]}


def _settled(payload: Payload) -> Told:
    yield run_settled, {"status": payload["status"]}


def _suspended(payload: Payload) -> Told:
    yield step_suspended, {"path": payload["path"], "suspension": payload["suspension"]}


def _answered(payload: Payload) -> Told:
    if "resume_data" not in payload:
        return  # a paused run was let go on
    paths = payload["paths"] if "paths" in payload else [payload["path"]]
    for path in paths:
        yield step_answered, {"path": path, "actor": payload["actor"]}


def _ended(payload: Payload) -> Told:
    if payload["status"] == "failed":
        error = payload.get("error") or {}
        brief = {name: error.get(name) for name in ("type", "message")}
        yield step_failed, {"path": payload["path"], "error": brief}


#: What to send for an event, by its type.
_TELLING: Final = {
    "workflow-start": _started,
    "workflow-finish": _settled,
    "workflow-step-suspended": _suspended,
    "workflow-resumed": _answered,
    "workflow-step-result": _ended,
}
