"""What whoever looks after the product asks: workers, the audit trail, tokens, and who one is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.db.models import Q, QuerySet

from workflows_app import actions, conf, tokens
from workflows_app.api.entry import lists, rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.inputs import Body, Moment, Page
from workflows_app.api.entry.lists import Order
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.shapes import audit, schemas
from workflows_app.engine.host import clock
from workflows_app.models import Action, ApiToken, Worker, persons
from workflows_app.models.action import PYTHON

resource: Final = Resource("operations")


# Workers.


@resource.get(
    "/workers", gives={200: schemas.page_of(schemas.Worker)}, query=Page,
    refuses=["InvalidCursor"],
)  # fmt: skip
def list_workers(call: Call) -> Answer:
    """List the processes that run steps, those that started last first."""
    return lists.page(call, Worker.objects.all, lambda: Order(("pk",)), _workers)


def _workers(found: Sequence[Worker]) -> list[dict[str, Any]]:
    now, lease = clock.now(), timedelta(seconds=conf.get("LEASE_SECONDS"))
    return [
        {
            "id": str(row.pk),
            "host": row.host,
            "pid": row.pid,
            "mode": row.mode,
            "queues": row.queues,
            "threads": row.threads,
            "status": _status(row, now, lease),
            "started_at": row.started_at,
            "heartbeat_at": row.heartbeat_at,
            "stopped_at": row.stopped_at,
        }
        for row in found
    ]


def _status(row: Worker, now: datetime, lease: timedelta) -> str:
    if row.stopped_at is not None:
        return "stopped"
    return "live" if now - row.heartbeat_at <= lease else "lost"


# The audit trail.


class AuditQuery(Page):
    """Which acts."""

    verb: str | None = None
    actor: str | None = None
    door: Literal["page", "api", "client", "terminal", "admin", "schedule", "python"] | None = None
    run_id: str | None = None
    workflow: str | None = None
    after: Moment | None = None
    before: Moment | None = None


@resource.get(
    "/audit", rules.AUDIT, gives={200: schemas.page_of(schemas.AuditRow)}, query=AuditQuery,
    refuses=["InvalidCursor"],
)  # fmt: skip
def list_audit(call: Call) -> Answer:
    """List who did what, the newest first."""
    return lists.page(
        call,
        lambda: _acts(call),
        lambda: Order(("pk",)),
        lambda found: audit.listed(call.caller, found),
    )


def _acts(call: Call) -> QuerySet[Action]:
    query = call.query
    rows = call.caller.known(Action.objects.all(), "workflow_name")
    exact = {
        "verb": query.verb,
        "actor_name": query.actor,
        "public_run_id": query.run_id,
        "workflow_name": query.workflow,
        "at__gt": query.after,
        "at__lt": query.before,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if query.door is None:
        return rows
    is_python = query.door == PYTHON
    return rows.filter(Q(door=query.door) | Q(door="") if is_python else Q(door=query.door))


# Tokens.


class TokensQuery(Page):
    """Whose tokens."""

    user: str | None = None


@resource.get(
    "/tokens", rules.TOKENS, gives={200: schemas.page_of(schemas.Token)}, query=TokensQuery,
    refuses=["InvalidCursor"],
)  # fmt: skip
def list_tokens(call: Call) -> Answer:
    """List one's own tokens; a superuser sees all, or with `user` those of one person."""
    return lists.page(
        call,
        lambda: _tokens(call),
        lambda: Order(("pk",)),
        lambda found: [*map(tokens.to_json, found)],
    )


def _tokens(call: Call) -> QuerySet[ApiToken]:
    name, rows = call.query.user, persons.joined(ApiToken.objects.all(), "user")
    own = rows.filter(user=call.caller.user.pk)
    if not call.caller.user.is_superuser:
        if name not in (None, call.caller.user.get_username()):
            raise Refusal("NotAllowed", "Only a superuser sees the tokens of others.")
        return own
    return rows if name is None else rows.filter(user__in=persons.called(name))


class NewToken(Body):
    """What a token is called, and what it may do."""

    name: str
    scopes: list[str] | None = None
    workflows: list[str] | None = None
    expires_at: Moment | None = None


@resource.post(
    "/tokens", rules.TOKENS, body=NewToken, gives={201: schemas.NewToken}, refuses=["InvalidInput"]
)
def create_token(call: Call) -> Answer:
    """Make a token of one's own; the answer shows it, and nothing does later."""
    body: NewToken = call.body
    if call.caller.token is not None:
        _require_less(call.caller.token, body)
    row, text = tokens.make(
        call.caller.user,
        body.name,
        scopes=body.scopes,
        workflows=body.workflows,
        expires_at=body.expires_at,
        door=call.acts["door"],
    )
    shown = {**tokens.to_json(row), "token": text}
    address = call.address("tokens", str(row.pk))
    return Answer(shown, 201, {"Location": address}, once="token")


def _require_less(maker: ApiToken, body: NewToken) -> None:
    """Refuse a token that could do what the one that makes it cannot. Raises NotAllowed."""
    wanted = tokens.SCOPES if body.scopes is None else body.scopes
    known = [scope for scope in wanted if scope in tokens.SCOPES]
    if more := [scope for scope in known if scope not in maker.scopes]:
        raise Refusal(
            "NotAllowed", f"This token lacks the scope {more[0]!r}, and cannot give it.",
            scope=more[0],
        )  # fmt: skip
    mine: list[str] | None = maker.workflows
    if mine is not None and (body.workflows is None or set(body.workflows) - set(mine)):
        raise Refusal("NotAllowed", "This token knows fewer workflows than the new one would.")
    is_later = body.expires_at is None or (
        maker.expires_at is not None and body.expires_at > maker.expires_at
    )
    if maker.expires_at is not None and is_later:
        raise Refusal("NotAllowed", "This token expires before the new one would.")


def _token(call: Call) -> ApiToken:
    """Return the token of the address, if it is one's own, or one is a superuser."""
    key = call.path["token_id"]
    refusal = Refusal("TokenNotFound", f"There is no token {key!r}.")
    if not key.isascii() or not key.isdigit() or len(key) > 18:  # noqa: PLR2004 - a key's digits
        raise refusal
    rows = persons.joined_or_later(ApiToken.objects.filter(pk=int(key)), "user")
    if not call.caller.user.is_superuser:
        rows = rows.filter(user=call.caller.user.pk)
    found = rows.first()
    if found is None:
        raise refusal
    return found


@resource.delete(
    "/tokens/{token_id}", rules.TOKENS, find=_token, gives={204: None}, not_found=["TokenNotFound"]
)
def revoke_token(call: Call) -> Answer:
    """Revoke a token: it works no more from now on."""
    tokens.revoke(call.target, **call.acts)
    return Answer(status=204)


# Oneself.


@resource.get("/me", rules.ANYBODY, gives={200: schemas.Me})
def get_me(call: Call) -> Answer:
    """Say who asks, and what they may."""
    caller = call.caller
    user, token = caller.user, caller.token
    held = sorted(each for each in user.get_all_permissions() if each.startswith(f"{actions.APP}."))
    return Answer({
        "username": user.get_username(),
        "is_superuser": user.is_superuser,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "permissions": held,
        "through": caller.through,
        "token": tokens.to_json(token) if token is not None else None,
        "scopes": [scope for scope in tokens.SCOPES if scope in caller.scopes],
    })  # fmt: skip
