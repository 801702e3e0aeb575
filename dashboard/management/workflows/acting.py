"""Commands that act: each is the verb of the library, and ends as the run does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from workflows_app import Deadline, Run, conf, emit, errors, get_workflow
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.routes import find
from workflows_app.engine.host import ports
from workflows_app.engine.run import accepted
from workflows_app.models import Run as RunRow
from workflows_app.planner.statuses import SETTLED

from . import asking, exits, following, reading, showing
from .session import Session


def start(session: Session) -> int:
    """Create a run and start it; the run of an id that is pending is started, too."""
    options = session.options
    workflow = get_workflow(options.workflow)
    given = session.value("input")
    state, context = session.object("state"), session.object("context")
    deadline = _deadline(session)
    if options.run_id is None or not RunRow.objects.filter(run_id=options.run_id).exists():
        accepted.workflow_input(workflow, given)  # or a run would be left that nobody started
    run = workflow.create_run(
        options.run_id, options.resource_id, unique=options.unique, unique_for=options.unique_for
    )
    how: dict[str, Any] = {
        "initial_state": state,
        "request_context": context,
        "per_step": options.per_step,
        "deadline": deadline,
        "start_within": options.start_within,
        "tracing_options": {"tags": options.tag} if options.tag else None,
        **session.acts,
    }
    if options.follow:
        return following.follow(session, run, run.stream(given, **how))
    return _performed(session, run, lambda wait: run.start(given, **how, wait=wait))


def _deadline(session: Session) -> Deadline | None:
    """Return the deadline as it was typed. Raises InvalidDeadline."""
    options = session.options
    if options.deadline is not None:
        return Deadline(
            options.deadline,
            options.deadline_then or "fail",
            not options.deadline_not_suspended,
            options.deadline_warn_after,
        )
    if options.deadline_then or options.deadline_warn_after or options.deadline_not_suspended:
        raise errors.InvalidDeadline("A deadline has a time; say it with --deadline.")
    return None


def resume(session: Session) -> int:
    """Answer a suspended step."""
    run = live(session.options.run)
    options = session.options
    chosen: dict[str, Any] = {
        "step": options.step,
        "label": options.label,
        "suspension": options.suspension,
        "foreach_index": options.index,
    }
    if options.data is not None:
        return _answered(session, run, session.value("data"), chosen)
    return asking.answered(
        session, run, asking.question_of(session, run, chosen), chosen, _answered
    )


def answer(session: Session) -> int:
    """Answer a question by its suspension."""
    call = session.call()
    call.path = {"suspension": session.options.suspension}
    step = find.suspension(call)
    run = live(step.run.run_id)
    chosen: dict[str, Any] = {"suspension": str(step.suspension)}
    if session.options.data is not None:
        return _answered(session, run, session.value("data"), chosen)
    question = asking.question_of(session, run, chosen)
    return asking.answered(session, run, question, chosen, _answered)


def emit_event(session: Session) -> int:
    """Send an event to the steps that wait for it."""
    options = session.options
    with ports.holding_back() as wakes:
        answered = emit(
            options.name, options.key, session.value("data"), event_id=options.event_id,
            **session.acts,
        )  # fmt: skip
    _let_work(wakes)
    if session.is_json:
        session.print_json({"answered": answered})
    elif answered:
        steps = "1 step" if answered == 1 else f"{answered} steps"
        session.console.print(f"The event answered {steps}.")
    else:
        session.console.print("No step waits for the event; it is kept.")
    return exits.SUCCESS


def _let_work(wakes: Sequence[ports.ClaimableStep]) -> None:
    """Let the runs go on: here if nobody else does, else in the processes that stay."""
    execution = conf.get("EXECUTION")
    if execution == "inline":
        for run in {step.run for step in wakes}:
            ports.dispatcher().drive(run)
    elif execution == "distributed":
        ports.wake(wakes)


def _answered(session: Session, run: Run, data: Any, chosen: Mapping[str, Any]) -> int:
    how = {**chosen, **session.acts}
    return _performed(session, run, lambda wait: run.resume(data, **how, wait=wait))


def cancel(session: Session) -> int:
    """Cancel a run; one that has ended is left as it is."""
    run = live(session.options.run)
    waits = not session.options.no_wait
    said = run.cancel(wait=waits, reason=session.options.reason, **session.acts)
    shown = reading.with_result(session, run.pk)
    if session.is_json:
        session.print_json({**shown, "message": said["message"]})
    else:
        session.console.print(said["message"])
    return exits.SUCCESS


def restart(session: Session) -> int:
    """Continue an active run."""
    run = live(session.options.run)
    return _performed(session, run, lambda wait: run.restart(**session.acts, wait=wait))


def retry(session: Session) -> int:
    """Run what failed again."""
    run = live(session.options.run)
    return _performed(session, run, lambda wait: run.retry(**session.acts, wait=wait))


def pause(session: Session) -> int:
    """Let nothing of a run start until it proceeds; wait until its running steps have ended."""
    run = live(session.options.run)
    reason = session.options.reason
    return _performed(session, run, lambda wait: run.pause(reason, wait=wait, **session.acts))


def skip_wait(session: Session) -> int:
    """Let a step that sleeps, or waits for its next attempt, go on now."""
    run = live(session.options.run)
    step = session.options.step
    return _performed(session, run, lambda wait: run.skip_wait(step, **session.acts, wait=wait))


def give_up(session: Session) -> int:
    """Fail a step that waits for its next attempt now."""
    run = live(session.options.run)
    step = session.options.step
    return _performed(session, run, lambda wait: run.give_up(step, **session.acts, wait=wait))


def proceed(session: Session) -> int:
    """Let a paused run on: as before the pause, for one step, or to its end."""
    run = live(session.options.run)
    options = session.options
    per_step = True if options.step else False if options.to_end else None
    return _performed(
        session, run, lambda wait: run.proceed(per_step=per_step, **session.acts, wait=wait)
    )


def rerun(session: Session) -> int:
    """Start a new run with the same input, or with the one given."""
    run = live(session.options.run)
    given = session.value("input")
    return _made(session, lambda wait: run.rerun(given, **session.acts, wait=wait))


def fork(session: Session) -> int:
    """Do a time travel in a new run."""
    run, given = live(session.options.run), _travel(session)
    step = session.options.step
    how = {**given, "per_step": session.options.per_step, **_why(session), **session.acts}
    return _made(session, lambda wait: run.fork(step, **how, wait=wait))


def time_travel(session: Session) -> int:
    """Run again from a step, or only say what that would do."""
    run, given = live(session.options.run), _travel(session)
    step = session.options.step
    how = {**given, "per_step": session.options.per_step}
    if session.options.plan:
        plan = run.plan_time_travel(step, **how).model_dump(mode="json")
        if session.is_json:
            session.print_json(plan)
        else:
            session.console.print(showing.plan(plan))
        return exits.SUCCESS
    how |= {**_why(session), **session.acts}
    return _performed(session, run, lambda wait: run.time_travel(step, **how, wait=wait))


def _travel(session: Session) -> dict[str, Any]:
    given = {
        "input_data": session.value("input"),
        "resume_data": session.value("data"),
        "initial_state": session.object("state"),
        "context": session.object("context"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _why(session: Session) -> dict[str, Any]:
    reason = session.options.reason
    return {"reason": reason} if reason else {}


# What all verbs have in common.


def live(run_id: str) -> Run:
    """Return a run to act on. Raises Refusal, and WorkflowNotFound without its code."""
    row = reading.run_of(run_id)
    return get_workflow(row.workflow_id).get_run(row.run_id)


@contextmanager
def _left_to_others(session: Session) -> Iterator[None]:
    """Without a wait, let no thread of this process, which ends at once, begin with a step.

    The processes that stay find the step by themselves.
    """
    if not session.options.no_wait or conf.get("EXECUTION") != "embedded":
        yield
        return
    with ports.holding_back():
        yield


def _performed(session: Session, run: Run, verb: Callable[[bool], object]) -> int:
    with _left_to_others(session):
        verb(not session.options.no_wait)
    return shown(session, run)


def _made(session: Session, verb: Callable[[bool], Run]) -> int:
    with _left_to_others(session):
        made = verb(not session.options.no_wait)
    return shown(session, made)


def shown(session: Session, run: Run) -> int:
    """Print a run as it stands; return how the command ends."""
    try:
        found = reading.with_result(session, run.pk)
    except RunRow.DoesNotExist:
        raise Refusal("RunNotFound", "The run was deleted meanwhile.") from None
    if session.is_json:
        session.print_json(found)
    else:
        session.console.print(showing.run({**found, "run_id": run.run_id}))
        session.console.print(f"run {run.run_id}", style="dim")
    if session.options.no_wait or found["status"] not in SETTLED:
        return exits.SUCCESS
    return exits.of_status(found["status"])


COMMANDS: Final[Mapping[str, Callable[[Session], int]]] = {
    "start": start,
    "resume": resume,
    "answer": answer,
    "cancel": cancel,
    "restart": restart,
    "retry": retry,
    "skip-wait": skip_wait,
    "give-up": give_up,
    "pause": pause,
    "proceed": proceed,
    "rerun": rerun,
    "fork": fork,
    "time-travel": time_travel,
    "emit": emit_event,
}
