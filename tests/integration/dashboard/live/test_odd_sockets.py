"""No address, header or message of a live connection causes an error in the server."""

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from dashboard.asgi import application
from tests.integration.dashboard.live import test_live
from workflows_app.run import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def served() -> tuple[Run, bytes]:
    """A run, and the cookie of somebody who may see it."""
    return await test_live.a_run(), await test_live.cookie_of()


ORDERS: list[dict[str, Any]] = [
    {"text": "["},
    {"text": "[" * 4000},
    {"text": "null"},
    {"text": '{"look": 1}'},
    {"text": '{"look": "\\ud800", "shown": "\\u0000"}'},
    {"text": '{"look": "?tab=\\u0000", "shown": ' + "9" * 3900 + "}"},
    {"text": '{"look": "RUN?at=9&tab=%00&step=%00&timeline=99999999999", "shown": 0}'},
    {"text": "x" * 10_000},
    {"text": ""},
    {"bytes": b"\xff\0"},
]


@pytest.mark.parametrize("address", ["/ws/runs/RUN/", "/ws/feed/"])
async def test_no_message_ends_a_live_connection(served, address):
    made, cookie = served
    run = made.run_id
    async with test_live.opened(address.replace("RUN", run), cookie) as socket:
        await socket.receive_json_from(10)
        for order in ORDERS:
            sent_one = {key: _named(value, run) for key, value in order.items()}
            await socket.send_input({"type": "websocket.receive", **sent_one})
        assert not socket.future.done()


def _named(value: Any, run: str) -> Any:
    return value.replace("RUN", f"/runs/{run}/") if isinstance(value, str) else value


@pytest.mark.parametrize(
    "query", [b"", b"after=-1", b"after=%00", b"after=" + b"9" * 500, b"\xff&="]
)
@pytest.mark.parametrize(
    "path",
    [
        "/ws/runs/RUN/",
        "/ws/runs/\0/",
        "/ws/runs/a\0b/",
        "/ws/runs/\ufffd/",
        "/ws/nowhere/",
        "/",
        "/ws/runs//",
    ],
)
async def test_no_address_of_a_live_connection_is_an_error(served, path, query):
    made, cookie = served
    run = made.run_id
    socket = test_live.socket_to("/", cookie)
    socket.scope |= {"path": path.replace("RUN", run), "query_string": query}
    connected, _ = await socket.connect(10)
    answer = await socket.receive_output(10)
    await socket.disconnect()

    assert connected
    is_there = "RUN" in path
    assert answer["type"] == ("websocket.send" if is_there else "websocket.close")
    assert is_there or answer["code"] == 4404


@pytest.mark.parametrize(
    "headers",
    [
        [(b"origin", b"http://[")],
        [(b"origin", b"http://localhost:99999")],
        [(b"origin", b"\xff\0")],
        [(b"origin", b"null")],
        [],
        [(b"origin", b"http://localhost"), (b"cookie", b"signalbox_session=a\0b")],
        [(b"origin", b"http://localhost"), (b"cookie", b"\xff;=;\0")],
    ],
)
async def test_odd_headers_of_a_live_connection_are_refused_without_an_error(served, headers):
    made, _ = served
    run = made.run_id
    socket = WebsocketCommunicator(application, f"/ws/runs/{run}/", headers=headers)
    connected, code = await socket.connect(10)
    if connected:
        answer = await socket.receive_output(10)
        code = answer["code"]
    await socket.disconnect()

    assert code in {1000, 4401}
