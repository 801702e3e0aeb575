"""Answers: JSON with its status and headers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from workflows_app import jsontext

JSON: Final = "application/json"


@dataclass
class Answer:
    """What an operation answers. `data` may hold `orjson.Fragment`s; None: there is no body."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: The workflow that it is about, if it is about one.
    workflow_id: str = ""
    #: What of it is shown once, and not kept for who asks again.
    once: str = ""

    @property
    def kept(self) -> bytes:
        """Its body as it is given again."""
        return dumps({key: each for key, each in (self.data or {}).items() if key != self.once})

    def response(self) -> HttpResponse:
        """Return it as Django sends it."""
        body = b"" if self.data is None else dumps(self.data)
        response = HttpResponse(body, status=self.status, content_type=JSON)
        if self.data is None:
            del response["Content-Type"]
        return dressed(response, self.headers)


def bare(text: str) -> HttpResponse:
    """Return the answer that is one JSON text as it stands."""
    return HttpResponse(text, content_type=JSON)


def dumps(data: Any) -> bytes:
    """Return data as JSON."""
    try:
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # whole numbers of more than 64 bits
        return json.dumps(_plain(data), separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    """Return data as Python's own encoder takes it."""
    if isinstance(value, orjson.Fragment):
        return jsontext.loads_shown(orjson.dumps(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


R = TypeVar("R", bound=HttpResponseBase)


def dressed(response: R, headers: Mapping[str, str]) -> R:
    """Return the response with these headers."""
    for name, value in headers.items():
        response[name] = value
    return response
