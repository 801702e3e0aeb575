"""The handler of a web process: what a request to the API comes by, and what it is spared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from django.core import signals
from django.core.exceptions import RequestAborted

from workflows_app.api import asgi, middleware
from workflows_app.api.asgi import EntranceHandler

pytestmark = pytest.mark.django_db

BODY: Any = {"type": "http.request", "body": b"", "more_body": False}
LEFT: Any = {"type": "http.disconnect"}


def scope(path: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "root_path": "",
        "headers": [(b"host", b"testserver")], "server": ("testserver", 80), "scheme": "http",
    }  # fmt: skip


def arriving(*messages: Any) -> Callable[[], Awaitable[Any]]:
    """Return what receives these messages, and then nothing for ever."""
    left = list(messages)

    async def receive() -> Any:
        if not left:
            await asyncio.sleep(60)
        return left.pop(0)

    return receive


async def answered(path: str) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await EntranceHandler()(scope(path), arriving(BODY), send)
    return sent


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a project hears of the requests that begin and end."""
    found: list[str] = []

    def begins(**_: Any) -> None:
        found.append("begins")

    def ends(**_: Any) -> None:
        found.append("ends")

    signals.request_started.connect(begins)
    signals.request_finished.connect(ends)
    yield found
    signals.request_started.disconnect(begins)
    signals.request_finished.disconnect(ends)


async def test_a_project_hears_of_the_requests_to_the_api(heard):
    sent = await answered("/api/v1/me")
    assert sent[0]["status"] == 401
    assert heard == ["begins", "ends"]


async def test_a_request_to_the_api_visits_no_thread_before_and_after_it(monkeypatch):
    def visited(*_: Any, **__: Any) -> None:
        raise AssertionError("A thread was visited.")

    monkeypatch.setattr(asgi, "sync_to_async", visited)
    monkeypatch.setattr(type(signals.request_started), "asend", visited)
    sent = await answered("/api/v1/me")
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


async def test_an_answer_lets_go_of_what_it_holds(monkeypatch):
    closed: list[str] = []
    original = EntranceHandler.run_get_response

    async def holding(self: EntranceHandler, request: Any) -> Any:
        response = await original(self, request)
        response._resource_closers += [lambda: 1 // 0, lambda: closed.append("file")]
        return response

    monkeypatch.setattr(EntranceHandler, "run_get_response", holding)
    assert (await answered("/api/v1/me"))[0]["status"] == 401
    assert closed == ["file"]


async def test_nobody_goes_on_with_an_answer_for_a_client_that_has_left():
    ended: list[str] = []

    async def answer() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("canceled")
            raise

    receive = arriving(LEFT)
    handler = EntranceHandler()
    with pytest.raises(RequestAborted):
        await asyncio.wait_for(handler._unless_gone(receive, answer()), 5)
    assert ended == ["canceled"]


async def test_an_error_of_an_answer_is_the_servers_to_report():
    async def answer() -> None:
        raise OSError("The connection broke.")

    with pytest.raises(OSError, match="broke"):
        await EntranceHandler()._unless_gone(arriving(), answer())


async def test_an_address_is_looked_up_once(monkeypatch):
    looked: list[str] = []
    original = middleware.resolve
    middleware._resolved.cache_clear()
    monkeypatch.setattr(
        middleware, "resolve", lambda path, urls: looked.append(path) or original(path, urls)
    )
    for _ in range(3):
        assert (await answered("/api/v1/me"))[0]["status"] == 401
    assert looked == ["/api/v1/me"]
