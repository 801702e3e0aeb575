"""The request for a time travel or a fork, read and checked against the workflow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workflows_app import errors
from workflows_app.definition import ANY, BODY, Builder, Kind, Node
from workflows_app.definition.names import listing
from workflows_app.engine.run import accepted, payloads
from workflows_app.jsontext import Raw
from workflows_app.planner import travel as planner
from workflows_app.planner.statuses import StepStatus
from workflows_app.planner.travel import GivenResult, show

#: The context of a time travel may hold the run's input under this name, which no step can have.
INPUT: Final = "input"


@dataclass(frozen=True)
class TravelRequest:
    """What a time travel is to do, checked against the workflow."""

    target: Node
    input_data: Raw | None
    resume_data: Any
    initial_state: dict[str, Any] | None
    results: Mapping[str, GivenResult]
    run_input: Raw | None
    digest: str


def read(
    definition: Builder,
    target: Node,
    *,
    input_data: Any = None,
    resume_data: Any = None,
    initial_state: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    nested_steps_context: Mapping[str, Any] | None = None,
) -> TravelRequest:
    """Check the values of a request. Raises InvalidInput, StepNotFound, PayloadTooLarge."""
    results = _results(definition, context or {}, nested_steps_context or {})
    said = (target.path, input_data, resume_data, initial_state, context, nested_steps_context)
    whole = planner.chain_to(definition.tree, target)[-1]
    own_input = (context or {}).get(INPUT)
    return TravelRequest(
        target=target,
        input_data=None if input_data is None else _input_of(definition, whole, input_data),
        resume_data=resume_data,
        initial_state=None if initial_state is None else accepted.state(definition, initial_state),
        results=results,
        run_input=None if own_input is None else accepted.workflow_input(definition, own_input),
        digest=hashlib.sha256(accepted.text(ANY, said).encode()).hexdigest()[:16],
    )


def _results(
    definition: Builder, context: Mapping[str, Any], nested: Mapping[str, Any]
) -> dict[str, GivenResult]:
    """Return the results that were given, by path."""
    nodes = definition.tree.nodes
    found = {_path_of(nodes, key): each for key, each in context.items() if key != INPUT}
    for workflow, inside in nested.items():
        if not isinstance(inside, Mapping):
            raise errors.InvalidInput(
                f"The context of nested workflow {workflow!r} is {inside!r}; it must be a mapping "
                "of its steps to their results."
            )
        scope = _path_of(nodes, workflow)
        found |= {_path_of(nodes, f"{scope}.{key}"): each for key, each in inside.items()}
    if unknown := sorted(str(path) for path in set(found) - set(nodes)):
        known = listing(path for path in nodes if BODY not in path)
        raise errors.StepNotFound(
            f"The context names {', '.join(unknown)}, but workflow {definition.id!r} has no such "
            f"step; it has {known}."
        )
    return {path: _given(path, each) for path, each in found.items()}


def _path_of(nodes: Mapping[str, Node], key: str) -> str:
    """Return the path for a path or a step's id; an entry's name may differ from the id."""
    if key in nodes or not isinstance(key, str):
        return key
    scope, _, id_ = key.rpartition(".")
    named = (n.path for n in nodes.values() if n.key == id_ and n.path.rpartition(".")[0] == scope)
    return next(named, key)


def _given(path: str, each: Any) -> GivenResult:
    if not isinstance(each, Mapping):
        raise errors.InvalidInput(
            f"The context of {path!r} is {each!r}; it must be a mapping like {{'output': ...}}."
        )
    status = str(each.get("status", StepStatus.SUCCESS))
    if status not in set(StepStatus):
        raise errors.InvalidInput(
            f"The context of {path!r} has the status {status!r}, which no step has; give a result "
            "the status 'success'."
        )
    has_output = "output" in each and status == StepStatus.SUCCESS
    return GivenResult(
        StepStatus.SUCCESS,
        _sized(each["output"], f"The output of {path}") if has_output else None,
        _sized(each["payload"], f"The payload of {path}") if "payload" in each else None,
    )


def _sized(value: Any, what: str) -> Raw:
    return payloads.check_size(accepted.text(ANY, value), what)


def _input_of(definition: Builder, node: Node, value: Any) -> Raw:
    """Return the input of the target as text. Raises InvalidInput."""
    if node.kind is Kind.FOREACH and not isinstance(value, (list, tuple)):
        raise errors.InvalidInput(
            f"Foreach {show(node)!r} takes a list, not {type(value).__name__}; a time travel to "
            "one of its items runs all of them again."
        )
    what = f"The input does not fit {show(node)!r}"
    part = node.children[0] if node.kind in {Kind.DO_WHILE, Kind.DO_UNTIL} else node
    schema = ANY
    if part.step is not None:
        schema = part.step.input
    elif part.workflow is not None:
        schema = part.workflow.input
    if not definition.validate_inputs:
        schema = ANY
    return accepted.checked(
        schema, value, errors.InvalidInput, what, f"The input of {show(node)!r}"
    )
