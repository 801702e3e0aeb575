"""How the state of a run came about: what each step changed in it, according to the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from workflows_app import jsontext
from workflows_app.engine.run import payloads
from workflows_app.models import Run, RunEvent

from ..forms.fields import JSON
from ..values.differences import Differences, between
from .playback import Moment

#: How many of the latest changes are shown, and how many fields of each.
MOST_CHANGES: Final = 50
MOST_FIELDS: Final = 20
#: Transactions of the log with more bytes than this are not read.
MOST_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class StateChange:
    """One change of the state: the event and the step that made it, and the new values."""

    seq: int
    path: str
    #: Whether a time travel set the state, not a step.
    is_travel: bool
    found: Differences


class _Recorded(NamedTuple):
    """An event that recorded the state, and that state."""

    seq: int
    event: Mapping[str, Any]
    state: JSON


@dataclass(frozen=True)
class States:
    """The changes of a run's state, the latest first."""

    changes: list[StateChange] = field(default_factory=list)
    #: Whether there may be earlier changes.
    has_more: bool = False


def of(run: Run, moment: Moment | None = None) -> States:
    """Return the latest changes of a run's state, until now or until a moment.

    `shown_payloads.of_run` has read the state that the run began with.
    """
    rows = RunEvent.objects.filter(run=run.pk)
    if moment is not None:
        rows = rows.filter(first_seq__lte=moment.seq)
    text = payloads.as_text("events")
    rows = rows.alias(text=text, bytes=payloads.ByteLength(text))
    changed = rows.filter(text__contains='"state":{', bytes__lte=MOST_BYTES).order_by("-first_seq")
    found = changed.values_list("first_seq", "events")[: MOST_CHANGES + 1]
    known: list[_Recorded] = []
    for first, events in reversed(found):
        for seq, event in enumerate(events, first):
            state = event["payload"].get("state")
            if isinstance(state, dict) and (moment is None or seq <= moment.seq):
                known.append(_Recorded(seq, event, state))
    has_more = len(found) > MOST_CHANGES
    if has_more and known:
        before, known = known[0].state, known[1:]
    else:
        before = _first(run)
    changes = []
    for seq, event, state in known:
        differs = between(before, state, MOST_FIELDS)
        is_travel = event["type"] == "workflow-time-travel"
        if differs:
            path = str(event["payload"].get("path", ""))
            changes.append(StateChange(seq, path, is_travel, differs))
        before = state
    return States(changes[::-1], has_more)


def _first(run: Run) -> JSON:
    text = run.__dict__.get("initial_state_text") or "{}"
    try:
        return jsontext.loads(text) or {}
    except ValueError:  # the value is longer than what was read of it
        return {}
