"""The verbs over the wire: results, refusals, and who did it."""

import uuid

import pytest
from django.test import Client

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import ORDER, refused, started
from workflows_app.models import Action, Run, StepSnapshot

W = "/workflows/js-orders"
YES = {"resumeData": {"approved": True}}


def test_a_start_waits_for_its_result(wire):
    answer = wire.act(f"{W}/start-async?runId=r", {"inputData": ORDER, "resourceId": "shop"})
    shown = answer.json()

    assert answer.status_code == 200
    assert (shown["status"], shown["runId"], shown["input"]) == ("suspended", "r", ORDER)
    assert shown["suspended"] == [["approve"]]
    assert shown["suspendPayload"] == {"approve": {"reason": "costs 987654321"}}
    assert shown["steps"]["input"] == ORDER
    assert shown["steps"]["approve"]["status"] == "suspended"
    assert shown["steps"]["approve"]["metadata"] == {"team": "sales"}
    assert shown["stepExecutionPath"] == ["approve"]
    assert not {"result", "error"} & set(shown)
    assert Run.objects.get().resource_id == "shop"


def test_a_resume_waits_for_its_result(wire):
    started(run_id="r")
    shown = wire.act(f"{W}/resume-async?runId=r", {"step": "approve", **YES}).json()

    assert (shown["status"], shown["result"]) == ("success", "charged 987654321 for o1")
    assert shown["steps"]["approve"]["resumePayload"] == {"approved": True}
    assert not {"suspended", "suspendPayload", "error"} & set(shown)


def test_a_failed_run_is_no_error(wire):
    body = {"inputData": {"id": "broken", "total": 1}}
    answer = wire.act(f"{W}/start-async", body)
    shown = answer.json()
    assert (answer.status_code, shown["status"]) == (200, "failed")
    assert shown["error"]["name"] == "ValueError"
    assert shown["error"]["message"] == "the bank said no"
    assert "traceback" not in str(shown)


def test_questions_inside_are_named_from_the_top(wire):
    nested = wire.act("/workflows/js-nested/start-async", {"inputData": 1}).json()
    assert nested["suspended"] == [["js-inner", "inner-ask"]]
    assert nested["suspendPayload"] == {"js-inner": {"n": 3}}
    items = wire.act("/workflows/js-items/start-async", {"inputData": [5, -1, -2]}).json()
    assert items["suspended"] == [["each"]]
    assert items["suspendPayload"] == {"each": {"item": -1}}
    path = f"/workflows/js-items/resume-async?runId={items['runId']}"
    one = wire.act(path, {"step": ["each"], "forEachIndex": 2, "resumeData": 1}).json()
    assert one["suspendPayload"] == {"each": {"item": -1}}
    assert wire.act(path, {"resumeData": 1}).json()["result"] == [10, -2, -4]


def test_a_start_takes_what_the_client_sends(wire):
    body = {
        "inputData": 1,
        "initialState": {"snake_case": 1},
        "requestContext": {"tenantId": "t"},
        "tracingOptions": {
            "tags": ["web"], "requestContextKeys": ["tenantId"], "hideInput": True,
            "traceId": "a" * 32, "metadata": None,
        },
        "perStep": True,
        "unknownKey": 1,
    }  # fmt: skip
    shown = wire.act("/workflows/js-two/start-async?runId=r&unknown=1", body).json()
    row = Run.objects.get()

    assert shown["status"] == "paused"
    assert row.initial_state == {"snake_case": 1}
    assert row.request_context == {"tenantId": "t"}
    assert row.tags == ["web"]


def test_time_travel_takes_what_the_client_sends(wire):
    started(flows.two, 1, run_id="r")
    path = "/workflows/js-two/time-travel-async?runId=r"
    record = {
        "status": "success", "payload": 1, "output": 7, "startedAt": 0, "endedAt": 1.5,
        "suspendPayload": None,
    }  # fmt: skip
    body = {"step": "anything", "context": {"input": {"n": 1}, "first": record}}
    assert wire.act(path, body).json()["result"]["value"] == 7
    given = {"step": ["anything"], "inputData": 9, "requestContext": {"tenant": "x"}}
    assert wire.act(path, given).json()["result"] == {"value": 9, "tenant": "x"}
    refused(wire.act(path, {"step": "nope"}), 400, "nope")
    body = refused(wire.act(path, {}), 400)
    assert body["issues"] == [{"field": "step", "message": "Field required"}]
    nested = {"step": "js-inner.inner-ask", "nestedStepsContext": {"js-inner": {"add": record}}}
    started(flows.nested, 1, run_id="n")
    shown = wire.act("/workflows/js-nested/time-travel-async?runId=n", nested).json()
    assert shown["suspendPayload"] == {"js-inner": {"n": 7}}


NAMED = [
    "start", "stream", "resume", "resume-async", "resume-no-wait", "resume-stream", "observe",
    "restart", "restart-async", "time-travel", "time-travel-async", "time-travel-stream",
]  # fmt: skip


