"""The graph as JSON: for the dashboard, for `WorkflowVersion`, and for its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workflows_app.definition.graph import Kind, Node
from workflows_app.definition.mappings import Shape

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.steps import Step


def workflow_json(workflow: Builder, entries: Iterable[Node]) -> dict[str, Any]:
    """Return a workflow, its types and its entries as JSON values."""
    return {
        "id": workflow.id,
        "title": workflow.title,
        "description": workflow.description,
        "metadata": dict(workflow.metadata),
        "permission": workflow.permission,
        "input_schema": workflow.input.json_schema(),
        "output_schema": workflow.output.json_schema("serialization"),
        "state_schema": workflow.state.json_schema(),
        "request_context_schema": workflow.request_context.json_schema(),
        "entries": [_entry(node) for node in entries],
    }


def graph_hash(graph: dict[str, Any]) -> str:
    """Return the SHA-256 of the graph's canonical JSON, in hex."""
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(node: Node) -> dict[str, Any]:
    common: dict[str, Any] = {
        "kind": node.kind.value,
        "id": node.entry_id or node.key,
        "path": node.path,
        "name": node.name,
        "key": node.key,
        "description": node.description,
        "metadata": dict(node.metadata),
    }
    return common | _special(node)


def _special(node: Node) -> dict[str, Any]:
    match node.kind:
        case Kind.STEP if node.step is not None:
            return {"step": _step(node.step)}
        case Kind.PARALLEL:
            return {"allow_failure": node.allow_failure, "children": _entries(node)}
        case Kind.BRANCH:
            conditions = [condition.source for condition in node.conditions]
            return {"children": _entries(node), "conditions": conditions}
        case Kind.MAP if node.mapping is not None:
            given = node.mapping
            return {"mapping": given.to_json() if isinstance(given, Shape) else str(given)}
        case Kind.WORKFLOW if node.workflow is not None:
            return {"workflow": workflow_json(node.workflow, node.children)}
        case _:
            return {}


def _entries(node: Node) -> list[dict[str, Any]]:
    return [_entry(child) for child in node.children]


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "description": step.description,
        "metadata": dict(step.metadata),
        "queue": step.queue,
        "retries": step.retries,
        "retry_delay": step.retry_delay,
        "timeout": step.timeout,
        "atomic": step.atomic,
        "permission": step.permission,
        "can_suspend": not (step.resume.is_any and step.suspend.is_any),
        "input_schema": step.input.json_schema(),
        "output_schema": step.output.json_schema("serialization"),
        "resume_schema": step.resume.json_schema(),
        "suspend_schema": step.suspend.json_schema("serialization"),
    }
