"""Registering the operations of this door: by method and address, with what each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from workflows_app.api.client.manner import CLIENT
from workflows_app.api.entry import doorway, rules
from workflows_app.api.entry.answers import JSON
from workflows_app.api.entry.doorway import Call, Handler, Spec
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.entry.rules import Rule
from workflows_app.api.routes import find
from workflows_app.engine.host import transactions

#: What streams are sent as.
TEXT: Final = "text/plain"


class Body(BaseModel):
    """A body in the client's names; keys that mean nothing here are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True, alias_generator=to_camel)

    def given(self, *left_out: str) -> dict[str, Any]:
        """Return what was sent, as a verb takes it; what was left out is not there."""
        return {
            name: value.given() if isinstance(value := getattr(self, name), Body) else value
            for name in self.model_fields_set
            if name not in left_out
        }


class Query(BaseModel):
    """A query in the client's names; others, such as `requestContext`, are passed over."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


#: The operations by address, then by method.
_operations: Final[dict[str, dict[str, Spec]]] = {}


def operation(
    method: str,
    route: str,
    rule: Rule = rules.VIEW,
    *,
    query: type[BaseModel] = Query,
    body: type[BaseModel] = Body,
    find: Callable[[Call], Any] | None = find.workflow,
    is_stream: bool = False,
) -> Callable[[Handler], Handler]:
    """Register an operation: its address below `/api/`, its rule, and what it takes."""

    def registered(handler: Handler) -> Handler:
        gives = (TEXT, JSON) if is_stream else (JSON,)
        spec = Spec(handler, route, rule, query, body, find, gives=gives, manner=CLIENT)
        _operations.setdefault(route, {})[method] = spec
        return handler

    return registered


def patterns() -> list[URLPattern]:
    """Return the addresses of all operations that were registered."""
    return [path(route, _view(specs)) for route, specs in _operations.items()]


def _view(specs: Mapping[str, Spec]) -> Callable[..., Any]:
    @transactions.by_itself
    async def view(request: HttpRequest, **path: str) -> HttpResponseBase:
        spec = specs.get(request.method or "")
        if spec is not None:
            return await doorway.answer(spec, request, path)
        allowed = ", ".join(specs)
        refusal = Refusal("MethodNotAllowed", f"This address takes {allowed}.")
        refusal.headers["Allow"] = allowed
        return await doorway.no_operation(request, refusal, CLIENT)

    view.csrf_exempt = True  # type: ignore[attr-defined]  # the doorway looks after it
    return view


@transactions.by_itself
async def nothing(request: HttpRequest) -> HttpResponseBase:
    """Answer at an address where there is nothing."""
    return await doorway.no_operation(request, Refusal("NotFound", "Not Found"), CLIENT)


nothing.csrf_exempt = True  # type: ignore[attr-defined]
