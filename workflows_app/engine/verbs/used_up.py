"""Answers to a step whose attempts are used up: another round, its result, or its failure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from workflows_app import errors
from workflows_app.definition import ANY, Builder, Node, Schema, exhausted
from workflows_app.engine.run import accepted, failures, log, snapshots, waits
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import StepSnapshot
from workflows_app.planner import decide, retries

#: Who gave a result, if nobody named an actor.
NOBODY_NAMED: Final = "python"


@dataclass(frozen=True)
class Given:
    """An answer that was checked against the step's types."""

    #: The whole answer, as the log and the audit trail have it.
    text: Raw
    #: What it decides; empty for an answer to the step's own question.
    action: str = ""
    #: The new input or the result; None if there is none.
    value: Raw | None = None


def read(definition: Builder, step: StepSnapshot, data: Any) -> Given:
    """Return what an answer decides. Raises InvalidResumeData, PayloadTooLarge."""
    node = definition.tree.nodes[step.base_path]
    what = f"The answer does not fit step {step.path!r}, whose attempts are used up"
    try:
        answer = exhausted.read(loads(data) if isinstance(data, Raw) else data)
    except ValidationError as error:
        raise failures.invalid(errors.InvalidResumeData, what, error) from error
    if isinstance(answer, exhausted.Result):
        schema = ANY if node.step is None else node.step.output
        return _with_value(answer, exhausted.OUTPUT, schema, answer.output, step)
    if isinstance(answer, exhausted.Retry) and answer.has_input:
        schema = _input_of(definition, node)
        return _with_value(answer, exhausted.INPUT, schema, answer.input, step)
    return Given(dumps({"action": answer.action}), answer.action)


def _input_of(definition: Builder, node: Node) -> Schema:
    is_checked = retries.owner(definition.tree, node).validate_inputs
    return node.step.input if node.step is not None and is_checked else ANY


def _with_value(
    answer: exhausted.Answer, name: str, schema: Schema, value: Any, step: StepSnapshot
) -> Given:
    what = f"The {name} does not fit step {step.path!r}"
    try:
        text = accepted.checked(
            schema, value, errors.InvalidResumeData, what, f"The {name} of {step.path!r}"
        )
    except errors.InvalidResumeData as refusal:
        refusal.details = _inside(refusal.details or {}, name)
        raise
    return Given(dumps({"action": answer.action, name: text}), answer.action, text)


def _inside(details: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the details of a refusal, with the problems where the whole answer has them."""
    problems = [{**each, "loc": [name, *each["loc"]]} for each in details.get("errors", ())]
    return {**details, "errors": problems}


def give(
    changing: Change, step: StepSnapshot, given: Given, *, retry_count: int, who: str | None
) -> None:
    """Do with a suspended step what an answer decides; `who` gave it."""
    if given.action == exhausted.RETRY:
        _run_again(changing, step, given, retry_count)
        return
    changing.write(step, resumed_at=changing.now, resume_payload=given.text)
    if given.action == exhausted.RESULT and given.value is not None:
        given_by = (who or NOBODY_NAMED)[:255]
        apply(
            changing,
            decide.give_result(changing.graph, changing, step.path, given.value, given_by),
        )
    else:
        apply(changing, decide.fail_now(changing.graph, changing, step.path, step.error or {}))


def _run_again(changing: Change, step: StepSnapshot, given: Given, retry_count: int) -> None:
    """Queue the step; what its own question was answered before stays the answer to that."""
    told: dict[str, Any] = {"resume_payload": given.text}
    if given.value is not None:
        step = snapshots.replace_input(changing, step, given.value)
    else:
        waits.forget_timed_out(step)
        if step.is_resuming:
            told = {"suspend_payload": _own_question(changing, step)}
    waits.let_go_on(changing, step, retry_count=retry_count, **told)


def _own_question(changing: Change, step: StepSnapshot) -> Any:
    """Return what the step asked by itself last, which `ctx.suspend_data` gives to its function."""
    since = step.started_at or step.queued_at
    told = log.read_about(changing.model, step.path, since=since, kind="workflow-step-suspended")
    asked = (event["payload"]["suspend_payload"] for event in told)
    return next((payload for payload in asked if not exhausted.is_question(payload)), None)