@pytest.mark.parametrize("verb", NAMED)
def test_the_id_of_a_run_is_needed(wire, verb):
    body = refused(wire.act(f"{W}/{verb}", {"step": "approve"}), 400)
    assert {"field": "runId", "message": "Field required"} in body["issues"]
    if verb != "stream":
        gone = wire.act(f"{W}/{verb}?runId=gone", {"step": "approve"})
        refused(gone, 404, "Workflow run not found")
    flows.two.create_run("other")
    if verb != "stream":
        other = wire.act(f"{W}/{verb}?runId=other", {"step": "approve"})
        refused(other, 404, "Workflow run not found")


def test_what_cannot_be_read_is_refused(wire):
    path = f"{W}/start-async"
    for text in (b"{", b"[1]", b'"x"', b"\xff"):
        answer = wire.generic(
            "POST", f"/api{path}", text, "application/json", headers=wire.headers_of_all
        )
        refused(answer, 400)
    for body, field in (
        ({"inputData": ORDER, "perStep": "yes"}, "perStep"),
        ({"inputData": ORDER, "requestContext": [1]}, "requestContext"),
        ({"inputData": ORDER, "tracingOptions": {"tags": "x"}}, "tracingOptions.tags"),
    ):
        assert refused(wire.act(path, body), 400)["issues"][0]["field"] == field
    refused(wire.act(path, {"inputData": ORDER, "initialState": 5}), 400)
    assert not Run.objects.exclude(status="pending").exists()


def test_a_wrong_input_leaves_the_run_startable(wire):
    flows.orders.create_run("r")
    for verb in ("start", "start-async", "stream"):
        refused(wire.act(f"{W}/{verb}?runId=r", {"inputData": {"id": 1}}), 400)
        assert flows.orders.get_run("r").status == "pending"
    shown = wire.act(f"{W}/start-async?runId=r", {"inputData": ORDER}).json()
    assert shown["status"] == "suspended"


def test_what_a_run_refuses_is_a_conflict(wire):
    started(run_id="asks")
    started(given={"id": "a", "total": 1}, run_id="done")
    flows.orders.create_run("new")
    start = {"inputData": ORDER}
    for run, verb, body in (
        ("asks", "start", start), ("asks", "start-async", start), ("done", "stream", start),
        ("done", "resume", YES), ("done", "resume-async", YES), ("new", "resume-async", YES),
        ("done", "restart", None), ("new", "restart-async", None), ("asks", "restart-async", None),
        ("asks", "resume-async", {"step": "charge", **YES}),
    ):  # fmt: skip
        refused(wire.act(f"{W}/{verb}?runId={run}", body), 409)
    refused(wire.act(f"{W}/resume?runId=asks", {"resumeData": {"approved": 9}}), 400)
    refused(wire.act(f"{W}/resume?runId=asks", {"step": "nope"}), 400)
    assert flows.orders.get_run("asks").status == "suspended"


def test_several_questions_are_listed_in_the_refusal(wire):
    flows.two_questions.create_run("r").start(1)
    path = "/workflows/js-two-questions/resume-async?runId=r"
    said = refused(wire.act(path, {"resumeData": 1}), 409)["error"]
    assert "left-ask" in said
    assert "right-ask" in said
    shown = wire.act(path, {"step": "left-ask", "resumeData": 1}).json()
    assert shown["suspended"] == [["right-ask"]]


def test_acts_are_in_the_audit_trail_under_this_door(wire):
    Action.objects.all().delete()
    wire.act(f"{W}/start-async?runId=r", {"inputData": ORDER}, X_Request_Id="req-1")
    wire.act(f"{W}/resume-async?runId=r", {"resumeData": {"approved": 9}})
    wire.act(f"{W}/resume-async?runId=r", YES)
    rows = Action.objects.order_by("pk")
    assert [row.verb for row in rows] == ["start", "resume-refused", "resume"]
    assert {(row.door, row.actor_name) for row in rows} == {("client", "ana")}
    assert rows[0].request_id == "req-1"


def test_a_session_needs_the_token_of_its_page(ana):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert browser.get("/api/workflows").status_code == 200
    answer = browser.post(f"/api{W}/start-async", b"{}", content_type="application/json")
    refused(answer, 403)


def test_runs_that_lost_their_worker_are_restarted(wire):
    for form in ("", "-async"):
        answer = wire.act(f"{W}/restart-all-active-workflow-runs{form}")
        assert answer.json()["message"]


def test_a_restart_of_those_runs_names_the_caller_in_the_audit_trail(wire, ana):
    run = started()
    steps = StepSnapshot.objects.filter(run=run.pk, status="suspended")
    steps.update(status="running", worker=uuid.uuid4(), suspension=None)
    Run.objects.filter(pk=run.pk).update(status="running", active_count=1, suspended_count=0)

    answer = wire.act(f"{W}/restart-all-active-workflow-runs")

    assert answer.json() == {"message": "Workflow runs restarted: 1"}
    action = Action.objects.get(verb="restart")
    assert (action.actor, action.door, action.public_run_id) == (ana, "client", run.run_id)
