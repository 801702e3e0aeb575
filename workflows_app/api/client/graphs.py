"""A workflow, its steps and its graph, as the client knows them. The graph comes in as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from workflows_app import Workflow
from workflows_app.api.client.names import present
from workflows_app.definition import LOOPS, REPEATING, Kind
from workflows_app.engine.run import step_paths

Entry = Mapping[str, Any]

#: Entries without a record of their own: their parts stand in the sequence around them.
_PLAIN: Final = (Kind.PARALLEL, Kind.BRANCH)
_SCHEMAS: Final = ("input", "output", "resume", "suspend")
_OF_WORKFLOW: Final = ("input", "output", "state", "request_context")


def workflow(found: Workflow, *, is_partial: bool = False) -> dict[str, Any]:
    """Return a workflow; `is_partial`: without its steps and types, which may be large."""
    graph = found.graph()
    shown: dict[str, Any] = {
        "name": found.id,
        **present({"description": graph["description"] or None}),
        **present({"metadata": graph["metadata"] or None}),
        "origin": "code",
        "steps": {} if is_partial else _steps(found, graph),
        "allSteps": {} if is_partial else _all_steps(found, graph["entries"]),
        "stepGraph": step_graph(graph["entries"]),
        "options": {"validateInputs": found.validate_inputs},
        "isProcessorWorkflow": False,
    }
    if is_partial:
        return {**shown, "stepCount": sum(1 for _ in own_entries(graph["entries"]))}
    return {**shown, **_schemas(graph, _OF_WORKFLOW)}


# Steps.


def own_entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of a workflow that have records, in order of definition."""
    for entry in entries:
        if entry["kind"] in _PLAIN:
            yield from own_entries(entry["children"])
        else:
            yield entry


def _steps(found: Workflow, graph: Entry) -> dict[str, Any]:
    own = own_entries(graph["entries"])
    return {name_of(entry): _step(found, entry, name_of(entry)) for entry in own}


