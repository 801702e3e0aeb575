"""How the doors of programs differ: the name that the audit trail has for one, and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse

from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.refusals import Refusal


@dataclass(frozen=True)
class Manner:
    """How one door speaks."""

    #: What the audit trail says of acts that come through it.
    door: str
    #: Returns the answer that says no.
    refused: Callable[[Refusal], HttpResponse]
    #: Whether an `Idempotency-Key` means something.
    knows_repeats: bool = True
    #: Whether a body is looked at, and may be refused, where an operation takes none.
    minds_bodies: bool = True


def _refused(refusal: Refusal) -> HttpResponse:
    return Answer(refusal.to_json(), refusal.status, dict(refusal.headers)).response()


#: That of `/api/v1/`.
PLAIN: Final = Manner("api", _refused)
