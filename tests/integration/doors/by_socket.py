"""Live connections: the events of a run, which hold its values."""

from __future__ import annotations

from typing import Any, Final

from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings

from dashboard.asgi import application
from tests.integration.doors.table import REGISTERED, ROWS, Cell
from tests.integration.doors.world import Subject, Visitor

NOT_OFFERED: Final = dict.fromkeys(
    (row for row in ROWS if row not in {"view", "values"}), "a connection only tells"
)
assert set(REGISTERED) <= set(NOT_OFFERED)
SIGNED_OUT, NOT_ALLOWED, NOT_FOUND = 4401, 4403, 4404


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Open a connection to the run; return what came."""
    said = first(visitor, f"/ws/runs/{subject.runs[row].run_id}/")
    if said["type"] == "websocket.close":
        assert said["code"] in {SIGNED_OUT, NOT_ALLOWED, NOT_FOUND}
        return Cell.ABSENT if said["code"] == NOT_FOUND else Cell.REFUSED
    return Cell.ALLOWED if row == "view" or subject.value in said["text"] else Cell.REFUSED


def first(visitor: Visitor, address: str, *orders: str) -> Any:
    """Open a connection, send orders, and return the last of what it says to each."""
    cookie = visitor.browser.cookies.get(settings.SESSION_COOKIE_NAME)
    key = "" if cookie is None else f"{settings.SESSION_COOKIE_NAME}={cookie.value}"
    headers = [
        (b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", key.encode()),
    ]  # fmt: skip

    async def connected() -> Any:
        socket = WebsocketCommunicator(application, address, headers=headers)
        await socket.connect(10)
        said = await socket.receive_output(10)
        for order in orders:
            await socket.send_to(text_data=order)
            said = await socket.receive_output(10)
        await socket.disconnect()
        return said

    return async_to_sync(connected)()
