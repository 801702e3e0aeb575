"""Requests that are sent again: with the same `Idempotency-Key` each is done once.

The first claims its row, does its work, and leaves the answer in the row. Who comes meanwhile
waits for it. Kept for a day, in the database, so that it holds over any number of processes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from workflows_app.api.entry import answers
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.refusals import Refusal
from workflows_app.engine.host import clock, transactions
from workflows_app.models import KeptAnswer

KEPT: Final = timedelta(days=1)
#: For how long a request is taken to be under way that is not heard of again, beyond its wait.
HELD: Final = timedelta(seconds=60)
#: Seconds for which a second request waits for the first, and between two looks.
PATIENCE: Final = 10.0
PACE: Final = 0.1
#: How many answers that are too old one request deletes.
MOST_PRUNED: Final = 100
#: Statuses that are not kept: the same request may be answered otherwise soon.
_PASSING: Final = frozenset({401, 403, 429})
#: Headers that belong to the answer, and not to the request.
_KEPT_HEADERS: Final = ("Location", "ETag")

_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True)
class Claim:
    """The row that a request may complete."""

    pk: int


def key_of(request: HttpRequest) -> str | None:
    """Return the key of a request, or None. Raises InvalidRequest for what cannot be one."""
    key = request.headers.get("Idempotency-Key")
    if request.method != "POST" or key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Refusal(
            "InvalidRequest", "An Idempotency-Key has 1 to 255 printable characters of ASCII."
        )
    return key


def digest_of(request: HttpRequest, body: bytes, caller: Caller) -> str:
    """Return what is the same for the same request of somebody who may see the same."""
    chosen = None if caller.token is None else caller.token.workflows
    query = request.META.get("QUERY_STRING", "")
    seen = [sorted(caller.scopes), chosen, caller.sees_values]
    said = json.dumps([request.method, request.path, query, seen])
    return hashlib.sha256(said.encode() + b"\0" + body).hexdigest()


def claim(caller: Caller, key: str, digest: str, seconds: float) -> Claim | HttpResponse | None:
    """Claim a key, or return the answer that was given; None: the first is still under way.

    `seconds`: for how long the request may wait. Raises IdempotencyKeyReused.
    """
    now = clock.now()
    _prune(now - KEPT)
    held_until = now + timedelta(seconds=seconds) + HELD
    fresh = KeptAnswer(
        user=caller.user, key=key, digest=digest, created_at=now, held_until=held_until
    )
    try:
        with transactions.write(), transactions.atomic():
            fresh.save(force_insert=True)
    except IntegrityError:
        return _known(caller, key, digest, held_until)
    return Claim(fresh.pk)


def _known(caller: Caller, key: str, digest: str, held_until: Any) -> Claim | HttpResponse | None:
    row = KeptAnswer.objects.filter(user=caller.user.pk, key=key).first()
    if row is None:
        return None
    if row.digest != digest:
        raise Refusal(
            "IdempotencyKeyReused",
            f"The key {key!r} was sent with another request; choose a new one.",
        )
    if row.status is not None:
        return _again(row, caller)
    mine = KeptAnswer.objects.filter(pk=row.pk, status=None, held_until=row.held_until)
    if row.held_until < clock.now() and mine.update(held_until=held_until):
        return Claim(row.pk)  # its process is gone
    return None


def _again(row: KeptAnswer, caller: Caller) -> HttpResponse:
    if row.workflow_id and not caller.knows_of(row.workflow_id):
        raise Refusal("NotFound", "What this key was used for is not there any more.")
    response = HttpResponse(row.body.encode(), status=row.status, content_type=answers.JSON)
    kept: Mapping[str, str] = json.loads(row.headers)
    return answers.dressed(response, {**kept, "Idempotency-Replayed": "true"})


def complete(claimed: Claim, response: HttpResponse, answer: Answer | None) -> None:
    """Keep the answer, or let the key go where the same request may be answered otherwise."""
    row = KeptAnswer.objects.filter(pk=claimed.pk)
    if response.status_code in _PASSING or response.status_code >= 500:  # noqa: PLR2004
        row.delete()
        return
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    row.update(
        status=response.status_code,
        body=(answer.kept if answer is not None and answer.once else response.content).decode(),
        headers=json.dumps(headers),
        workflow_id=answer.workflow_id if answer is not None else "",
    )


def in_use(key: str) -> Refusal:
    """Return the refusal of a request whose first sending is still under way."""
    return Refusal(
        "IdempotencyKeyInUse", f"The request with the key {key!r} is under way; ask again later."
    )


def _prune(before: Any) -> None:
    """Delete some of the answers that are older than they are kept."""
    old = KeptAnswer.objects.filter(created_at__lt=before).order_by("created_at")
    if keys := list(old.values_list("pk", flat=True)[:MOST_PRUNED]):
        KeptAnswer.objects.filter(pk__in=keys).delete()
