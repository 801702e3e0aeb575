"""The live connection of one run: its events, and the part of its page that changes.

Every frame is `{"type": "events", "seq": n, "events": [...]}`: the events after the number that the
browser named, up to `n`, without a gap. A transient event has no number.

A page may order its live part: `{"look": address, "shown": n, "language": code}` is answered once,
as soon as there is more than `n`, with `{"type": "part", "seq": m, "html": ...}` in that language.
Without HTML the page fetches the part itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs

from channels.db import database_sync_to_async

from workflows_app import permissions, withheld
from workflows_app.engine.run import log
from workflows_app.models import Run

from ..lists.paging import number
from ..live import connection
from ..live import news as live
from ..live import parts as live_parts
from ..live.connection import Guarded
from ..live.news import Follower
from ..request.plain import without_nul
from .audience import Audience

#: How many characters of an order are read.
LONGEST_ORDER: Final = 4000


class RunConsumer(Guarded):
    """Sends the events of one run, and the live part of its page when the page orders it."""

    key: uuid.UUID
    #: The last event number that the browser has received.
    seq: int
    #: The number of the last event when the run was looked up.
    _last: int
    _first: list[dict[str, Any]]
    _audience: Audience
    _follower: Follower | None = None
    _ordered: tuple[str, int, str] | None = None

    def enter(self) -> int:
        """Also read the number that the browser names."""
        if code := super().enter():
            return code
        last = self._last
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        seq = number(query.get("after", ["0"])[0]) or 0
        self._first = log.read(self.key, seq, live.FRAME) if seq < last else []
        self.seq = self._first[-1]["seq"] if self._first else last
        return 0

    def refusal(self) -> int:
        """Also look up what the person may see of the run, which may be gone for them by now."""
        code = super().refusal()
        if code:
            return code
        self._audience = Audience.of(self.scope, self.person)
        run_id = without_nul(self.scope["url_route"]["kwargs"]["run_id"])
        rows = permissions.visible(self.person, Run.objects.filter(run_id=run_id))
        found = rows.values_list("pk", "event_seq").first()
        if found is None:
            return connection.NOT_FOUND
        self.key, self._last = found
        return 0

    async def run(self) -> None:
        """Send the events after the browser's number, then wait for new ones."""
        await self.tell(live.frame(self.seq, self._first))
        del self._first
        try:
            self._follower = await live.follow(self.key, self)
            await self._order()
            while True:
                await asyncio.sleep(connection.RECHECK)
                if code := await database_sync_to_async(self.refusal)():
                    await self.close(code=code)
                    return
        finally:
            if self._follower is not None:
                live_parts.withdraw(self._follower, self)
            live.leave(self.key, self)

    async def heard(self, text: str) -> None:
        """Take an order: the address of a page, the number it shows, and its language."""
        if self.task is None or len(text) > LONGEST_ORDER:
            return
        # Ignore an order that is nested too deeply, or that contains what no address can.
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(text)
            if isinstance(said, dict) and isinstance(said.get("look"), str):
                said["look"].encode()
                shown, language = number(str(said.get("shown"))) or 0, str(said.get("language"))
                self._ordered = said["look"], shown, language
                await self._order()

    async def _order(self) -> None:
        if self._follower is None or self._ordered is None:
            return
        address, shown, language = self._ordered
        self._ordered = None
        audience, run_id = self._audience, self.scope["url_route"]["kwargs"]["run_id"]
        audience = audience.reading(language)
        draw = partial(audience.draw, run_id, address)
        key = address, audience.key
        await live_parts.order(self._follower, self, key, shown, draw)

    async def tell(self, text: str) -> None:
        """Send a frame, without the values of its events to a person who may not see those."""
        await self.send(text if self._audience.sees_values else _without_values(text))


def _without_values(text: str) -> str:
    frame = json.loads(text)
    if "events" not in frame:  # a part, which was drawn for people without that right
        return text
    return json.dumps({**frame, "events": [*map(withheld.event, frame["events"])]})
