"""How the state of a run came about: what each step changed in it, as the log tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from dashboard import previews
from dashboard.differences import Differences, between
from dashboard.forms.fields import JSON
from dashboard.playback import Moment
from workflows_app import jsontext
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent

#: The latest changes that are shown, and fields of each.
MOST_CHANGES: Final = 50
MOST_FIELDS: Final = 20
#: Transactions of the log with more bytes than this are not read.
MOST_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Changed:
    """One change of the state: after which event of which step, and what became of it."""

    seq: int
    path: str
    #: Whether a time travel set the state, and no step.
    is_travel: bool
    found: Differences


@dataclass(frozen=True)
class States:
    """The changes of a run's state, the latest first."""

    changes: list[Changed] = field(default_factory=list)
    #: Whether there may be earlier ones.
    has_more: bool = False


def of(run: Run, moment: Moment | None = None) -> States:
    """Return the latest changes of a run's state, now or by a moment.

    `cards.run_payloads` has read the state that the run began with.
    """
    rows = RunEvent.objects.filter(run=run.pk)
    if moment is not None:
        rows = rows.filter(first_seq__lte=moment.seq)
    text = payloads.as_text("events")
    rows = rows.alias(text=text, bytes=previews.ByteLength(text))
    told = rows.filter(text__contains='"state":{', bytes__lte=MOST_BYTES).order_by("-first_seq")
    found = told.values_list("first_seq", "events")[: MOST_CHANGES + 1]
    known: list[tuple[int, dict[str, Any], JSON]] = []
    for first, events in reversed(found):
        for seq, event in enumerate(events, first):
            state = event["payload"].get("state")
            if isinstance(state, dict) and (moment is None or seq <= moment.seq):
                known.append((seq, event, state))
    has_more = len(found) > MOST_CHANGES
    if has_more and known:
        before, known = known[0][2], known[1:]
    else:
        before = _first(run)
    changes = []
    for seq, event, state in known:
        differs = between(before, state, MOST_FIELDS)
        is_travel = event["type"] == "workflow-time-travel"
        if differs:
            path = str(event["payload"].get("path", ""))
            changes.append(Changed(seq, path, is_travel, differs))
        before = state
    return States(changes[::-1], has_more)


def _first(run: Run) -> JSON:
    text = run.__dict__.get("initial_state_text") or "{}"
    try:
        return jsontext.loads(text) or {}
    except ValueError:  # it is larger than what was read of it
        return {}