def _all_steps(found: Workflow, entries: Iterable[Entry]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for entry in own_entries(entries):
        path = step_paths.plain(entry["path"])
        nested = _inside(entry).get("workflow")
        shown[path] = {**_step(found, entry, path), "isWorkflow": nested is not None}
        if nested is not None:
            shown |= _all_steps(found, nested["entries"])
    return shown


def _step(found: Workflow, entry: Entry, key: str) -> dict[str, Any]:
    inside = _inside(entry)
    said = inside.get("step") or inside.get("workflow") or entry
    node = found.tree.nodes.get(inside["path"])
    types = {} if node is None or node.step is None else {
        "state_schema": node.step.state.json_schema(),
        "request_context_schema": node.step.request_context.json_schema(),
    }  # fmt: skip
    shown = {
        "id": key,
        "description": entry["description"] or said["description"] or None,
        "metadata": entry["metadata"] or said["metadata"] or None,
        "component": "WORKFLOW" if "workflow" in inside else None,
    }
    names = dict.fromkeys((*_SCHEMAS, *_OF_WORKFLOW))
    return {**present(shown), **_schemas({**said, **types}, names)}


def _inside(entry: Entry) -> Entry:
    """Return what a foreach or a loop repeats; of others, the entry itself."""
    body: Entry = entry["children"][0] if entry["kind"] in REPEATING else entry
    return body


def _schemas(said: Entry, names: Iterable[str]) -> dict[str, str]:
    """Return types as texts of JSON, as the client unwraps them; none where there is no type."""
    found = {name: said.get(f"{name}_schema") for name in names}
    return {
        _TYPES[name]: json.dumps({"json": schema})
        for name, schema in found.items()
        if schema is not None
    }


_TYPES: Final = {
    "input": "inputSchema", "output": "outputSchema", "resume": "resumeSchema",
    "suspend": "suspendSchema", "state": "stateSchema",
    "request_context": "requestContextSchema",
}  # fmt: skip


def name_of(entry: Entry) -> str:
    """Return the id by which an entry's events and record go: the last part of its path."""
    return step_paths.plain(entry["name"])


# The graph.


def step_graph(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return the entries of a workflow, in order."""
    return [_entry(entry) for entry in entries]


def _entry(entry: Entry) -> dict[str, Any]:
    make = _MAKERS[Kind(entry["kind"])]
    about = {"id": entry["id"], **{k: entry[k] for k in ("description", "metadata") if entry[k]}}
    return {**about, **make(entry)}


def _of_step(entry: Entry) -> dict[str, Any]:
    said = entry["step"]
    step = {
        "id": name_of(entry),
        "description": said["description"] or None,
        "metadata": said["metadata"] or None,
        "canSuspend": said["can_suspend"],
    }
    return {"type": "step", "id": name_of(entry), "step": present(step)}


def _of_workflow(entry: Entry) -> dict[str, Any]:
    nested = entry["workflow"]
    flow = step_graph(nested["entries"])
    shown = {"type": "workflow", "workflowId": nested["id"], "serializedStepFlow": flow}
    return {**shown, "id": name_of(entry)}


def _of_map(entry: Entry) -> dict[str, Any]:
    said = entry["mapping"]
    text = said if isinstance(said, str) else json.dumps(said)
    return {"type": "mapping", "id": name_of(entry), "mapConfig": text}


def _of_parallel(entry: Entry) -> dict[str, Any]:
    return {"type": "parallel", "steps": step_graph(entry["children"])}


def _of_branch(entry: Entry) -> dict[str, Any]:
    arms: Sequence[Entry] = entry["children"]
    conditions = [
        {"id": f"{name_of(arm)}-condition", "fn": fn}
        for arm, fn in zip(arms, entry["conditions"], strict=True)
    ]
    return {
        "type": "conditional", "steps": step_graph(arms), "serializedConditions": conditions,
    }  # fmt: skip


def _of_loop(entry: Entry) -> dict[str, Any]:
    condition = {"id": f"{name_of(entry)}-condition", "fn": entry["conditions"][0]}
    return {
        "type": "loop",
        "id": name_of(entry),
        "step": _entry(entry["children"][0]),
        "serializedCondition": condition,
        "loopType": str(entry["kind"]).replace("_", ""),
    }


def _of_foreach(entry: Entry) -> dict[str, Any]:
    number = entry["concurrency"]
    opts = {"concurrency": number} if isinstance(number, int) else {"fn": number}
    return {
        "type": "foreach", "id": name_of(entry), "step": _entry(entry["children"][0]), "opts": opts,
    }  # fmt: skip


def _of_sleep(entry: Entry) -> dict[str, Any]:
    if "until" in entry:
        said = entry["until"]
        when = {"date": said} if _is_moment(said) else {"fn": said}
        return {"type": "sleepUntil", "id": name_of(entry), **when}
    said = entry["seconds"]
    how_long = {"fn": said} if isinstance(said, str) else {"duration": round(said * 1000)}
    return {"type": "sleep", "id": name_of(entry), **how_long}


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


_MAKERS: Final[Mapping[Kind, Callable[[Entry], dict[str, Any]]]] = {
    Kind.STEP: _of_step,
    Kind.WORKFLOW: _of_workflow,
    Kind.MAP: _of_map,
    Kind.PARALLEL: _of_parallel,
    Kind.BRANCH: _of_branch,
    Kind.FOREACH: _of_foreach,
    **dict.fromkeys(LOOPS, _of_loop),
    Kind.SLEEP: _of_sleep,
}


# Places in the graph.


def positions(entries: Iterable[Entry]) -> dict[str, list[int]]:
    """Return where each step of a workflow stands, as indexes into its graph."""
    found: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        if entry["kind"] in _PLAIN:
            inside = positions(entry["children"])
            found |= {name: [index, *rest] for name, rest in inside.items()}
        else:
            found[name_of(entry)] = [index]
    return found
