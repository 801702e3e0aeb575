"""Runs under changed code: whether they may continue, and what happens if not.

A process that does not know a step, or has different entries before it, leaves the step to others
with a growing delay. After `VERSION_GRACE_SECONDS` the step fails, and `retry()` works after a fix.
"""

import logging
from datetime import timedelta
from typing import Final

from workflows_app import conf, errors
from workflows_app.definition import Builder, registry
from workflows_app.definition import changes as changed
from workflows_app.engine.host import transactions
from workflows_app.engine.run import failures, followers, versions
from workflows_app.engine.run.apply import apply
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import HOOK
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.decide import fail_unknown
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: Seconds until an unknown step is looked at again; they grow while it waits.
FIRST_DELAY: Final = 0.5
LAST_DELAY: Final = 30.0


def require_same(definition: Builder, run: Run, step: StepSnapshot, verb: str) -> None:
    """Raise DefinitionChanged if the run cannot continue at this step under today's code."""
    require_fit(definition, run, version_of(run, step), step.base_path, verb)


def require_fit(definition: Builder, run: Run, version: int, base_path: str, verb: str) -> None:
    """Raise DefinitionChanged if today's code differs from a version at or before a place."""
    problem = _problem(definition, version, base_path)
    if problem:
        raise errors.DefinitionChanged(
            f"Run {run.run_id!r} cannot {verb} under today's code of workflow {definition.id!r}: "
            f"{problem}. Go back to the code that it began with, or start a new run (rerun)."
        )


def problem_at(run: Run, step: StepSnapshot) -> str:
    """Return why this process must not run the step; empty if it may."""
    definition = registry.find(run.workflow_id)
    if definition is None:
        return f"workflow {run.workflow_id!r} is not known here (WORKFLOWS_MODULES?)"
    if step.kind == HOOK:
        return ""
    return _problem(definition, version_of(run, step), step.base_path)


def version_of(run: Run, step: StepSnapshot) -> int:
    """Return the version whose code queued a step, because a run may continue under newer code."""
    return step.version_id or run.version_id


def latest_version(run: Run) -> int:
    """Return the version under which a run has continued last."""
    return run.later_version_id or run.version_id


def leave_to_others(changing: Change, step: StepSnapshot, problem: str) -> None:
    """Hand back a step that this process has no code for; after the grace period, fail it."""
    since = step.unknown_since or changing.now
    waited = (changing.now - since).total_seconds()
    if waited >= conf.get("VERSION_GRACE_SECONDS"):
        _fail(changing, step, f"for {waited:.0f} s: {problem}")
        return
    delay = min(max(waited / 2, FIRST_DELAY), LAST_DELAY)
    logger.warning(
        "Step %s of run %s is left to other workers: %s. Looking again in %.1f s.",
        step.path, changing.model.run_id, problem, delay,
    )  # fmt: skip
    later = changing.now + timedelta(seconds=delay)
    changing.write(step, unknown_since=since, wake_at=later)


def _fail(changing: Change, step: StepSnapshot, why: str) -> None:
    """End a step that no worker has code for. A hook is dropped, because its run has settled."""
    if step.kind == HOOK:
        logger.error(
            "No worker has had code for the hooks of run %s %s. They are not called.",
            changing.model.run_id, why,
        )  # fmt: skip
        changing.move(step, StepStatus.FAILED, ended_at=changing.now, wake_at=None)
        changing.model.hooks_pending -= 1
        run = changing.model
        transactions.after_commit(lambda: followers.tell(run, None))
        return
    error = errors.DefinitionChanged(
        f"No worker has had code for step {step.path!r} {why}. Deploy code that fits the run, "
        "then retry it."
    )
    apply(changing, fail_unknown(changing, step.path, failures.describe(error)))


def _problem(definition: Builder, version: int, base_path: str) -> str:
    if versions.is_present(definition, version):
        return ""
    return changed.problem(definition, versions.shape(version), base_path)
