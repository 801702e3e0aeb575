"""The graph as JSON: for the dashboard, for `WorkflowVersion`, and for its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from workflows_app.definition.exhausted import FAIL

if TYPE_CHECKING:
    from workflows_app.definition.builder import Builder
    from workflows_app.definition.functions import Function
    from workflows_app.definition.graph import Node
    from workflows_app.definition.steps import Step


def workflow_json(workflow: Builder, entries: Iterable[Node]) -> dict[str, Any]:
    """Return a workflow, its types and its entries as JSON values.

    The entries of a nested workflow have their paths from the root.
    """
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
        "entries": _entries(entries),
        **_on_exhausted(None if workflow.on_exhausted == FAIL else workflow.on_exhausted),
    }


def write(graph: dict[str, Any]) -> bytes:
    """Return the graph as JSON text; fields keep their author's order, which forms show."""
    return json.dumps(graph, separators=(",", ":")).encode()


def read(text: bytes) -> dict[str, Any]:
    """Return the graph that `write` wrote."""
    graph: dict[str, Any] = from_json(text)
    return graph


def graph_hash(graph: dict[str, Any]) -> str:
    """Return the SHA-256 of the graph's canonical JSON, in hex: the same in every process."""
    text = json.dumps(graph, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _entries(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    return [_entry(node) for node in nodes]


def _entry(node: Node) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": node.kind.value,
        "id": node.entry_id or node.key,
        "path": node.path,
        "name": node.name,
        "key": node.key,
        "description": node.description,
        "metadata": dict(node.metadata),
    }
    if node.step is not None:
        entry["step"] = _step(node.step)
        if node.event is not None:
            entry["event"] = node.event.to_json()
    elif node.workflow is not None:
        entry["workflow"] = workflow_json(node.workflow, node.children)
    elif node.mapping is not None:
        entry["mapping"] = node.mapping.to_json()
    elif node.delay is not None:
        entry["until" if node.is_until else "seconds"] = _delay(node.delay)
    elif node.concurrency is not None:
        entry |= {"children": _entries(node.children), "concurrency": _number(node.concurrency)}
    else:
        entry |= _arms(node)
    return entry


def _number(value: int | Function) -> int | str:
    return value if isinstance(value, int) else value.source


def _delay(value: float | datetime | Function) -> float | str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, (int, float)) else value.source


def _arms(node: Node) -> dict[str, Any]:
    """Return what a parallel, a branch or a loop holds."""
    children = _entries(node.children)
    if node.conditions:
        conditions = [condition.source for condition in node.conditions]
        return {"children": children, "conditions": conditions}
    return {"children": children, "allow_failure": node.allow_failure}


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
        "can_suspend": step.can_suspend,
        "input_schema": step.input.json_schema(),
        "output_schema": step.output.json_schema("serialization"),
        "resume_schema": step.resume.json_schema(),
        "suspend_schema": step.suspend.json_schema("serialization"),
        **_on_exhausted(step.on_exhausted),
    }


def _on_exhausted(value: str | None) -> dict[str, Any]:
    """Return the option if it is given; graphs without it keep the hash that they had."""
    return {} if value is None else {"on_exhausted": value}
