"""Tokens of the HTTP API: made, shown once, found by their digest, revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.db.models import CharField

from workflows_app import errors, permissions
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.run import audit
from workflows_app.models import ApiToken, persons
from workflows_app.models.queries import Parameter, QueryReader
from workflows_app.models.sqltext import connection_here

#: What a token may be used for; without a list of them it may be used for all.
SCOPES: Final = ("read", "payloads", "start", "answer", "steer", "admin")
#: What a token begins with, so that scanners of leaked secrets know one.
BEGINS: Final = "sbx_"
#: Characters of a token that are kept to tell it by.
_PREFIX: Final = 8
#: How often it is written that a token was used.
_PACE: Final = timedelta(minutes=1)
LONGEST_NAME: Final = 255


def make(
    user: Any,
    name: str,
    *,
    scopes: Iterable[str] | None = None,
    workflows: Iterable[str] | None = None,
    expires_at: datetime | None = None,
    actor: Any = None,
    door: str = "",
) -> tuple[ApiToken, str]:
    """Make a token of a user; return its row, and the token, which nobody can read again.

    `scopes` and `workflows`: None for all. `actor`: who makes it, if not the user. Raises
    InvalidInput for a scope that there is not, a workflow that is not there for the user, and for
    a name or an expiry that cannot be.
    """
    now = clock.now()
    chosen = list(SCOPES) if scopes is None else list(dict.fromkeys(scopes))
    known = None if workflows is None else sorted(set(workflows))
    _check(name, chosen, expires_at, now)
    if unknown := [each for each in known or () if not permissions.is_there(user, each)]:
        listed = ", ".join(map(repr, unknown))
        raise errors.InvalidInput(f"There is no workflow {listed}; name those that there are.")
    text = BEGINS + secrets.token_urlsafe(32)
    row = ApiToken(
        user=user,
        name=name,
        digest=digest_of(text),
        prefix=text[:_PREFIX],
        scopes=chosen,
        workflows=known,
        created_at=now,
        expires_at=expires_at,
    )
    with transactions.write():
        row.save(force_insert=True)
        _record(row, "create-token", actor or user, now, door)
    return row, text


def revoke(row: ApiToken, *, actor: Any = None, door: str = "") -> bool:
    """Delete a token, which works no more from now on; return whether it was there."""
    with transactions.write():
        key = row.pk
        if not ApiToken.objects.filter(pk=key).delete()[0]:
            return False
        row.pk = key
        _record(row, "revoke-token", actor, clock.now(), door)
        return True


@cache
def _reader(_vendor: str) -> QueryReader[ApiToken]:
    rows = persons.joined_or_later(ApiToken.objects.all(), "user")
    return QueryReader(rows.filter(digest=Parameter("digest", CharField())), is_prepared=True)


def find(text: str) -> ApiToken | None:
    """Return the token with this text, with its user, if it works now; note that it was used."""
    row = next(iter(_reader(connection_here().vendor).read(digest=digest_of(text))), None)
    now = clock.now()
    if row is None or not row.user.is_active or not _is_valid(row, now):
        return None
    _note_use(row, now)
    return row


def to_json(row: ApiToken) -> dict[str, Any]:
    """Return what tells a token from others, and nothing that it could be used by.

    Times are datetimes. The token was read with its user.
    """
    return {
        "id": str(row.pk),
        "name": row.name,
        "user": row.user.get_username(),
        "prefix": row.prefix,
        "scopes": row.scopes,
        "workflows": row.workflows,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }


def digest_of(text: str) -> str:
    """Return what a token is stored and looked up by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check(name: str, scopes: list[str], expires_at: datetime | None, now: datetime) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
        raise errors.InvalidInput(f"The name of a token has 1 to {LONGEST_NAME} characters.")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise errors.InvalidInput(
            f"There is no scope {', '.join(map(repr, unknown))}; there are {', '.join(SCOPES)}."
        )
    if expires_at is not None and expires_at <= now:
        raise errors.InvalidInput("A token that expires does so in the future.")


def _is_valid(row: ApiToken, now: datetime) -> bool:
    return row.expires_at is None or row.expires_at > now


def _note_use(row: ApiToken, now: datetime) -> None:
    if row.last_used_at is not None and row.last_used_at > now - _PACE:
        return
    # Of many requests at once only the first writes.
    same = ApiToken.objects.filter(pk=row.pk, last_used_at=row.last_used_at)
    with transactions.write():
        is_first = same.update(last_used_at=now)
    if is_first:
        row.last_used_at = now


def _record(row: ApiToken, verb: str, actor: Any, now: datetime, door: str) -> None:
    audit.record_on_token(
        str(row.pk),
        verb,
        actor,
        now,
        door=door,
        token=row.name,
        user=audit.name_of(row.user),
        scopes=row.scopes,
        workflows=row.workflows,
    )
