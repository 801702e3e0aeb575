"""Schedules over the wire."""

import time

import pytest

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import refused
from workflows_app.models import Action, Run, Schedule

NEW = {"workflowId": "js-two", "cron": "0 9 * * *"}


def make(wire, **words):
    answer = wire.act("/schedules", {**NEW, **words})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_schedule_is_made_and_shown(wire):
    made = make(wire, id="each morning!", inputData={"snake_case": 1}, metadata={"a_b": 2})

    assert made["id"] == "wf_js-two__each-morning"
    assert (made["workflowId"], made["cron"], made["timezone"]) == ("js-two", "0 9 * * *", "UTC")
    assert made["status"] == "active"
    assert made["nextFireAt"] > time.time() * 1000
    assert made["inputData"] == {"snake_case": 1}
    assert made["metadata"] == {"a_b": 2}
    assert isinstance(made["createdAt"], int)
    assert not {"lastRun", "lastRunId", "lastFireAt", "initialState"} & set(made)
    assert wire.look(f"/schedules/{made['id']}").json() == made
    assert Action.objects.get(verb="create-schedule").door == "client"


def test_what_cannot_be_a_schedule_is_refused(wire):
    make(wire, id="s")
    refused(wire.act("/schedules", {**NEW, "id": "s"}), 409)
    refused(wire.act("/schedules", {**NEW, "workflowId": "gone"}), 404, "Workflow not found")
    for wrong in (
        {"cron": "nope"}, {"timezone": "Mars"}, {"unknownKey": 1}, {"agentId": "a"},
        {"initialState": 5}, {"cron": None},
    ):  # fmt: skip
        refused(wire.act("/schedules", {**NEW, **wrong}), 400)
    refused(wire.act("/schedules", {"cron": "@daily"}), 400)
    bad = {"workflowId": "js-orders", "cron": "@daily", "inputData": 5}
    assert refused(wire.act("/schedules", bad), 400)["issues"]
    assert Schedule.objects.filter(is_from_code=False).count() == 1


def test_schedules_are_listed_by_filter(wire):
    made = make(wire, id="s")
    wire.act(f"/schedules/{made['id']}/pause")

    def ids(query: str = "") -> list[str]:
        return [each["id"] for each in wire.look(f"/schedules{query}").json()["schedules"]]

    assert {"wf_js-two", made["id"]} <= set(ids())
    assert ids("?workflowId=js-two&status=paused") == [made["id"]]
    assert ids("?workflowId=js-orders") == []
    for name in ("agentId", "threadId", "resourceId", "name"):
        assert ids(f"?{name}=x") == []
    refused(wire.look("/schedules?status=odd"), 400)


def test_a_schedule_is_changed(wire):
    made = make(wire, id="s", inputData=1)
    path = f"/schedules/{made['id']}"
    changed = wire.ask("PATCH", path, {"cron": "0 10 * * *", "timezone": "Asia/Tokyo"}).json()
    assert changed["nextFireAt"] != made["nextFireAt"]
    assert (changed["cron"], changed["inputData"]) == ("0 10 * * *", 1)
    paused = wire.ask("PATCH", path, {"status": "paused", "metadata": {"m": 1}}).json()
    assert (paused["status"], paused["nextFireAt"], paused["metadata"]) == (
        "paused", None, {"m": 1},
    )  # fmt: skip
    assert wire.ask("PATCH", path, {"status": "active"}).json()["nextFireAt"]
    refused(wire.ask("PATCH", path, {"cron": "nope"}), 400)
    refused(wire.ask("PATCH", path, {"workflowId": "js-orders"}), 400)
    refused(wire.ask("PATCH", "/schedules/gone", {}), 404, "Schedule not found")
    refused(wire.ask("PATCH", "/schedules/wf_js-two", {"cron": "@daily"}), 409)
    assert wire.ask("PATCH", "/schedules/wf_js-two", {"status": "paused"}).status_code == 200


def test_pausing_and_resuming_twice_changes_nothing(wire):
    path = f"/schedules/{make(wire, id='s')['id']}"
    paused = [wire.act(f"{path}/pause").json() for _ in range(2)]
    resumed = [wire.act(f"{path}/resume").json() for _ in range(2)]
    assert paused[0] == paused[1]
    assert resumed[0] == resumed[1]
    assert Action.objects.filter(verb="pause-schedule").count() == 1


def test_a_schedule_is_run_and_its_times_are_listed(wire):
    made = make(wire, id="s", inputData=3)
    path = f"/schedules/{made['id']}"
    fired = wire.act(f"{path}/run").json()
    again = wire.act(f"{path}/run").json()

    assert fired["scheduleId"] == made["id"]
    assert Run.objects.get(run_id=fired["claimId"]).input == 3
    listed = wire.look(f"{path}/triggers").json()["triggers"]
    assert [each["runId"] for each in listed] == [again["claimId"], fired["claimId"]]
    first = listed[-1]
    assert (first["scheduleId"], first["outcome"], first["triggerKind"]) == (
        made["id"], "published", "manual",
    )  # fmt: skip
    assert first["scheduledFireAt"] == fired["scheduledFireAt"]
    assert first["run"]["status"] == "success"
    assert first["run"]["durationMs"] >= 0
    shown = wire.look(path).json()
    assert shown["lastRunId"] == again["claimId"]
    assert shown["lastRun"]["status"] == "success"
    assert shown["nextFireAt"] == made["nextFireAt"]
    assert len(wire.look(f"{path}/triggers?limit=1").json()["triggers"]) == 1
    late = first["actualFireAt"] + 60_000
    assert wire.look(f"{path}/triggers?fromActualFireAt={late}").json() == {"triggers": []}
    assert len(wire.look(f"{path}/triggers?toActualFireAt={late}").json()["triggers"]) == 2
    assert wire.look("/schedules/gone/triggers").json() == {"triggers": []}


def test_a_schedule_is_deleted_unless_code_has_it(wire):
    path = f"/schedules/{make(wire, id='s')['id']}"
    assert wire.ask("DELETE", path).json()["message"]
    refused(wire.ask("DELETE", path), 404, "Schedule not found")
    flows.two.schedules()
    refused(wire.ask("DELETE", "/schedules/wf_js-two"), 409)


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/triggers"])
def test_what_a_schedule_gives_is_left_out_for_some(wire, wire_with, path):
    made = make(wire, id="s", inputData="hidden")
    answer = wire_with("view_run").look("/schedules" + path.format(id=made["id"]))
    assert answer.status_code == 200
    assert b"hidden" not in answer.content
