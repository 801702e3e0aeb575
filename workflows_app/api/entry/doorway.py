"""The way of every request through the door: in the order in which it may be refused.

Who asks (401), how often (429), what the request is like (405, 406, 413, 415), whether they may
(403), whether the thing is there (404), what was sent (400); then the operation.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix
from pydantic import BaseModel

from workflows_app import addresses, conf, languages, request_lines
from workflows_app.api.entry import (
    answers,
    callers,
    inputs,
    manners,
    rates,
    refusals,
    repeats,
    rules,
)
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.manners import Manner
from workflows_app.api.entry.rates import Standing
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.engine.host import entrance
from workflows_app.threads import in_thread, share_threads

#: Statuses of answers that have no body, nor a length of one.
BODILESS: Final = frozenset({204, 304})
UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class NoQuery(inputs.Query):
    """A query without a name."""


class NoBody(inputs.Body):
    """A body without a key."""


@dataclass
class Call:
    """One request that came in: who asks, for what, and with what."""

    request: HttpRequest
    caller: Caller
    path: Mapping[str, str]
    #: Where the API begins, as the beginning of its addresses.
    base: str
    query: Any = None
    body: Any = None
    #: What the address names, as the operation's `find` has found it.
    target: Any = None
    #: What the operation's `ready` has returned: which values to give.
    wanted: Any = None
    manner: Manner = manners.PLAIN

    @property
    def acts(self) -> dict[str, Any]:
        """Who acts, and through which door, as verbs take it."""
        return {"actor": self.caller.user, "door": self.manner.door}

    def address(self, *parts: str) -> str:
        """Return the address of something in the API."""
        return self.base + "/".join(parts)


_Given = Answer | HttpResponseBase
#: What an operation returns: its answer, or what gives it on the event loop.
Result = _Given | Awaitable[_Given]
Handler = Callable[[Call], Result]


@dataclass(frozen=True)
class Spec:
    """One operation, as the doorway needs to know it."""

    handler: Handler
    route: str
    rule: Rule
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] = NoBody
    #: Finds what the address names. Raises what says that it is not there.
    find: Callable[[Call], Any] | None = None
    #: Returns what the operation needs to know of what was sent besides; as `find` in a thread.
    ready: Callable[[Call], Any] | None = None
    #: What it can answer with besides errors.
    gives: tuple[str, ...] = (answers.JSON,)
    #: Whether it documents the API, which a setting may open to everybody.
    is_document: bool = False
    #: Whether it asks nobody who they are, because its address says enough.
    is_open: bool = False
    #: Notes, in the audit trail, that somebody who may not was refused.
    note_refused: Callable[[Call, Refusal], None] | None = None
    manner: Manner = manners.PLAIN

    def reads_body(self, request: HttpRequest) -> bool:
        """Return whether the body of a request is looked at."""
        minds = self.manner.minds_bodies or bool(self.body.model_fields)
        return request.method in UNSAFE and minds


@dataclass
class _Passage:
    """One request on its way in, with what is known of it so far."""

    request: HttpRequest
    spec: Spec
    path: Mapping[str, str]
    standing: Standing | None = None
    call: Call = field(init=False)
    text: bytes = b""
    #: The answer, as its operation gave it.
    answer: Answer | None = None


async def answer(spec: Spec, request: HttpRequest, path: Mapping[str, str]) -> HttpResponseBase:
    """Answer one request, whatever it is like."""
    share_threads()
    passage = _Passage(request, spec, path)
    began = time.perf_counter()
    # Programs read the words of refusals, whatever language a project has.
    with languages.in_source(), entered(request) as entry:
        try:
            response = await _answered(passage)
        except Exception as problem:  # noqa: BLE001 - `refusals` says what it is
            response = spec.manner.refused(refusals.of(problem))
        response["X-Request-Id"] = entry.request_id
        request_lines.write(request, response, began)
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django would, without the id
    response["Cache-Control"] = response.get("Cache-Control", "no-store")
    response["X-Content-Type-Options"] = "nosniff"
    if isinstance(response, HttpResponse) and response.status_code not in BODILESS:
        response["Content-Length"] = str(len(response.content))
    standing = passage.standing
    return answers.dressed(response, standing.headers if standing else {})


def entered(request: HttpRequest) -> Any:
    """Take what follows as done by this request."""
    return entrance.entered(request.headers.get("X-Request-Id", ""), addresses.client(request))


async def _answered(passage: _Passage) -> HttpResponseBase:
    key, begun = await in_thread(_admitted)(passage)
    if key is not None:
        return await _once(passage, key)
    return await _ended(passage, begun)


def _admitted(passage: _Passage) -> tuple[str | None, Any]:
    """Let a caller in; return the key that the request came with, or what its operation returns.

    All in one visit to a thread, since each costs a connection.
    """
    _admit(passage)
    # Answers are kept for accounts, and who comes to an open address has none.
    is_kept = passage.spec.manner.knows_repeats and not passage.spec.is_open
    key = repeats.key_of(passage.request) if is_kept else None
    return key, None if key is not None else _begun(passage)


def _check_form(request: HttpRequest, spec: Spec) -> None:
    """Refuse by what is seen of a request without asking anybody."""
    if not spec.gives:
        return  # there is nothing to be had, in whatever form
    if not any(request.accepts(kind) for kind in spec.gives):
        kinds = ", ".join(spec.gives)
        raise Refusal("NotAcceptable", f"This address gives {kinds}, and nothing that Accept says.")
    if spec.reads_body(request):
        inputs.check_type(request)
        inputs.check_length(request)


def _admit(passage: _Passage) -> None:
    """Let a caller in. In a thread."""
    request, spec = passage.request, passage.spec
    request.get_host()  # one that is not ours is refused
    caller = _come_in(passage)
    rates.refuse_too_many(passage.standing)
    _check_form(request, spec)
    if caller.token is None and not spec.is_open:
        callers.check_csrf(request)
    base = base_of(request, spec.route)
    passage.call = Call(request, caller, passage.path, base, manner=spec.manner)
    try:
        caller.require(spec.rule)
    except Refusal as refusal:
        if spec.note_refused is not None:
            spec.note_refused(passage.call, refusal)
        raise
    if spec.reads_body(request):
        passage.text = inputs.body_of(request)


def _come_in(passage: _Passage) -> Caller:
    """Return who asks, and count the request. Raises NotAuthenticated, and RateLimited for those
    who did not come in.
    """
    if passage.spec.is_open:
        passage.standing = rates.count(f"address:{addresses.client(passage.request)}")
        return Caller(AnonymousUser())
    try:
        caller = callers.of_request(passage.request)
    except Refusal:
        passage.standing = rates.count(f"address:{addresses.client(passage.request)}")
        rates.refuse_too_many(passage.standing)
        if passage.spec.is_document and conf.get("API_DOCS_PUBLIC"):
            return Caller(AnonymousUser())
        raise
    passage.standing = rates.count(caller.subject)
    return caller


def base_of(request: HttpRequest, route: str) -> str:
    """Return where the API begins: what stands before the operation's own route."""
    match = request.resolver_match
    whole = match.route if match is not None else route
    return get_script_prefix() + whole.removesuffix(route)


