"""The workflow whose runs emit events at an even pace."""

import time
from typing import Any

from workflows_app import Workflow, step


@step
def talk(data: dict[str, Any]) -> dict[str, Any]:
    """Wait a little; its start and its end are two events."""
    time.sleep(data["pause"])
    return {**data, "rounds": data["rounds"] - 1}


TALK = Workflow("bench-talk").do_until(talk, lambda data: data["rounds"] <= 0).commit()
