"""Runs over the wire: made, listed, shown, deleted."""

import pytest

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import ORDER, refused, started
from workflows_app.models import Action

RUNS = "/workflows/js-orders/runs"


def test_a_run_is_made_once_by_its_id(wire):
    path = "/workflows/js-orders/create-run?runId=r-1"
    first = wire.act(path, {"resourceId": "shop", "disableScorers": True})
    again = wire.act(path, {"resourceId": "other"})
    bare = wire.act("/workflows/js-orders/create-run?")

    assert first.json() == again.json() == {"runId": "r-1"}
    assert flows.orders.get_run("r-1").resource_id == "shop"
    assert flows.orders.get_run(bare.json()["runId"]).status == "pending"
    refused(wire.act("/workflows/js-two/create-run?runId=r-1"), 409)
    refused(wire.act("/workflows/js-two/create-run?runId=a/b"), 400)


def test_runs_are_listed_by_page_the_newest_first(wire):
    for number in range(5):
        started(given={"id": "a", "total": 1}, run_id=f"r-{number}")
    wire.act("/workflows/js-orders/create-run?runId=r-5")

    def ids(query: str) -> list[str]:
        answer = wire.look(f"{RUNS}?{query}").json()
        assert answer["total"] == 6
        return [run["runId"][2:] for run in answer["runs"]]

    assert ids("") == ["5", "4", "3", "2", "1", "0"]
    assert ids("page=1&perPage=2") == ["3", "2"]
    assert ids("perPage=4") == ["5", "4", "3", "2"]
    assert ids("limit=2&offset=4") == ["1", "0"]
    assert ids("page=9&perPage=2") == []
    assert ids("requestContext=e30=&unknown=1&perPage=1") == ["5"]


@pytest.mark.parametrize(
    "query", ["limit=false", "page=-1", "perPage=0", "status=odd", "fromDate=x", "perPage=x"]
)
def test_a_wrong_filter_is_refused(wire, query):
    assert refused(wire.look(f"{RUNS}?{query}"), 400)["issues"]


def test_runs_are_filtered(wire):
    started(run_id="asks")
    started(given={"id": "a", "total": 1}, run_id="done")
    flows.orders.create_run("waits", "shop")

    def ids(query: str) -> list[str]:
        return [run["runId"] for run in wire.look(f"{RUNS}?{query}").json()["runs"]]

    assert ids("status=suspended") == ["asks"]
    assert ids("status=tripwire") == []
    assert ids("resourceId=shop") == ["waits"]
    assert ids("fromDate=2020-01-01T00:00:00.000Z") == ["waits", "done", "asks"]
    assert ids("toDate=2020-01-01T00:00:00.000Z") == []


def test_a_snapshot_has_where_the_run_stands(wire):
    started(run_id="asks")
    (run,) = wire.look(RUNS).json()["runs"]
    snapshot = run["snapshot"]

    assert run["workflowName"] == "js-orders"
    assert run["resourceId"] is None
    assert run["createdAt"] <= run["updatedAt"]
    assert snapshot["status"] == "suspended"
    assert snapshot["context"]["input"] == ORDER
    assert snapshot["context"]["approve"]["suspendPayload"] == {"reason": "costs 987654321"}
    assert snapshot["suspendedPaths"] == {"approve": [0]}
    assert snapshot["activeStepsPath"] == snapshot["waitingPaths"] == {}
    assert snapshot["resumeLabels"] == {"boss": {"stepId": "approve"}}
    assert snapshot["serializedStepGraph"][1]["step"]["id"] == "charge"
    assert snapshot["value"] == {}
    assert isinstance(snapshot["timestamp"], int)


