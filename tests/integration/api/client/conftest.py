"""A program that speaks the wire of the JavaScript client, without that client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.api.client import flows
from tests.integration.api.conftest import Program
from workflows_app import tokens
from workflows_app.run import Run

ORDER = {"id": "o1", "total": 987_654_321}


class Wire(Program):
    """Paths from `/api` on."""

    base = "/api"


@pytest.fixture
def wire(ana) -> Wire:
    """A program with a token of Ana's."""
    return Wire(tokens.make(ana, "js")[1])


@pytest.fixture
def wire_with(with_rights):
    """Make a program of a person with some permissions and groups."""

    def make(*permissions: str, groups: tuple[str, ...] = (), **token: Any) -> Wire:
        user, _ = with_rights(*permissions, groups=groups)
        return Wire(tokens.make(user, "js", **token)[1])

    return make


def started(flow: Any = flows.orders, given: Any = None, run_id: str | None = None) -> Run:
    """Start a run and let it go as far as it can."""
    run: Run = flow.create_run(run_id)
    run.start(ORDER if given is None else given)
    return run.refresh()


def refused(answer: Any, status: int, said: str = "") -> Any:
    """Check that an answer says no, in this door's way; return its body."""
    assert answer.status_code == status, answer.content
    body = answer.json()
    assert isinstance(body["error"], str)
    assert set(body) <= {"error", "issues"}
    assert said in body["error"]
    return body


def records(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream; each ends with the separator, also the last."""
    assert body == b"" or body.endswith(b"\x1e")
    return [json.loads(part) for part in body.split(b"\x1e") if part]
