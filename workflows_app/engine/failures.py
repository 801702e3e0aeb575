"""Errors as they are kept: type, message, traceback, cause chain and custom attributes."""

import traceback
from typing import Any, Final

from pydantic import ValidationError

from workflows_app import errors
from workflows_app.definition import ANY
from workflows_app.jsontext import loads

#: Characters of a message or traceback that are kept, and causes of causes.
MOST_TEXT: Final = 20_000
MOST_CAUSES: Final = 10

#: Problems of a value that are named in the message; all are in the details.
MOST_LISTED: Final = 5


def describe(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return an error as JSON: `type`, `message`, `traceback`, `cause`, `details`."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    has_cause = cause is not None and cause is not error and depth < MOST_CAUSES
    return {
        "type": type(error).__name__,
        "message": _shortened(_message(error)),
        "traceback": _shortened("".join(traceback.format_tb(error.__traceback__)), keep_end=True),
        "cause": describe(cause, depth + 1) if has_cause and cause is not None else None,
        "details": _details(error),
    }


def invalid(
    kind: type[errors.WorkflowError], what: str, error: ValidationError
) -> errors.WorkflowError:
    """Return the error that says `what` does not fit, with Pydantic's list as its details."""
    problems = problems_of(error)
    listed = "; ".join(f"{_place(p['loc'])}{p['msg']}" for p in problems[:MOST_LISTED])
    more = f" (and {len(problems) - MOST_LISTED} more)" if len(problems) > MOST_LISTED else ""
    refusal = kind(f"{what}: {listed}{more}.")
    refusal.details = {"errors": problems}
    refusal.__cause__ = error
    return refusal


def problems_of(error: ValidationError) -> list[dict[str, Any]]:
    """Return Pydantic's list of problems: `loc`, `msg`, `type`."""
    return [
        {"loc": list(problem["loc"]), "msg": problem["msg"], "type": problem["type"]}
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _place(loc: list[Any]) -> str:
    return ".".join(str(part) for part in loc) + ": " if loc else ""


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error
        return f"<{type(error).__name__} whose message cannot be read>"


def _details(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        return {"errors": problems_of(error)}
    details = {}
    for name, value in vars(error).items():
        if name.startswith("_"):
            continue
        try:
            details[name] = loads(ANY.dump(value))
        except errors.SerializationError:
            continue
    own = details.pop("details", None)
    return {**own, **details} if isinstance(own, dict) else details


def _shortened(text: str, *, keep_end: bool = False) -> str:
    if len(text) <= MOST_TEXT:
        return text
    return "… " + text[-MOST_TEXT:] if keep_end else text[:MOST_TEXT] + " …"
