"""The workflows whose cost is measured beside many runs, and in long ones."""

from datetime import datetime
from typing import Any

from tests.benchmarks.flows import ASKS, TEN, THREE
from workflows_app import Workflow, step

#: Steps of the long chain.
LENGTH = 10_000


@step
def pass_on(data: dict[str, Any]) -> dict[str, Any]:
    """Return what came."""
    return data


def _long() -> Workflow:
    flow = Workflow("bench-long")
    for number in range(LENGTH):
        flow.then(step(lambda data: data, id=f"s{number}"))
    return flow.commit()


def _until(data: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(data["until"])


SLEEPS = Workflow("bench-sleeps").sleep_until(_until).then(pass_on).commit()
ONE = Workflow("bench-one").then(pass_on).commit()

__all__ = ["ASKS", "ONE", "SLEEPS", "TEN", "THREE", "long_chain"]


def long_chain() -> Workflow:
    """Return the long chain, made on first use because ten thousand steps take a second."""
    return _long()
