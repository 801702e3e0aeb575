"""Registering operations with django-ninja: routing, and the OpenAPI document.

Ninja's own reading of queries and bodies is not used, since it comes before the address is known
to name anything. What an operation takes and gives is told to the document here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router
from pydantic import BaseModel

from workflows_app.api.entry import doorway, rules
from workflows_app.api.entry.answers import JSON
from workflows_app.api.entry.doorway import Call, Handler, NoBody, NoQuery, Spec
from workflows_app.api.entry.refusals import STATUSES, Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.api.shapes import schemas

#: What every operation may be refused with.
ALWAYS: Final = ("NotAuthenticated", "NotAllowed", "RateLimited", "NotAcceptable", "InvalidRequest")
#: What every operation that changes something may be refused with besides.
UNSAFE: Final = ("CsrfFailed", "PayloadTooLarge", "UnsupportedMediaType")
REPEATED: Final = ("IdempotencyKeyReused", "IdempotencyKeyInUse")

_PARAMETER: Final = re.compile(r"{(?:\w+:)?(\w+)}")


class bearer:  # noqa: N801 - the name of the scheme in the document
    """A token in the header `Authorization`. The doorway checks it; this tells the document."""

    openapi_security_schema: ClassVar = {"type": "http", "scheme": "bearer"}

    async def __call__(self, _request: HttpRequest) -> bool:
        """Let everybody through to the doorway; async, since Ninja would visit a thread for it."""
        return True


class session(bearer):  # noqa: N801 - the name of the scheme in the document
    """The cookie of somebody who signed in to the pages."""

    openapi_security_schema: ClassVar = {
        "type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME,
    }  # fmt: skip


AUTH: Final = [bearer(), session()]


#: All operations: one router, since an address may have operations of several resources.
router: Final = Router(auth=AUTH)


class Resource:
    """The operations of one resource."""

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def get(self, path: str, rule: Rule = rules.VIEW, **more: Any) -> Callable[[Handler], Handler]:
        """Register what looks and changes nothing."""
        return self._operation("GET", path, rule, **more)

    def post(self, path: str, rule: Rule, **more: Any) -> Callable[[Handler], Handler]:
        """Register an act."""
        return self._operation("POST", path, rule, **more)

    def patch(self, path: str, rule: Rule, **more: Any) -> Callable[[Handler], Handler]:
        """Register a change."""
        return self._operation("PATCH", path, rule, **more)

    def delete(self, path: str, rule: Rule, **more: Any) -> Callable[[Handler], Handler]:
        """Register a deletion."""
        return self._operation("DELETE", path, rule, **more)

    def _operation(
        self,
        method: str,
        path: str,
        rule: Rule,
        *,
        gives: Mapping[int, type[BaseModel] | None],
        find: Callable[[Call], Any] | None = None,
        ready: Callable[[Call], Any] | None = None,
        query: type[BaseModel] = NoQuery,
        body: type[BaseModel] = NoBody,
        refuses: Sequence[str] = (),
        not_found: Sequence[str] = (),
        media: Sequence[str] = (JSON,),
        note_refused: Callable[[Call, Refusal], None] | None = None,
        is_open: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register an operation.

        `gives`: what it answers by status. `refuses`: types of errors besides those of all;
        `not_found`: of those that are 404 here. `is_open`: for everybody who knows the address.
        """

        def registered(handler: Handler) -> Handler:
            spec = Spec(
                handler, _route(path), rule, query, body, find, ready, tuple(media),
                is_open=is_open, note_refused=note_refused,
            )  # fmt: skip
            said = _Said(
                method, query, body, gives, _by_status(method, refuses, not_found), tuple(media)
            )
            router.add_api_operation(
                path,
                [method],
                _view(spec, path, handler),
                response=said.responses,
                tags=[self._tag],
                operation_id=handler.__name__,
                # The document is for callers with an account.
                include_in_schema=not is_open,
                summary=_summary(handler),
                description=inspect.getdoc(handler),
                by_alias=True,
                openapi_extra=said.extra,
            )
            return handler

        return registered


