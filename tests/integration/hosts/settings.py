"""Settings of a host that asks for what few ask for: see `test_hosts`."""

import os

from dashboard.settings import *  # noqa: F403 - settings of the product, and what differs
from dashboard.settings import DATABASES

DATABASES["default"]["ATOMIC_REQUESTS"] = True
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # The server gets values apart from the statement, so that it must know their types.
    DATABASES["default"]["OPTIONS"]["server_side_binding"] = True
    # Whoever runs these tests in a process of its own may use the usual name.
    DATABASES["default"]["TEST"] = {"NAME": f"test_{os.getpid()}_host"}
