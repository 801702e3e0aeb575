"""Whether the database that a thread was started for is still there to be written to."""

import threading
from typing import Final

from django.db import connection

#: Held by the background threads while they use the database, each its own: who must be alone
#: with it, as a test that empties its tables, takes both.
SWEEPING: Final = threading.Lock()
BEATING: Final = threading.Lock()


def name() -> object:
    """Return the name of the database that this thread would write to."""
    return connection.settings_dict["NAME"]


def is_gone(started_with: object) -> bool:
    """Return whether the settings name another database now, or its connections were closed.

    Both happen when a test run takes its database down: threads that outlive it must not touch
    another one, nor keep this one from being dropped.
    """
    if name() != started_with:
        return True
    pools = getattr(connection, "_connection_pools", None)
    has_pool = bool(connection.settings_dict.get("OPTIONS", {}).get("pool"))
    return has_pool and pools is not None and connection.alias not in pools