def test_one_run_is_shown_whole_or_by_its_fields(wire):
    run = flows.nested.create_run("n", "shop")
    run.start(1, initial_state={"snake_case": 1})
    run.resume(2)
    path = "/workflows/js-nested/runs/n"
    shown = wire.look(path).json()

    assert set(shown) == {
        "runId", "workflowName", "resourceId", "createdAt", "updatedAt", "status", "initialState",
        "result", "error", "payload", "steps", "activeStepsPath", "serializedStepGraph",
        "suspendedPaths", "resumeLabels", "waitingPaths",
    }  # fmt: skip
    assert shown["initialState"] == {"snake_case": 1}
    assert (shown["status"], shown["result"], shown["error"]) == ("success", 5, None)
    assert list(shown["steps"]) == ["add", "js-inner", "js-inner.add", "js-inner.inner-ask"]
    assert shown["steps"]["add"]["payload"] == 1
    ask = shown["steps"]["js-inner.inner-ask"]
    assert (ask["output"], ask["suspendPayload"], ask["resumePayload"]) == (5, {"n": 3}, 2)
    assert ask["startedAt"] <= ask["suspendedAt"] <= ask["resumedAt"] <= ask["endedAt"]
    flat = wire.look(f"{path}?withNestedWorkflows=false").json()
    assert list(flat["steps"]) == ["add", "js-inner"]
    part = wire.look(f"{path}?fields=result,activeStepsPath").json()
    assert set(shown) - set(part) == {"error", "payload", "steps", "serializedStepGraph"}
    refused(wire.look(f"{path}?fields=result,nope"), 400, "nope")
    refused(wire.look("/workflows/js-orders/runs/n"), 404, "Workflow run not found")
    refused(wire.look("/workflows/js-nested/runs/gone"), 404, "Workflow run not found")


def test_loops_and_lists_have_one_record(wire):
    flows.every.create_run("e").start(1)
    steps = wire.look("/workflows/js-every/runs/e").json()["steps"]

    assert steps["is_more"]["metadata"] == {"iterationCount": 5}
    assert (steps["each"]["payload"], steps["each"]["output"]) == ([1, 2, 3], [2, 3, 4])
    assert "even" not in steps
    assert steps["sleep-1"]["status"] == "success"


def test_a_failed_run_shows_its_error_without_the_traceback(wire):
    started(given={"id": "broken", "total": 1}, run_id="f")
    answer = wire.look(f"{RUNS}/f")
    shown = answer.json()

    assert shown["error"]["name"] == "ValueError"
    assert shown["error"]["message"] == "the bank said no"
    assert shown["steps"]["charge"]["error"] == {
        "name": "ValueError", "message": "the bank said no",
    }  # fmt: skip
    assert b"Traceback" not in answer.content


def test_values_are_left_out_for_those_who_may_not_see_them(wire_with):
    run = started(run_id="r")
    run.resume({"approved": True})
    blind = wire_with("view_run", "start_run")
    for answer in (
        blind.look(RUNS), blind.look(f"{RUNS}/r"),
        blind.act("/workflows/js-orders/start-async", {"inputData": ORDER}),
    ):  # fmt: skip
        assert answer.status_code == 200
        assert b"987654321" not in answer.content
    assert "payload" not in blind.look(f"{RUNS}/r").json()


def test_large_values_are_given_whole(wire):
    run = flows.talking.create_run("big")
    run.start("x" * 70_000)
    shown = wire.look("/workflows/js-talking/runs/big").json()
    assert shown["payload"] == shown["result"]["snake_case"] == "x" * 70_000


def test_a_run_is_deleted_unless_it_is_active(wire):
    started(run_id="r")
    assert wire.ask("DELETE", f"{RUNS}/r").json()["message"]
    refused(wire.ask("DELETE", f"{RUNS}/r"), 404, "Workflow run not found")
    action = Action.objects.get(verb="delete")
    assert (action.door, action.actor_name) == ("client", "ana")


def test_cancel_says_what_became_of_it(wire):
    started(run_id="r")
    flows.orders.create_run("p")
    assert wire.act(f"{RUNS}/r/cancel").json() == {"message": "Workflow run canceled"}
    assert "canceled" in wire.act(f"{RUNS}/r/cancel").json()["message"]
    bare = wire.post(f"/api{RUNS}/p/cancel", {"any": "form"}, headers=wire.headers_of_all)
    assert bare.status_code == 200
    assert wire.look(f"{RUNS}/p").json()["status"] == "canceled"
    refused(wire.act("/workflows/js-two/runs/r/cancel"), 404, "Workflow run not found")


def test_a_query_for_a_page_of_runs_costs_the_same_for_long_runs(
    wire, django_assert_max_num_queries
):
    for number in range(3):
        flows.every.create_run(f"e-{number}").start(1)
    with django_assert_max_num_queries(45):
        assert len(wire.look("/workflows/js-every/runs?perPage=3").json()["runs"]) == 3
