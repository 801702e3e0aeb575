"""What a request brings: its body as JSON, and its query, read into the types of the operation.

Unknown names, broken JSON and nesting without end are refused here, before anything is done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, get_origin

from django.http import HttpRequest, QueryDict
from django.utils.http import parse_header_parameters
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
)
from pydantic_core import from_json

from workflows_app import conf
from workflows_app.api.entry import refusals
from workflows_app.api.entry.refusals import Refusal

#: How deep lists and objects of a body may stand in each other.
DEEPEST: Final = 200
_TEXTS: Final = re.compile(rb'"(?:[^"\\]|\\.)*(?:"|\Z)', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})

#: The key of an ASGI scope that says that a body was too large to be received whole.
TOO_LARGE: Final = "signalbox.too_large"

B = TypeVar("B", bound=BaseModel)


_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT")


def _written_out(value: object) -> object:
    """Refuse what Pydantic would take for seconds since 1970."""
    if not isinstance(value, str) or not _ISO.match(value):
        raise ValueError("write it as ISO 8601 with an offset, as 2026-01-31T12:00:00+00:00")
    return value


#: A moment, with its offset from UTC.
Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out)]


class Body(BaseModel):
    """The body of an operation: its keys and no others, of the types that it says."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The query of an operation: its names and no others."""

    model_config = ConfigDict(extra="forbid")


class Page(Query):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=200, description="How many at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class Wait(Query):
    """Whether to wait until the run settles."""

    wait: bool = Field(default=False, description="Wait until the run has settled.")
    timeout: float = Field(30, ge=0, le=300, allow_inf_nan=False, description="Seconds at most.")


#: How large values are given.
INLINE: Final[Any] = Field(
    default=False, description="Give values over 64 KiB in place, not as a reference."
)


class Include(Query):
    """Which values to give beside what is always there."""

    include: list[str] = Field(
        default_factory=list, description="Values to include: names, separated by commas."
    )
    inline: bool = INLINE


# Bodies.


class AnyBody(RootModel[Any]):
    """Any JSON value."""


def check_type(request: HttpRequest) -> None:
    """Refuse a body that says to be no JSON. Raises UnsupportedMediaType, InvalidRequest."""
    try:
        kind, parameters = parse_header_parameters(request.META.get("CONTENT_TYPE", ""))
    except ValueError:
        kind, parameters = "", {"charset": "unknown"}
    is_utf_8 = parameters.get("charset", "utf-8").lower() in _UTF_8
    if kind == "application/json" and is_utf_8:
        return
    if not _length(request) and "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", ""):
        return  # no body has no type
    raise Refusal("UnsupportedMediaType", "Send application/json, in UTF-8.")


def check_length(request: HttpRequest) -> None:
    """Refuse a body that says to be too large. Raises PayloadTooLarge."""
    is_cut = TOO_LARGE in getattr(request, "scope", ())
    if is_cut or _length(request) > conf.get("MAX_BODY_BYTES"):
        raise _too_large()


def body_of(request: HttpRequest) -> bytes:
    """Return the body as it came. Raises PayloadTooLarge as soon as it is longer than allowed."""
    if not hasattr(request, "_body"):
        most = conf.get("MAX_BODY_BYTES")
        found = request.read(most + 1)
        if len(found) > most:
            raise _too_large()
        # Django's own property has a limit of its own, lower than that of a value.
        request._body = found  # noqa: SLF001
    whole: bytes = request.body
    return whole


def read_body(text: bytes, model: type[B]) -> B:
    """Return a body as its operation takes it; no body is an empty one. Raises InvalidRequest."""
    value = _parsed(text) if text.strip() else {}
    if not isinstance(value, dict) and not issubclass(model, AnyBody):
        raise Refusal("InvalidRequest", "The body is a JSON object.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise refusals.of_wrong_shape(error, "body") from None


def _parsed(text: bytes) -> Any:
    _refuse_deep(text)
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return _parsed_with_care(text)


def _parsed_with_care(text: bytes) -> Any:
    """Read what the quick way does not, because it is deeply nested."""
    try:
        found = json.loads(text, parse_constant=_no_number)
        # Half of a character pair is no text: a database cannot keep it.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise Refusal("InvalidRequest", f"The body is no JSON: {problem}.") from None
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _refuse_deep(text: bytes) -> None:
    depth = 0
    for bracket in _TEXTS.sub(b"", text).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise Refusal("InvalidRequest", f"The body is nested deeper than {DEEPEST} levels.")


def _length(request: HttpRequest) -> int:
    said = request.META.get("CONTENT_LENGTH") or ""
    return int(said) if said.isascii() and said.isdigit() else 0


def _too_large() -> Refusal:
    most = conf.get("MAX_BODY_BYTES")
    return Refusal("PayloadTooLarge", f"The body is larger than {most:,} bytes.", limit=most)


# Queries.


def read_query(given: QueryDict, model: type[B]) -> B:
    """Return a query as its operation takes it. Raises InvalidRequest."""
    fields = {each.alias or name: each for name, each in model.model_fields.items()}
    unknown = [name for name in given if name not in fields]
    if unknown and model.model_config.get("extra") == "forbid":
        raise refusals.unknown_names(unknown, "query")
    found: dict[str, Any] = {}
    for name, texts in given.lists():
        if name not in fields:
            continue
        if any("\0" in text for text in texts):
            raise Refusal("InvalidRequest", f"The query has a NUL in {name}.")
        found[name] = _values(name, texts, is_list=_is_list(fields[name].annotation))
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise refusals.of_wrong_shape(error, "query") from None


def _values(name: str, texts: list[str], *, is_list: bool) -> Any:
    if is_list:
        return [part for text in texts for part in text.split(",")] if name == "include" else texts
    if len(texts) > 1:
        raise Refusal("InvalidRequest", f"The query has {name} more than once.")
    return texts[0]


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list


def as_filters(query: BaseModel) -> Mapping[str, Any]:
    """Return what of a query says which rows of a list are wanted, as JSON values."""
    left_out = {*Page.model_fields, *Include.model_fields}
    return query.model_dump(mode="json", exclude=left_out, exclude_none=True, exclude_defaults=True)
