"""Runs that go on under other code than they began with: whether they may, and what then.

A process that does not know a step, or has other code before it, leaves it to others with growing
delay; after `VERSION_GRACE_SECONDS` the step fails, and `retry()` works after a fix.
"""

import logging
from datetime import timedelta
from typing import Final

from workflows_app import conf, errors
from workflows_app.definition import Builder, registry
from workflows_app.definition import changes as changed
from workflows_app.engine import failures, versions
from workflows_app.engine.apply import apply
from workflows_app.engine.change import Change
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import fail_unknown

logger = logging.getLogger(__name__)

#: Seconds until a step that is not known here is looked at again: they grow with its waiting.
FIRST_DELAY: Final = 0.5
LAST_DELAY: Final = 30.0


def require_same(definition: Builder, run: Run, base_path: str | None, verb: str) -> None:
    """Raise DefinitionChanged when the run cannot go on at this place under today's code."""
    problem = _problem(definition, run, base_path)
    if problem:
        raise errors.DefinitionChanged(
            f"Run {run.run_id!r} cannot {verb} under today's code of workflow {definition.id!r}: "
            f"{problem}. Go back to the code that it began with, or start a new run (rerun)."
        )


def problem_at(changing: Change, step: StepSnapshot) -> str:
    """Return why this process must not run the step; empty when it may."""
    run = changing.model
    definition = registry.find(run.workflow_id)
    if definition is None:
        return f"workflow {run.workflow_id!r} is not known here (WORKFLOWS_MODULES?)"
    return _problem(definition, run, step.base_path)


def leave_to_others(changing: Change, step: StepSnapshot, problem: str) -> None:
    """Hand a step back that this process has no code for; after the grace, fail it."""
    since = step.unknown_since or changing.now
    waited = (changing.now - since).total_seconds()
    if waited >= conf.get("VERSION_GRACE_SECONDS"):
        error = errors.DefinitionChanged(
            f"No worker has had code for step {step.path!r} for {waited:.0f} s: {problem}. Deploy "
            "code that fits the run, then retry it."
        )
        described = failures.describe(error)
        apply(changing, fail_unknown(changing, step.path, described))
        return
    delay = min(max(waited / 2, FIRST_DELAY), LAST_DELAY)
    logger.warning(
        "Step %s of run %s is left to other workers: %s. Looking again in %.1f s.",
        step.path, changing.model.run_id, problem, delay,
    )  # fmt: skip
    later = changing.now + timedelta(seconds=delay)
    fields = {"unknown_since": since}
    if step.status == "queued":
        fields["wake_at"] = later
    changing.write(step, **fields)


def _problem(definition: Builder, run: Run, base_path: str | None) -> str:
    if versions.is_present(definition, run.version_id):
        return ""
    return changed.problem(definition, versions.shape(run.version_id), base_path)
