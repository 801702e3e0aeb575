"""How this door speaks: an error is a text, and values that do not fit are listed as issues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpResponse

from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.manners import Manner
from workflows_app.api.entry.refusals import Refusal

#: What the client's own server says of these; the other refusals have their own sentences.
_SAID: Final[Mapping[str, str]] = {
    "NotFound": "Not Found",
    "WorkflowNotFound": "Workflow not found",
    "RunNotFound": "Workflow run not found",
    "ScheduleNotFound": "Schedule not found",
}


def _refused(refusal: Refusal) -> HttpResponse:
    body: dict[str, Any] = {"error": _SAID.get(refusal.kind, str(refusal))}
    if issues := _issues(refusal.details):
        body["issues"] = issues
    return Answer(body, refusal.status, dict(refusal.headers)).response()


def _issues(details: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what does not fit, field by field."""
    unknown = [{"field": name, "message": "Unknown key"} for name in details.get("unknown", ())]
    wrong = [
        {"field": ".".join(map(str, each.get("loc", ()))), "message": str(each.get("msg", ""))}
        for each in details.get("errors", ())
    ]
    return unknown + wrong


#: An `Idempotency-Key` is not read: the client would send one and the same with every request.
CLIENT: Final = Manner("client", _refused, knows_repeats=False, minds_bodies=False)
