"""The intake of a workflow: whether its runs may begin. Checks who asks, and calls the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workflows_app import calling, permissions
from workflows_app.engine.verbs import holding

if TYPE_CHECKING:
    from workflows_app.workflow import Workflow


def pause(workflow: Workflow, reason: str, *, actor: Any, door: str) -> None:
    """Keep the workflow's runs that have not begun pending. Raises NotPermitted, InvalidInput."""
    workflow.require_committed()
    why = calling.text(reason, "reason", "pause_intake()") or ""
    permissions.require(workflow, actor)
    holding.pause_intake(workflow, reason=why, actor=actor, door=door)


def resume(workflow: Workflow, *, actor: Any, door: str) -> None:
    """Let the workflow's runs begin again. Raises NotPermitted."""
    workflow.require_committed()
    permissions.require(workflow, actor)
    holding.resume_intake(workflow, actor=actor, door=door)
