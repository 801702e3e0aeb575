"""The database connections of worker threads: when to check, keep and drop them."""

import math
import threading
import time
from typing import Final

from workflows_app.models.sqltext import connection_here

#: Seconds after its last work for which a thread trusts its connection without a check.
TRUSTED_SECONDS: Final = 1.0
#: Seconds after which a busy thread gives its connection back.
KEPT_SECONDS: Final = 60.0


class ConnectionCheck(threading.local):
    """When the calling thread last worked, and last checked its connection (monotonic time)."""

    worked_at: float = -math.inf
    checked_at: float = -math.inf

    def before_work(self) -> None:
        """Make sure that the connection works, unless it did a moment ago.

        A connection from a pool goes back to it, and the pool checks the one that it gives next.
        This also happens now and then in a busy thread, and after a step has left a transaction
        open.
        """
        now = time.monotonic()
        is_idle = now - self.worked_at >= TRUSTED_SECONDS
        is_old = now - self.checked_at >= KEPT_SECONDS
        here = connection_here()
        is_changed = here.autocommit is not here.settings_dict["AUTOCOMMIT"]
        if is_idle or is_old or is_changed or here.errors_occurred:
            self.checked_at = now
            here.close_if_unusable_or_obsolete()

    def after_work(self) -> None:
        """Note that the connection has just worked."""
        self.worked_at = time.monotonic()


def give_back() -> None:
    """Close the connection of a thread that rarely needs it, if it costs the server."""
    if connection_here().vendor == "postgresql":
        connection_here().close()


def name() -> object:
    """Return the name of the database that this thread would write to."""
    return connection_here().settings_dict["NAME"]


def is_gone(started_with: object) -> bool:
    """Return whether the settings name another database now, or its connections were closed.

    Both happen when a test run drops its database. Threads that outlive it must neither touch
    another database nor keep this one from being dropped.
    """
    if name() != started_with:
        return True
    here = connection_here()
    pools = getattr(here, "_connection_pools", None)
    has_pool = bool(here.settings_dict.get("OPTIONS", {}).get("pool"))
    return has_pool and pools is not None and here.alias not in pools
