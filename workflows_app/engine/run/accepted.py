"""Checks of what a verb is given, before anything is written: input, state, request context."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workflows_app import errors
from workflows_app.definition import ANY, Builder, Schema
from workflows_app.engine.run import failures, inputs, payloads
from workflows_app.jsontext import Raw, dumps, loads


def workflow_input(definition: Builder, value: Any) -> Raw:
    """Return the input of a run as text. Raises InvalidInput, PayloadTooLarge."""
    if not definition.validate_inputs:
        return checked(ANY, value, errors.InvalidInput, "The input", "The input")
    what = f"The input does not fit workflow {definition.id!r}"
    taken = checked(definition.input, value, errors.InvalidInput, what, "The input")
    first = definition.tree.first
    if definition.input.is_any and first.step is not None and first.step.input.has_secrets:
        # Only the type of the first step says which parts are secret.
        return inputs.kept(definition.tree, first, taken, is_given=True)
    return taken


def checked(
    schema: Schema, value: Any, kind: type[errors.WorkflowError], what: str, name: str
) -> Raw:
    """Return a value as text; raise `kind` with `what` if it does not fit, or PayloadTooLarge.

    The latter names the value by `name`.
    """
    try:
        # A value that a run was given before is read as it was written.
        accepted = schema.load(value) if isinstance(value, Raw) else schema.check(value)
    except ValidationError as error:
        raise failures.invalid(kind, what, error) from error
    return payloads.check_size(text(schema, accepted, kind), name)


def state(definition: Builder, value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an initial state. Raises InvalidInput, PayloadTooLarge."""
    if value is None:
        # Values that the type makes, such as a new id, are made once.
        is_made = not definition.state.is_any and definition.state.makes_values
        return dict(loads(definition.state.kept("{}"))) if is_made else {}
    if definition.state.is_any:
        return mapping(value, errors.InvalidInput, "The initial state")
    try:
        accepted = definition.state.check(value)
    except ValidationError as error:
        what = f"The initial state does not fit workflow {definition.id!r}"
        raise failures.invalid(errors.InvalidInput, what, error) from error
    written = text(definition.state, accepted, errors.InvalidInput)
    return dict(loads(payloads.check_size(written, "The initial state")))


def context(definition: Builder, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request context. Raises InvalidRequestContext, PayloadTooLarge."""
    plain = mapping(value, errors.InvalidRequestContext, "The request context")
    if definition.request_context.is_any:
        return plain
    try:
        accepted = definition.request_context.check(plain)
    except ValidationError as error:
        what = f"The request context does not fit workflow {definition.id!r}"
        raise failures.invalid(errors.InvalidRequestContext, what, error) from error
    written = text(definition.request_context, accepted, errors.InvalidRequestContext)
    whole = {**plain, **loads(written)}
    payloads.check_size(dumps(whole), "The request context")
    return whole


def mapping(value: Any, kind: type[errors.WorkflowError], what: str) -> dict[str, Any]:
    """Return a mapping of names to JSON values; raise `kind` for anything else."""
    plain = loads(payloads.check_size(text(ANY, value), what))
    if not isinstance(plain, dict):
        raise kind(f"{what} must be a mapping of names to values, not {type(value).__name__}.")
    return plain


def text(
    schema: Schema, value: Any, unread: type[errors.WorkflowError] = errors.SerializationError
) -> Raw:
    """Return an accepted value as JSON text. Raises SerializationError.

    Raises `unread` if the type would not read what it wrote.
    """
    return Raw(schema.dump(value, unread).decode())
