"""Settings in which the runs have a database of their own, beside that of the users.

`pytest -p tests.integration.apart.settings` runs tests with them: on two SQLite files, or on two
databases of the PostgreSQL in DATABASE_URL.
"""

import os
from copy import deepcopy
from typing import Any

import pytest

from dashboard.settings import *  # noqa: F403 - settings of the product, and what differs
from dashboard.settings import DATABASES, STATE_DIR


def _beside(described: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a second database like this one."""
    other = deepcopy(described)
    if described["ENGINE"].endswith("sqlite3"):
        other["NAME"] = str(STATE_DIR / "users.sqlite3")
        other["TEST"] = {"NAME": str(STATE_DIR / f"test-{os.getpid()}.users.sqlite3")}
    else:
        other["NAME"] = f"{described['NAME']}_users"
        other["TEST"] = {"NAME": f"test_{os.getpid()}_users"}
        # Whoever runs these tests in a process of its own may use the usual name.
        described["TEST"] = {"NAME": f"test_{os.getpid()}_flows"}
    return other


DATABASES = {"default": _beside(DATABASES["default"]), "flows": DATABASES["default"]}
#: Not in the dictionary WORKFLOWS, because tests replace that.
os.environ["WORKFLOWS_DATABASE"] = "flows"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Choose these settings before Django is set up."""
    os.environ["DJANGO_SETTINGS_MODULE"] = __name__


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that use the database use both."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        names = getattr(item, "fixturenames", ())
        if marker is None and not {"db", "transactional_db"}.intersection(names):
            continue
        kwargs = {} if marker is None else marker.kwargs
        is_whole = "transactional_db" in names or kwargs.get("transaction", False)
        both = {**kwargs, "transaction": is_whole, "databases": ["default", "flows"]}
        item.add_marker(pytest.mark.django_db(**both), append=False)
