"""How many connections a session may have, and how much each may say."""

import pytest
from channels.testing import WebsocketCommunicator

from dashboard.asgi import application
from dashboard.live import open_sockets
from dashboard.live.connection import MOST_A_SECOND, TOO_MANY
from tests.integration.dashboard.live.test_live import cookie_of, opened, socket_to

pytestmark = pytest.mark.django_db(transaction=True)


async def closed_with(socket):
    while True:
        message = await socket.receive_output(5)
        if message["type"] == "websocket.close":
            return message["code"]


async def test_a_session_has_a_limited_number_of_connections(monkeypatch):
    monkeypatch.setattr(open_sockets, "MOST", 2)
    mine, other = await cookie_of("ana"), await cookie_of("ben")

    async with opened("/ws/feed/", mine), opened("/ws/feed/", mine):
        third = socket_to("/ws/feed/", mine)
        assert (await third.connect())[0]
        assert await closed_with(third) == TOO_MANY
        async with opened("/ws/feed/", other) as fine:
            assert (await fine.receive_json_from(5))["type"] == "ready"
    async with opened("/ws/feed/", mine) as again:
        assert (await again.receive_json_from(5))["type"] == "ready"

    assert open_sockets.count() == 0


async def test_a_connection_that_says_too_much_in_a_second_is_closed():
    async with opened("/ws/feed/", await cookie_of()) as socket:
        for _ in range(MOST_A_SECOND):
            await socket.send_to(text_data="{}")
        assert (await socket.receive_json_from(5))["type"] == "ready"
        assert await socket.receive_nothing(0.2)
        await socket.send_to(text_data="{}")
        assert await closed_with(socket) == TOO_MANY


async def test_one_that_is_refused_is_not_counted():
    socket = socket_to("/ws/feed/")
    assert (await socket.connect())[0]
    assert await closed_with(socket) == 4401
    await socket.disconnect()

    assert open_sockets.count() == 0


@pytest.mark.parametrize("origin", [b"https://evil.example", None])
async def test_a_connection_from_another_site_is_refused(origin):
    cookie = await cookie_of()
    headers = [(b"host", b"localhost"), (b"cookie", cookie)]
    headers += [] if origin is None else [(b"origin", origin)]

    socket = WebsocketCommunicator(application, "/ws/feed/", headers=headers)

    assert (await socket.connect())[0] is False
