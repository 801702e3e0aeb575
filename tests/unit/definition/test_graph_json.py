"""The graph as JSON, its hash, and the registry."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from workflows_app import errors
from workflows_app.definition import Builder, constant, from_step, registry, step
from workflows_app.definition.serialize import graph_hash


class Order(BaseModel):
    id: str
    total: int = Field(default=0, ge=0)


class Answer(BaseModel):
    approved: bool
    tags: set[str] = {"a", "b", "c", "d"}


def validate(order: Order) -> Order:
    """Look at the order."""
    return order


approve = step(
    validate,
    id="approve",
    resume=Answer,
    suspend=dict,
    retries=2,
    retry_delay=1,
    timeout=5,
    queue="people",
    atomic=True,
    metadata={"a": 1},
    permission="group:managers",
)


def order_flow() -> Builder:
    inner = (
        Builder("inner", title="Inside", output=str).then(approve).map(lambda data: data).commit()
    )
    return (
        Builder("order", input=Order, state=dict, description="Orders", metadata={"m": 1})
        .then(validate, description="First", metadata={"n": 2})
        .parallel([approve, inner], allow_failure=True, id="both")
        .branch([(lambda data, ctx: data["ok"], approve)])
        .map({"id": from_step(validate, "id"), "one": constant(1)})
        .commit()
    )


def test_the_graph_has_the_workflow_and_its_entries():
    graph = order_flow().graph()
    assert (graph["id"], graph["title"], graph["description"]) == ("order", "Order", "Orders")
    assert graph["metadata"] == {"m": 1}
    assert graph["input_schema"]["required"] == ["id"]
    assert graph["output_schema"] is None
    assert graph["state_schema"]["type"] == "object"
    assert graph["request_context_schema"] is None
    assert graph["permission"] is None
    kinds = [(entry["kind"], entry["path"]) for entry in graph["entries"]]
    assert kinds == [
        ("step", "validate"),
        ("parallel", "both"),
        ("branch", "branch-1"),
        ("map", "map-1"),
    ]


def test_a_step_is_written_with_all_that_is_known_of_it():
    entry = order_flow().graph()["entries"][0]
    schemas = {name: entry["step"].pop(name) for name in list(entry["step"]) if "schema" in name}
    assert entry == {
        "kind": "step",
        "id": "validate",
        "path": "validate",
        "name": "validate",
        "key": "validate",
        "description": "First",
        "metadata": {"n": 2},
        "step": {
            "id": "validate",
            "description": "Look at the order.",
            "metadata": {},
            "queue": "default",
            "retries": None,
            "retry_delay": None,
            "timeout": None,
            "atomic": False,
            "permission": None,
            "can_suspend": False,
        },
    }
    assert schemas["input_schema"]["properties"]["total"]["minimum"] == 0
    assert schemas["output_schema"]["title"] == "Order"
    assert schemas["resume_schema"] is None
    assert schemas["suspend_schema"] is None


def test_arms_conditions_and_mappings_are_written():
    _, parallel, branch, mapped = order_flow().graph()["entries"]
    assert (parallel["id"], parallel["allow_failure"]) == ("both", True)
    assert [child["path"] for child in parallel["children"]] == ["approve", "inner"]
    assert branch["conditions"] == ['lambda data, ctx: data["ok"]']
    assert [child["path"] for child in branch["children"]] == ["approve#2"]
    assert (branch["children"][0]["key"], branch["children"][0]["id"]) == ("approve", "approve")
    assert "allow_failure" not in branch
    assert mapped["mapping"] == {"id": 'from_step("validate", "id")', "one": "constant(1)"}


def test_the_options_of_a_step_are_written():
    written = order_flow().graph()["entries"][1]["children"][0]["step"]
    assert written["resume_schema"]["title"] == "Answer"
    assert written["suspend_schema"]["type"] == "object"
    assert written["can_suspend"]
    assert (written["retries"], written["retry_delay"], written["timeout"]) == (2, 1.0, 5.0)
    assert (written["queue"], written["atomic"]) == ("people", True)
    assert (written["metadata"], written["permission"]) == ({"a": 1}, "group:managers")


def test_a_nested_workflow_is_written_with_paths_from_the_root():
    entry = order_flow().graph()["entries"][1]["children"][1]
    assert (entry["kind"], entry["id"], entry["path"]) == ("workflow", "inner", "inner")
    nested = entry["workflow"]
    assert (nested["id"], nested["title"]) == ("inner", "Inside")
    assert nested["output_schema"] == {"type": "string"}
    assert [each["path"] for each in nested["entries"]] == ["inner.approve", "inner.map-1"]
    assert nested["entries"][1]["mapping"] == "lambda data: data"


def test_the_graph_is_plain_json_and_a_fresh_copy():
    flow = order_flow()
    graph = flow.graph()
    assert json.loads(json.dumps(graph, allow_nan=False)) == graph == flow.tree.to_json()
    graph.clear()
    assert flow.graph()["id"] == "order"


def test_the_hash_names_the_shape():
    flow = order_flow()
    assert len(flow.version_hash) == 64
    assert flow.version_hash == graph_hash(flow.graph()) == order_flow().version_hash
    assert flow.version_hash != Builder("order").then(validate).commit().version_hash


def test_the_hash_is_the_same_in_another_process():
    code = f"from {__name__} import order_flow; print(order_flow().version_hash)"
    root = str(Path(__file__).parents[3])
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == order_flow().version_hash


# The registry.


def test_a_committed_workflow_is_known_by_its_id():
    flow = Builder("order").then(validate)
    assert registry.find("order") is None
    flow.commit()
    assert registry.find("order") is registry.get("order") is flow


def test_an_unknown_workflow_is_refused_with_the_known_ones():
    with pytest.raises(errors.WorkflowNotFound, match=r"'order'; it knows none"):
        registry.get("order")
    Builder("other").then(validate).commit()
    with pytest.raises(errors.WorkflowNotFound, match=r"it knows other.*WORKFLOWS_MODULES"):
        registry.get("order")


def test_all_workflows_are_ordered_by_id():
    for id_ in ("b", "a", "c"):
        Builder(id_).then(validate).commit()
    assert [flow.id for flow in registry.all()] == ["a", "b", "c"]


def test_the_latest_definition_wins_and_a_different_one_is_a_conflict():
    Builder("order").then(validate).commit()
    same = Builder("order").then(validate).commit()
    assert registry.get("order") is same
    assert registry.conflicts() == {}
    other = Builder("order").then(approve).commit()
    assert registry.get("order") is other
    assert registry.conflicts() == {"order": (__name__, __name__)}
    other.commit()
    assert registry.conflicts() == {"order": (__name__, __name__)}


def test_a_form_can_show_the_fields_of_a_type_in_the_order_of_their_author():
    class Late(BaseModel):
        who: str
        amount: int

    graph = Builder("late", input=Late).then(lambda_step).commit().graph()
    assert list(graph["input_schema"]["properties"]) == ["who", "amount"]


lambda_step = step(lambda data: data, id="same")
