"""Commands that read: lists, one run, its events, a graph. The same rows as the HTTP API's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import ValidationError

from workflows_app import get_workflow
from workflows_app.api.entry import inputs
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import inbox as inbox_routes
from workflows_app.api.routes import runs as run_routes
from workflows_app.api.routes import workflows as workflow_routes
from workflows_app.api.shapes import events as event_shapes
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.api.shapes import steps as step_shapes
from workflows_app.engine.run import log
from workflows_app.models import Run

from . import exits, showing
from .session import Session

#: Events that are read at a time.
BATCH: Final = 500
#: Workflows that are listed: all that an installation has.
MOST_WORKFLOWS: Final = 200


def list_workflows(session: Session) -> int:
    """List the workflows."""
    query = workflow_routes.WorkflowsQuery(limit=MOST_WORKFLOWS)
    _print_page(session, workflow_routes.list_workflows, query, showing.workflows)
    return exits.SUCCESS


def graph(session: Session) -> int:
    """Show the graph of a workflow."""
    found = get_workflow(session.options.workflow).graph()
    if session.is_json:
        session.print_json(found)
    else:
        session.console.print(showing.graph(found))
    return exits.SUCCESS


def runs(session: Session) -> int:
    """List runs."""
    given = ("status", "workflow", "resource_id", "run_id", "tag", "started_after",
             "started_before", "q", "order", "limit", "cursor")  # fmt: skip
    query = _query(session, run_routes.RunsQuery, given)
    _print_page(session, run_routes.list_runs, query, showing.runs)
    return exits.SUCCESS


def inbox(session: Session) -> int:
    """List the questions that wait for people."""
    query = _query(
        session, inbox_routes.InboxQuery, ("workflow", "run_id", "limit", "cursor"), put_off=True
    )
    _print_page(session, inbox_routes.list_inbox, query, showing.questions)
    return exits.SUCCESS


def show(session: Session) -> int:
    """Show one run."""
    found = with_steps(session, run_of(session.options.run))
    if session.is_json:
        session.print_json(found)
    else:
        session.console.print(showing.run(found))
    return exits.SUCCESS


def events(session: Session) -> int:
    """Show the events of a run that were recorded."""
    run = run_of(session.options.run)
    for event in recorded(session, run, session.options.after):
        print_event(session, event)
    return exits.SUCCESS


def recorded(session: Session, run: Run, after: int) -> Iterator[dict[str, Any]]:
    """Yield the events of a run that follow a number, as JSON."""
    call = session.call(inputs.Include(inline=True))
    while found := log.read_referring(run.pk, after, BATCH):
        after = found[-1]["seq"]
        yield from event_shapes.listed(call, run.pk, found)


def print_event(session: Session, event: dict[str, Any]) -> None:
    """Print one event on a line."""
    if session.is_json:
        session.print_json(event)
    else:
        session.console.print(showing.event(event), soft_wrap=True)


# What is read of one run.


def run_of(run_id: str) -> Run:
    """Return a run by its id. Raises Refusal."""
    found = Run.objects.light().filter(run_id=run_id).first()
    if found is None:
        raise Refusal("RunNotFound", f"There is no run {run_id!r}; it may have been deleted.")
    return found


def with_result(session: Session, pk: Any) -> dict[str, Any]:
    """Return a run as verbs give it."""
    call = session.call(inputs.Include(include=["result"], inline=True))
    return run_shapes.one(call, pk, run_shapes.asked(call))


def with_steps(session: Session, run: Run) -> dict[str, Any]:
    """Return a run with its input, its result and its steps."""
    call = session.call(inputs.Include(include=["input", "result"], inline=True))
    shown = run_shapes.one(call, run.pk, run_shapes.asked(call))
    call.query = inputs.Include(include=["payload", "output", "suspend_payload"], inline=True)
    rows = list(step_shapes.in_order(run))
    shown["steps"] = step_shapes.listed(call, run, rows, step_shapes.asked(call))
    return shown


def _query(session: Session, kind: Any, names: tuple[str, ...], **more: Any) -> Any:
    """Return what was given by these options as the API takes it."""
    given = {name: getattr(session.options, name) for name in names}
    try:
        return kind(**{name: each for name, each in given.items() if each is not None}, **more)
    except ValidationError as mistake:
        problem = mistake.errors()[0]
        flag = "--" + str(problem["loc"][0]).replace("_", "-")
        session.wrong_use(f"{flag}: {problem['msg']}")


def _print_page(
    session: Session, listed: Callable[[Call], Any], query: Any, table: Callable[..., Any]
) -> None:
    """Print a page that the API's own code has listed."""
    page = listed(session.call(query)).data
    if session.is_json:
        session.print_json(page)
        return
    session.console.print(table(page["items"]))
    if page["next_cursor"]:
        session.beside.print(f"There are more: --cursor {page['next_cursor']}", style="dim")