def _view(spec: Spec, path: str, handler: Handler) -> Callable[..., Any]:
    async def view(request: HttpRequest, **path: str) -> HttpResponseBase:
        return await doorway.answer(spec, request, path)

    names = _PARAMETER.findall(path)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("request", kind, annotation=HttpRequest)]
    parameters += [inspect.Parameter(name, kind, annotation=str) for name in names]
    view.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    view.__name__ = handler.__name__
    view.__module__ = handler.__module__
    view.__doc__ = handler.__doc__
    return view


def _route(path: str) -> str:
    """Return the path as Django's resolver writes it."""
    return re.sub(r"{(?:(\w+):)?(\w+)}", _converter, path).lstrip("/")


def _converter(found: re.Match[str]) -> str:
    return f"<{found[1]}:{found[2]}>" if found[1] else f"<{found[2]}>"


def _summary(handler: Handler) -> str:
    return (inspect.getdoc(handler) or "").partition("\n")[0].rstrip(".")


def _by_status(
    method: str, refuses: Sequence[str], not_found: Sequence[str]
) -> dict[int, list[str]]:
    """Return the types of errors that an operation may answer with, by their status."""
    kinds = [*ALWAYS, *(UNSAFE if method != "GET" else ()), *(REPEATED if method == "POST" else ())]
    found: dict[int, list[str]] = {}
    for kind in dict.fromkeys([*kinds, *refuses]):
        found.setdefault(STATUSES[kind], []).append(kind)
    for kind in not_found:
        found.setdefault(404, []).append(kind)
    return found


@dataclass(frozen=True)
class _Said:
    """What the document says of an operation."""

    method: str
    query: type[BaseModel]
    body: type[BaseModel]
    gives: Mapping[int, type[BaseModel] | None]
    errors: Mapping[int, Sequence[str]]
    media: tuple[str, ...]

    @property
    def responses(self) -> dict[int, Any]:
        """The shapes of its answers by status."""
        return {**self.gives, **dict.fromkeys(sorted(self.errors), schemas.Error)}

    @property
    def extra(self) -> dict[str, Any]:
        """What Ninja does not find out by itself."""
        found: dict[str, Any] = {
            "parameters": [*_parameters(self.query), *([_KEY] if self.method == "POST" else [])],
            "responses": self._answers(),
        }
        if self.method in {"POST", "PATCH"}:
            schema = _inlined(self.body.model_json_schema())
            content = {JSON: {"schema": schema}}
            found["requestBody"] = {"required": "required" in schema, "content": content}
        return found

    def _answers(self) -> dict[int, Any]:
        found: dict[int, Any] = {
            status: {"content": {JSON: {"examples": _examples(names)}}}
            for status, names in self.errors.items()
        }
        streams = {kind: {"schema": {"type": "string"}} for kind in self.media if kind != JSON}
        return {**found, 200: {"content": streams}} if streams else found


_KEY: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def _examples(names: Sequence[str]) -> dict[str, Any]:
    return {
        name: {"value": {"error": {"type": name, "message": "…", "details": {}}}} for name in names
    }


def _parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    schema = _inlined(query.model_json_schema())
    needed = schema.get("required", ())
    return [
        {
            "in": "query",
            "name": name,
            "required": name in needed,
            "schema": {key: value for key, value in said.items() if key != "description"},
            "description": said.get("description", ""),
        }
        for name, said in schema.get("properties", {}).items()
    ]


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose definitions stand where they are referred to."""
    definitions = schema.pop("$defs", {})

    def resolved(value: Any) -> Any:
        if isinstance(value, list):
            return [resolved(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return resolved(definitions[value["$ref"].rpartition("/")[2]])
        return {key: resolved(each) for key, each in value.items()}

    whole: dict[str, Any] = resolved(schema)
    return whole
