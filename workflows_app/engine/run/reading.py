"""What the code of steps reads of its run: outputs by path, and the input."""

import uuid
from collections.abc import Sequence

from workflows_app.engine.run import payloads
from workflows_app.jsontext import Raw
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus


def output_of(run: uuid.UUID, candidates: Sequence[str]) -> Raw | None:
    """Return the output of the first of these paths that succeeded, as text; None if none did."""
    steps = StepSnapshot.objects.current().filter(
        run=run, path__in=candidates, status=StepStatus.SUCCESS
    )
    found = {step.path: step for step in steps.only("path", "run_id", "output_from")}
    first = next((found[candidate] for candidate in candidates if candidate in found), None)
    return None if first is None else payloads.output_of(first)


def init_data(run: uuid.UUID, seen_from: str) -> Raw | None:
    """Return the input of the workflow that holds the path `seen_from`, as text."""
    scope = seen_from.rpartition(".")[0]
    if not scope:
        return payloads.read(Run, run, "input")
    step = StepSnapshot.objects.current().only("run_id", "payload_from").get(run=run, path=scope)
    return payloads.payload_of(step)


def outward(seen_from: str, path: str) -> list[str]:
    """Return what a path may mean, first in the workflow that holds `seen_from`, then outward."""
    return [f"{scope}.{path}" if scope else path for scope in scopes(seen_from)]


def scopes(path: str) -> list[str]:
    """Return the paths of the workflows around `path`, innermost first; the root is empty."""
    found = []
    while path:
        path = path.rpartition(".")[0]
        found.append(path)
    return found
