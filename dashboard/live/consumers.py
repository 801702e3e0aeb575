"""The live connection of lists, and the one that answers at unknown addresses.

Connections carry news, never pages. What was missed is read again by its number.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Final

from channels.db import database_sync_to_async

from workflows_app import permissions
from workflows_app.models import Run

from ..request.access import may_answer
from . import connection
from .connection import Guarded
from .news import FeedBridge

FEED_PACE: Final = 1.0


class NowhereConsumer(Guarded):
    """A connection to an address that does not exist."""

    def enter(self) -> int:
        """Say so to people who may see what exists."""
        return super().enter() or connection.NOT_FOUND


class FeedConsumer(Guarded):
    """Sends lists the keys of runs that changed, at most once a second."""

    _hidden: frozenset[str] = frozenset()

    def is_allowed(self) -> bool:
        """Also allow people who only answer, because their inbox is a list as well."""
        is_allowed = super().is_allowed() or may_answer(self.person)
        self._hidden = permissions.hidden_from(self.person) if is_allowed else frozenset()
        return is_allowed

    def _seen(self, runs: list[uuid.UUID]) -> list[uuid.UUID]:
        """Return those runs whose workflow is there for the person; asks the database."""
        seen = permissions.visible(self.person, Run.objects.filter(pk__in=runs))
        return list(seen.values_list("pk", flat=True))

    async def run(self) -> None:
        """Send the keys of changed runs."""
        bridge = FeedBridge()
        checked = time.monotonic()
        try:
            await self.send_json({"type": "ready"})
            while True:
                runs = await bridge.wait()
                if self._hidden:
                    runs = await database_sync_to_async(self._seen)(runs)
                if runs:
                    await self.send_json({"type": "runs", "runs": [str(run) for run in runs]})
                await asyncio.sleep(FEED_PACE)
                if time.monotonic() - checked > connection.RECHECK:
                    checked = time.monotonic()
                    if code := await database_sync_to_async(self.refusal)():
                        await self.close(code=code)
                        return
        finally:
            bridge.close()
