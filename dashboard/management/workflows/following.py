"""Following a run while it works: a tree that changes in place, or a line for each event."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from rich.live import Live

from workflows_app import Run, get_workflow
from workflows_app.models import Run as RunRow
from workflows_app.stream import RunStream, StreamEvent

from . import exits, reading, showing
from .session import Session

#: Seconds between two drawings of the tree at least.
PACE: Final = 0.2


def follow(session: Session, run: Run, stream: RunStream) -> int:
    """Show what happens until the run settles, and then the run; return how the command ends."""
    if not session.is_json and session.console.is_terminal:
        _draw(session, run, stream)
    else:
        for event in stream:
            reading.print_event(session, as_json(event))
    found = reading.with_result(session, run.pk)
    if session.is_json:
        session.print_json({"run": found})
    else:
        session.console.print(showing.run(found))
    return exits.of_status(found["status"])


def events(session: Session) -> int:
    """Show the events of a run, and go on until it has ended."""
    row = reading.run_of(session.options.run)
    run = get_workflow(row.workflow_id).get_run(row.run_id)
    for event in run.observe_stream(session.options.after, close_on_suspend=False):
        reading.print_event(session, as_json(event))
    return exits.SUCCESS


def as_json(event: StreamEvent) -> dict[str, Any]:
    """Return an event as the API has it."""
    return event.model_dump(mode="json", by_alias=True)


def _draw(session: Session, run: Run, stream: Iterable[StreamEvent]) -> None:
    drawn_at = 0.0
    with Live(console=session.console, auto_refresh=False, vertical_overflow="crop") as live:
        for _ in stream:
            if time.monotonic() - drawn_at > PACE:
                live.update(_tree(session, run), refresh=True)
                drawn_at = time.monotonic()
        live.update(_tree(session, run), refresh=True)


def _tree(session: Session, run: Run) -> Any:
    return showing.tree(reading.with_steps(session, RunRow.objects.light().get(pk=run.pk)))
