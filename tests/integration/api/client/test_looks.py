"""Workflows over the wire: what each looks like to the JavaScript client."""

import json

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import Wire, refused, started
from workflows_app import tokens


def test_a_workflow_has_its_steps_in_order_and_its_types_as_texts(wire):
    shown = wire.look("/workflows/js-orders").json()

    assert list(shown["steps"]) == list(shown["allSteps"]) == ["approve", "charge"]
    assert (shown["name"], shown["origin"], shown["isProcessorWorkflow"]) == (
        "js-orders", "code", False,
    )  # fmt: skip
    assert (shown["description"], shown["metadata"]) == ("Charges.", {"n": 1})
    assert shown["options"] == {"validateInputs": True}
    assert json.loads(shown["inputSchema"])["json"]["required"] == ["id", "total"]
    assert json.loads(shown["outputSchema"]) == {"json": {"type": "string"}}
    assert not {"stateSchema", "requestContextSchema"} & set(shown)
    approve = shown["steps"]["approve"]
    assert approve["id"] == "approve"
    assert approve["description"] == "Ask a person when the order is large."
    assert approve["metadata"] == {"team": "sales"}
    assert "approved" in json.loads(approve["resumeSchema"])["json"]["properties"]
    assert shown["allSteps"]["approve"] == {**approve, "isWorkflow": False}
    assert shown["stepGraph"][0] == {
        "type": "step",
        "id": "approve",
        "description": approve["description"],
        "step": {
            "id": "approve",
            "description": approve["description"],
            "metadata": {"team": "sales"},
            "canSuspend": True,
        },
    }


def test_each_kind_of_entry_is_in_the_graph(wire):
    shown = wire.look("/workflows/js-every").json()
    parallel, mapping, sleep, loop, branch, _, each, until = shown["stepGraph"]

    assert [entry["step"]["id"] for entry in parallel["steps"]] == ["left", "right"]
    assert parallel["type"] == "parallel"
    assert (mapping["type"], mapping["id"]) == ("mapping", "joined")
    assert "both" in mapping["mapConfig"]
    assert (sleep["type"], sleep["id"], sleep["duration"]) == ("sleep", "sleep-1", 50)
    assert (loop["type"], loop["loopType"]) == ("loop", "dountil")
    assert loop["step"]["step"]["id"] == "is_more"
    assert loop["serializedCondition"]["id"] == "is_more-condition"
    assert branch["type"] == "conditional"
    assert [condition["id"] for condition in branch["serializedConditions"]] == [
        "odd-condition", "even-condition",
    ]  # fmt: skip
    assert each["type"] == "foreach"
    assert (each["opts"], each["step"]["type"]) == ({"concurrency": 2}, "step")
    assert (until["type"], until["date"]) == ("sleepUntil", "2024-01-01T00:00:00+00:00")
    assert list(shown["steps"]) == [
        "left", "right", "joined", "sleep-1", "is_more", "odd", "even", "listed", "each", "sleep-2",
    ]  # fmt: skip
    assert "count" in json.loads(shown["stateSchema"])["json"]["properties"]


def test_nested_workflows_stand_under_dotted_paths(wire):
    shown = wire.look("/workflows/js-nested").json()

    assert list(shown["steps"]) == ["add", "js-inner"]
    assert shown["allSteps"]["js-inner"]["isWorkflow"] is True
    assert shown["allSteps"]["js-inner"]["component"] == "WORKFLOW"
    assert shown["allSteps"]["js-inner.inner-ask"]["isWorkflow"] is False
    entry = shown["stepGraph"][1]
    assert (entry["type"], entry["id"], entry["workflowId"]) == (
        "workflow", "js-inner", "js-inner",
    )  # fmt: skip
    assert [inside["step"]["id"] for inside in entry["serializedStepFlow"]] == ["add", "inner-ask"]


def test_the_list_is_whole_or_partial(wire):
    whole = wire.look("/workflows").json()
    partial = wire.look("/workflows?partial=true&requestContext=bm90aGluZw==").json()

    assert whole["js-orders"] == wire.look("/workflows/js-orders").json()
    shown = partial["js-every"]
    assert (shown["steps"], shown["allSteps"], shown["stepCount"]) == ({}, {}, 10)
    assert shown["stepGraph"] == whole["js-every"]["stepGraph"]
    assert "inputSchema" not in shown


def test_the_runs_of_each_workflow_are_counted(wire):
    started()
    counts = wire.look("/workflows/run-counts").json()
    assert counts["js-orders"] == {"running": 0, "suspended": 1}
    assert counts["js-two"] == {"running": 0, "suspended": 0}


def test_a_workflow_that_one_may_not_know_of_is_not_there(wire_with, ana):
    outsider = wire_with("view_run", "start_run")
    narrow = Wire(tokens.make(ana, "narrow", workflows=["js-two"])[1])
    assert "js-guarded" not in outsider.look("/workflows").json()
    assert list(narrow.look("/workflows").json()) == ["js-two"]
    assert list(narrow.look("/workflows/run-counts").json()) == ["js-two"]
    for program, id_ in ((outsider, "js-guarded"), (narrow, "js-orders"), (narrow, "gone")):
        refused(program.look(f"/workflows/{id_}"), 404, "Workflow not found")
        refused(program.act(f"/workflows/{id_}/start-async"), 404, "Workflow not found")
    assert flows.guarded.list_runs().total == 0


def test_unknown_addresses_and_methods_are_refused_in_json(wire, client):
    assert wire.look("/agents").json() == {"error": "Not Found"}
    refused(wire.look("/workflows/js-orders/nothing"), 404, "Not Found")
    refused(wire.act("/workflows"), 405)
    refused(client.get("/api/workflows"), 401)
    refused(Wire("sbx_wrong").look("/workflows"), 401)
    assert client.get("/api/workflows")["WWW-Authenticate"].startswith("Bearer")
