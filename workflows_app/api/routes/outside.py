"""What comes from outside: events that steps wait for, and answers by callback URLs."""

from __future__ import annotations

from typing import Any, Final

from workflows_app import emit
from workflows_app.api.entry import rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.inputs import AnyBody, Body
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.shapes import schemas
from workflows_app.engine.verbs import callbacks

resource: Final = Resource("events")


class Emitted(schemas.Shape):
    """How many steps an event answered."""

    answered: int


class Event(Body):
    """An event: its key, its data, and the sender's own id of it."""

    key: str | int = ""
    data: Any = None
    event_id: str | None = None


@resource.post(
    "/events/{name}", rules.ANSWER, body=Event, gives={200: Emitted},
    refuses=["InvalidInput", "InvalidResumeData"],
)  # fmt: skip
def emit_event(call: Call) -> Answer:
    """Answer every step that waits for this event, or keep it for one to come."""
    body: Event = call.body
    answered = emit(
        call.path["name"],
        body.key,
        body.data,
        event_id=body.event_id,
        sees=call.caller.knows_of,
        **call.acts,
    )
    return Answer({"answered": answered})


class Accepted(schemas.Shape):
    """That an answer was taken."""

    accepted: bool


@resource.post(
    "/callbacks/{token}", rules.ANYBODY, body=AnyBody, gives={202: Accepted},
    not_found=["CallbackNotFound"], refuses=["CallbackGone", "InvalidResumeData"], is_open=True,
)  # fmt: skip
def answer_callback(call: Call) -> Answer:
    """Answer what the step asks that made this URL; the body is the answer."""
    try:
        callbacks.answer(call.path["token"], call.body.root)
    except callbacks.NotFound:
        raise Refusal("CallbackNotFound", "There is no such callback.") from None
    except callbacks.Gone:
        raise Refusal(
            "CallbackGone", "This callback was used, or its step waits for it no more."
        ) from None
    return Answer({"accepted": True}, 202)