async def _once(passage: _Passage, key: str) -> HttpResponseBase:
    """Do what a request with an `Idempotency-Key` asks for, or give the answer that was given."""
    call = passage.call
    digest = await in_thread(repeats.digest_of)(call.request, passage.text, call.caller)
    seconds = _seconds(call.request)
    until = time.monotonic() + repeats.PATIENCE
    while True:
        claimed = await in_thread(repeats.claim)(call.caller, key, digest, seconds)
        if isinstance(claimed, HttpResponse):
            return claimed
        if claimed is not None:
            break
        if time.monotonic() > until:
            raise repeats.in_use(key)
        await asyncio.sleep(repeats.PACE)
    refusal = Refusal("InternalError", "The request was not completed.")
    response = passage.spec.manner.refused(refusal)
    try:
        response = await _kept(passage)
    finally:
        await asyncio.shield(in_thread(repeats.complete)(claimed, response, passage.answer))
    return response


async def _kept(passage: _Passage) -> HttpResponse:
    """Return the answer, also one that says no."""
    try:
        begun = await in_thread(_begun)(passage)
        return cast("HttpResponse", await _ended(passage, begun))
    except Exception as problem:  # noqa: BLE001 - `refusals` says what it is
        return passage.spec.manner.refused(refusals.of(problem))


def _seconds(request: HttpRequest) -> float:
    """Return for how long a request may wait, as far as that can be read."""
    try:
        return min(max(float(request.GET.get("timeout", 0)), 0.0), 300.0)
    except ValueError:
        return 0.0


def _begun(passage: _Passage) -> HttpResponseBase | Awaitable[_Given]:
    """Do what is asked for, as far as that needs no event loop. In a thread."""
    _prepare(passage)
    result = passage.spec.handler(passage.call)
    return result if inspect.isawaitable(result) else _response(passage, result)


async def _ended(
    passage: _Passage, begun: HttpResponseBase | Awaitable[_Given]
) -> HttpResponseBase:
    return _response(passage, await begun) if inspect.isawaitable(begun) else begun


def _response(passage: _Passage, given: _Given) -> HttpResponseBase:
    if isinstance(given, Answer):
        passage.answer = given
        return given.response()
    return given


def _prepare(passage: _Passage) -> None:
    """Find what the address names, then read what was sent. In a thread."""
    call, spec = passage.call, passage.spec
    if any("\0" in part for part in call.path.values()):
        raise Refusal("NotFound", "There is nothing at this address.")
    if spec.find is not None:
        call.target = spec.find(call)
    call.query = inputs.read_query(call.request.GET, spec.query)
    if call.request.method in UNSAFE:
        call.body = inputs.read_body(passage.text, spec.body)
    if spec.ready is not None:
        call.wanted = spec.ready(call)


# Addresses without an operation.


async def no_operation(
    request: HttpRequest,
    refusal: Refusal,
    manner: Manner = manners.PLAIN,
    *,
    is_open: bool = False,
) -> HttpResponseBase:
    """Answer a request for what there is not: to those who came in, with a refusal.

    `is_open`: to everybody.
    """

    def refuse(_: Call) -> Answer:
        raise refusal

    spec = Spec(refuse, "", rules.ANYBODY, find=refuse, gives=(), is_open=is_open, manner=manner)
    return await answer(spec, request, {})
