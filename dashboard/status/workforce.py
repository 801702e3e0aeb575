"""Whether anybody runs steps, for processes that leave them to workers."""

import time
from typing import Final

from workflows_app import conf
from workflows_app.engine.host import clock, workers

#: Seconds for which a look is believed, because every page asks.
KEPT_SECONDS: Final = 5.0

#: When it was last looked (monotonic seconds), and whether no worker was alive.
_last: tuple[float, bool] = (float("-inf"), False)


def is_absent() -> bool:
    """Return whether this process leaves its steps to workers, and none is alive."""
    global _last  # noqa: PLW0603 - one look for the process, replaced as a whole
    if conf.get("EXECUTION") != "distributed":
        return False
    if time.monotonic() - _last[0] > KEPT_SECONDS:
        _last = (time.monotonic(), workers.served(clock.now()) == frozenset())
    return _last[1]
