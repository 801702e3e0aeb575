"""Errors as programs see them: the one place that gives each its type and its status."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, UnreadablePostError
from pydantic import ValidationError

from workflows_app import errors

logger = logging.getLogger(__name__)

#: Each type of error that an answer may have, and its status.
STATUSES: Final[Mapping[str, int]] = {
    "InvalidRequest": 400,
    "InvalidCursor": 400,
    "InvalidInput": 400,
    "InvalidResumeData": 400,
    "InvalidRequestContext": 400,
    "InvalidTraceId": 400,
    "InvalidCron": 400,
    "InvalidSchedule": 400,
    "InvalidDeadline": 400,
    "InvalidId": 400,
    "LabelNotFound": 400,
    "StepNotFound": 400,
    "MissingStepResult": 400,
    "NotAuthenticated": 401,
    "NotAllowed": 403,
    "NotAllowedToAnswer": 403,
    "CsrfFailed": 403,
    "NotFound": 404,
    "WorkflowNotFound": 404,
    "RunNotFound": 404,
    "SuspensionNotFound": 404,
    "ScheduleNotFound": 404,
    "TokenNotFound": 404,
    "CallbackNotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "RunAlreadyStarted": 409,
    "RunIdTaken": 409,
    "RunNotSuspended": 409,
    "StepNotSuspended": 409,
    "MultipleSuspendedSteps": 409,
    "ResumeAlreadyClaimed": 409,
    "RunStillRunning": 409,
    "RunNotActive": 409,
    "RunNotFailed": 409,
    "RunNotPaused": 409,
    "StepNotWaiting": 409,
    "MultipleWaitingSteps": 409,
    "UniqueKeyTaken": 409,
    "NothingToRestart": 409,
    "DefinitionChanged": 409,
    "PlanOutdated": 409,
    "DuplicateSchedule": 409,
    "ScheduleFromCode": 409,
    "AlreadyClaimed": 409,
    "NotClaimed": 409,
    "IdempotencyKeyReused": 409,
    "IdempotencyKeyInUse": 409,
    "CallbackGone": 410,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
    "RateLimited": 429,
    "InternalError": 500,
}
#: Errors of the library that go by another name here.
_RENAMED: Final = {"NotPermitted": "NotAllowed"}


class Refusal(Exception):
    """An answer that says no: its type, a sentence, and what a program may want to know."""

    def __init__(self, kind: str, message: str, *, status: int = 0, **details: Any) -> None:
        """`kind` is one of `STATUSES`; `status` only where it is not the usual one of the type."""
        super().__init__(message)
        self.kind = kind
        self.status = status or STATUSES[kind]
        self.details = details
        self.headers: dict[str, str] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": {"type": self.kind, "message": str(self), "details": self.details}}


#: What Django raises, and how a program is told of it.
_OF_DJANGO: Final[Mapping[type[Exception], tuple[str, str]]] = {
    Http404: ("NotFound", "There is nothing at this address."),
    RequestDataTooBig: ("PayloadTooLarge", "The request is larger than this server takes."),
    PermissionDenied: ("NotAllowed", "You may not do this."),
    BadRequest: ("InvalidRequest", "The request cannot be read."),
    SuspiciousOperation: ("InvalidRequest", "The request cannot be read."),
    UnreadablePostError: ("InvalidRequest", "The request cannot be read."),
}


def of(problem: Exception) -> Refusal:
    """Return how a program is told of a problem; what nobody foresaw is logged."""
    if isinstance(problem, Refusal):
        return problem
    if isinstance(problem, errors.WorkflowError):
        return _of_library(problem)
    for kind, told in _OF_DJANGO.items():
        if isinstance(problem, kind):
            return Refusal(*told)
    logger.error("A request to the API failed.", exc_info=problem)
    return Refusal("InternalError", "Something went wrong on the server; its log says what.")


def of_wrong_shape(error: ValidationError, what: str) -> Refusal:
    """Return the refusal of a body or query that is not as it should be; `what` says which."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [
        ".".join(map(str, each["loc"])) for each in found if each["type"] == "extra_forbidden"
    ]
    if unknown:
        return unknown_names(unknown, what)
    listed = [
        {"loc": list(each["loc"]), "msg": each["msg"], "type": each["type"]} for each in found
    ]
    first = listed[0]
    where = ".".join(map(str, first["loc"])) or what
    return Refusal(
        "InvalidRequest", f"The {what} is not as it should be: {where}: {first['msg']}.",
        errors=listed,
    )  # fmt: skip


def unknown_names(unknown: list[str], what: str) -> Refusal:
    """Return the refusal of names that mean nothing here."""
    listed = ", ".join(repr(name) for name in unknown)
    return Refusal(
        "InvalidRequest", f"The {what} has {listed}, which means nothing here.", unknown=unknown
    )


#: What is said instead of the library's words, which name a workflow that may not be there for the
#: caller.
_SAID: Final = {"RunIdTaken": "A run of another workflow has this id; choose another run id."}


def _of_library(error: errors.WorkflowError) -> Refusal:
    names = (_RENAMED.get(kind.__name__, kind.__name__) for kind in type(error).__mro__)
    kind = next((name for name in names if name in STATUSES), "InvalidRequest")
    return Refusal(kind, _SAID.get(kind, str(error)), **(error.details or {}))
