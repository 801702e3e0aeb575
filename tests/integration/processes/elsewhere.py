"""What clients do in processes of their own, and what they see."""

from pathlib import Path
from typing import Any

from tests.product import Workers

START = """
from workflows_app import get_workflow
run = get_workflow("{workflow}").create_run(run_id="{run_id}")
run.start({{"n": 1}}, wait=False)
"""
LOOK = """
from workflows_app import get_workflow
run = get_workflow("{workflow}").get_run("{run_id}")
print(json.dumps({{
    "status": run.status,
    "result": run.result().result,
    "numbers": [event.seq for event in run.events()],
    "types": [event.type for event in run.events()],
}}))
"""


def start(workers: Workers, workflow: str, run_id: str = "r") -> None:
    """Start a run from a process that runs no steps."""
    workers.python(START.format(workflow=workflow, run_id=run_id))


def look(workers: Workers, workflow: str, run_id: str = "r") -> dict[str, Any]:
    """Return what there is to know of a run."""
    found: dict[str, Any] = workers.python(LOOK.format(workflow=workflow, run_id=run_id))
    return found


def ran(folder: Path) -> list[str]:
    """Return what the steps left outside the database."""
    file = folder / "ran"
    return file.read_text().splitlines() if file.exists() else []
