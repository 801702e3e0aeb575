"""The verbs over the API: the same as in Python, under the caller's name."""

import json
import uuid
from datetime import timedelta

import pytest

from tests.integration.api import flows
from tests.integration.api.conftest import Program, refused, row_of, started
from workflows_app import tokens
from workflows_app.engine.host import clock
from workflows_app.engine.run import expiry
from workflows_app.models import Action, Run, StepSnapshot


def test_resume_answers_and_waits(program):
    run = started()
    (asked,) = program.look(f"/runs/{run.run_id}/suspensions").json()["items"]
    path = f"/runs/{run.run_id}/resume?wait=true&include=output"
    error = refused(
        program.act(path, {"resume_data": {"approved": "maybe"}}), 400, "InvalidResumeData"
    )
    assert error["details"]["errors"]
    answer = program.act(
        path, {"resume_data": {"approved": True}, "suspension": asked["suspension"]}
    )

    assert (answer.status_code, answer.json()["result"]) == (200, "charged 700 for o1")
    refused(program.act(path, {"resume_data": {}}), 409, "RunNotSuspended")
    row = Action.objects.get(verb="resume")
    assert (row.actor_name, row.door) == ("ana", "api")


def test_resume_names_its_step(program):
    run = started()
    path = f"/runs/{run.run_id}/resume?wait=true"
    refused(program.act(path, {"step": "nothing"}), 400, "StepNotFound")
    refused(program.act(path, {"label": "nobody"}), 400, "LabelNotFound")
    refused(program.act(path, {"suspension": "x"}), 404, "SuspensionNotFound")
    refused(program.act(path, {"suspension": str(uuid.uuid4())}), 404, "SuspensionNotFound")
    error = refused(program.act(path, {"tracing_options": {"zz": 1}}), 400, "InvalidRequest")
    assert error["details"]["unknown"] == ["tracing_options.zz"]
    answer = program.act(path, {"label": "boss", "resume_data": {"approved": False}})
    assert answer.json()["status"] == "success"


def test_an_answer_to_one_item_resumes_it_alone(program):
    run = started(flows.items, [-1, -2, 3])
    asked = program.look(f"/runs/{run.run_id}/suspensions").json()["items"]
    answer = program.act(
        f"/runs/{run.run_id}/resume?wait=true",
        {"suspension": asked[1]["suspension"], "resume_data": 1},
    )

    assert [each["foreach_index"] for each in asked] == [0, 1]
    assert answer.json()["status"] == "suspended"
    (left,) = program.look(f"/runs/{run.run_id}/suspensions").json()["items"]
    assert left["foreach_index"] == 0


def test_cancel_says_what_became_of_it(program):
    run = started()
    answer = program.act(f"/runs/{run.run_id}/cancel", {"reason": "no need"})

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert answer.json()["message"] == "Workflow run canceled"
    again = program.act(f"/runs/{run.run_id}/cancel?wait=true")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")
    assert "already" in again.json()["message"]
    (row,) = program.look(f"/runs/{run.run_id}/audit").json()["items"]
    assert row["reason"] == "no need"


def test_what_the_state_of_a_run_refuses(program):
    done = started(flows.plain, 1)
    asking = started()

    def act(run, verb, body=None):
        return program.act(f"/runs/{run.run_id}/{verb}", body)

    refused(act(done, "retry"), 409, "RunNotFailed")
    refused(act(done, "restart"), 409, "RunNotActive")
    refused(act(done, "proceed"), 409, "RunNotPaused")
    refused(act(done, "resume"), 409, "RunNotSuspended")
    refused(act(done, "start"), 409, "RunAlreadyStarted")
    pending = flows.plain.create_run()
    refused(act(pending, "restart"), 409, "NothingToRestart")
    refused(act(asking, "time-travel", {"step": "gone"}), 400, "StepNotFound")
    for verb in ("retry", "resume", "cancel", "rerun"):
        refused(program.act(f"/runs/gone/{verb}"), 404, "RunNotFound")
    refused(program.act("/workflows/gone/runs"), 404, "WorkflowNotFound")


def test_a_paused_run_takes_its_next_step(program):
    made = program.act("/workflows/api-two/runs?wait=true", {"input": 1, "per_step": True})
    run = made.json()
    assert run["status"] == "paused"
    assert run["waiting_for"].startswith("Paused before pause_here")
    answer = program.act(f"/runs/{run['run_id']}/proceed?wait=true")
    assert answer.json()["status"] == "success"


def test_time_travel_as_planned(program):
    run = started(flows.two, {"n": 1})
    path = f"/runs/{run.run_id}/time-travel"
    plan = program.act(f"{path}/plan", {"step": "pause_here"}).json()

    assert (plan["rerun"], plan["reused"]) == (["pause_here"], ["anything"])
    body = {"step": "pause_here", "plan": plan["token"], "reason": "again"}
    answer = program.act(f"{path}?wait=true", body)
    assert (answer.status_code, answer.json()["timeline"]) == (200, 2)
    refused(program.act(path, body), 409, "PlanOutdated")
    refused(program.act(path, {}), 400, "InvalidRequest")
    assert Action.objects.get(verb="time-travel").data == {"reason": "again"}


def test_rerun_and_fork_make_runs(program):
    run = started(flows.two, {"n": 1})
    again = program.act(f"/runs/{run.run_id}/rerun?wait=true&include=input", {"input_data": [2]})
    forked = program.act(
        f"/runs/{run.run_id}/fork?wait=true&include=output",
        {"step": "pause_here", "input_data": 7},
    )

    assert (again.status_code, again.json()["input"]) == (201, [2])
    assert again.json()["origin"] == run.run_id
    assert again["Location"] == f"/api/v1/runs/{again.json()['run_id']}"
    assert (forked.status_code, forked.json()["result"]) == (201, 7)
    refused(program.act(f"/runs/{run.run_id}/fork", {"step": "no"}), 400, "StepNotFound")


def test_a_run_is_deleted_but_not_while_it_is_active(program):
    run = started()
    answer = program.ask("DELETE", f"/runs/{run.run_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    refused(program.ask("DELETE", f"/runs/{run.run_id}"), 404, "RunNotFound")


def test_unknown_keys_and_broken_bodies_change_nothing(program):
    run = started()
    path = f"/api/v1/runs/{run.run_id}/cancel"
    error = refused(
        program.act(f"/runs/{run.run_id}/cancel", {"resaon": "x"}), 400, "InvalidRequest"
    )
    assert error["details"]["unknown"] == ["resaon"]

    def send(body, kind="application/json"):
        return program.post(path, body, content_type=kind, headers=program.headers_of_all)

    for broken in ("{", "[]", '"x"', '{"reason": NaN}', '{"reason": 5}', "[" * 300, '{"a":' * 300):
        refused(send(broken), 400, "InvalidRequest")
    refused(send('{"reason": "' + "x" * 5_000_000 + '"}'), 413, "PayloadTooLarge")
    refused(send("<a/>", "text/xml"), 415, "UnsupportedMediaType")
    refused(send("x", "multipart/form-data; boundary=y"), 415, "UnsupportedMediaType")
    refused(send("{}", "application/json; charset=utf-16"), 415, "UnsupportedMediaType")
    assert row_of(run).status == "suspended"
    empty = program.generic("POST", path, b"", headers=program.headers_of_all)
    assert empty.status_code == 200


def test_a_value_that_is_too_large_is_refused(program, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_PAYLOAD_BYTES": 1000, "MAX_BODY_BYTES": 5000}
    body = {"input": "x" * 2000}
    refused(program.act("/workflows/api-plain/runs", body), 413, "PayloadTooLarge")
    refused(program.act("/workflows/api-plain/runs", {"input": "x" * 5000}), 413, "PayloadTooLarge")


@pytest.mark.parametrize("query", ["timeout=-1", "timeout=301", "timeout=nan", "wait=maybe",
                                   "wait=true&wait=true", "x=1"])  # fmt: skip
def test_wrong_queries_act_on_nothing(program, query):
    run = started()
    refused(program.act(f"/runs/{run.run_id}/cancel?{query}"), 400, "InvalidRequest")
    refused(program.act(f"/runs/{run.run_id}/cancel?include=no"), 400, "InvalidRequest")
    assert row_of(run).status == "suspended"


def test_numbers_beyond_64_bits_come_back_as_they_were(program):
    text = '{"input": 123456789012345678901234567890}'
    made = program.post(
        "/api/v1/workflows/api-plain/runs?wait=true&include=output", text,
        content_type="application/json", headers=program.headers_of_all,
    )  # fmt: skip
    assert json.loads(made.content)["result"] == 123456789012345678901234567890


def test_each_refused_attempt_to_answer_is_in_the_audit_trail(program, with_rights, ana):
    run = started()
    question = StepSnapshot.objects.get(status="suspended").suspension
    person, viewer = with_rights("view_run")
    reader = Program(tokens.make(ana, "reader", scopes=["read"])[1])

    def attempts() -> list[tuple[str, str, str]]:
        rows = Action.objects.filter(verb="resume-refused", public_run_id=run.run_id)
        found = rows.order_by("pk").values_list("actor_name", "path", "data")
        return [(actor, path, data["error"]) for actor, path, data in found]

    refused(viewer.act(f"/runs/{run.run_id}/resume", {"resume_data": 1}), 403, "NotAllowed")
    refused(viewer.act(f"/inbox/{question}/answer", {"resume_data": 1}), 403, "NotAllowed")
    refused(reader.act(f"/runs/{run.run_id}/resume", {"resume_data": 1}), 403, "NotAllowed")
    refused(program.act(f"/runs/{run.run_id}/resume", {"step": "none"}), 400, "StepNotFound")
    refused(viewer.act("/runs/none/resume", {}), 403, "NotAllowed")
    refused(viewer.act("/inbox/none/answer", {"resume_data": 1}), 403, "NotAllowed")

    assert attempts() == [
        (person.username, "", "NotAllowed"),
        (person.username, "approve", "NotAllowed"),
        ("ana", "", "NotAllowed"),
        ("ana", "", "StepNotFound"),
    ]


def test_a_run_is_paused_with_a_reason_and_goes_on_as_before(program):
    run = started()
    answer = program.act(f"/runs/{run.run_id}/pause?wait=true", {"reason": "look first"})
    assert (answer.status_code, answer.json()["status"]) == (200, "paused")
    hold = answer.json()["hold"]
    assert (hold["reason"], answer.json()["is_pausing"]) == ("look first", False)
    assert program.act(f"/runs/{run.run_id}/pause").json()["hold"] == hold
    answer = program.act(f"/runs/{run.run_id}/proceed?wait=true")
    assert (answer.json()["status"], answer.json()["hold"]) == ("suspended", None)
    run.cancel()
    refused(program.act(f"/runs/{run.run_id}/pause"), 409, "RunNotActive")


def test_the_intake_of_a_workflow_and_all_its_schedules_are_paused_and_resumed(program):
    address = f"/workflows/{flows.order.id}"
    halted = program.act(f"{address}/intake/pause", {"reason": "upgrade"}).json()["intake"]
    assert halted["reason"] == "upgrade"
    made = program.act(f"{address}/runs", {"input": {"id": "a", "total": 1}})
    assert (made.status_code, made.json()["status"]) == (201, "pending")
    assert program.act(f"{address}/intake/resume").json()["intake"] is None
    listed = program.act("/schedules/pause-all?workflow=api-order", {"note": "holiday"}).json()
    assert {each["status"] for each in listed["items"]} <= {"paused"}
    listed = program.act("/schedules/unpause-all?workflow=api-order").json()
    assert {each["status"] for each in listed["items"]} <= {"active"}


def test_a_start_takes_the_times_by_which_a_run_has_to_begin_and_to_end(program):
    body = {
        "input": {"id": "o1", "total": 700}, "start_within": 60,
        "deadline": {"after": 3600, "then": "cancel", "warn_after": 60.5},
    }  # fmt: skip
    answer = program.act("/workflows/api-order/runs?wait=true", body)
    assert answer.status_code == 201
    shown = answer.json()["deadline"]
    assert (shown["after"], shown["then"], shown["warn_after"]) == (3600.0, "cancel", 60.5)
    assert (shown["while_suspended"], shown["passed_at"]) == (True, None)
    assert shown["began_at"] < shown["warns_at"] < shown["ends_at"]
    (row,) = program.look(f"/runs/{answer.json()['run_id']}/audit").json()["items"]
    assert row["data"]["deadline"]["after"] == 3600.0

    expiry.expire_due(clock.now() + timedelta(hours=2))
    run = program.look(f"/runs/{answer.json()['run_id']}").json()
    assert (run["status"], run["ended_reason"]) == ("canceled", "deadline")
    assert run["deadline"]["passed_at"]


def test_wrong_times_are_refused_and_leave_no_run(program):
    given = {"input": {"id": "o1", "total": 700}}
    for wrong in (
        {"deadline": {"after": 0}}, {"deadline": {"after": 5, "then": "explode"}},
        {"deadline": {"after": 5, "warn_after": 6}}, {"start_within": -1},
    ):  # fmt: skip
        refused(program.act("/workflows/api-order/runs", given | wrong), 400, "InvalidDeadline")
    refused(
        program.act("/workflows/api-order/runs", given | {"deadline": 5}), 400, "InvalidRequest"
    )
    assert not Run.objects.exists()
    made = program.act("/workflows/api-order/runs", {"start": False}).json()["run_id"]
    path = f"/runs/{made}/start?wait=true"
    wrong = {"input_data": given["input"], "deadline": {"after": 0}}
    refused(program.act(path, wrong), 400, "InvalidDeadline")
    answer = program.act(path, wrong | {"deadline": {"after": 9}})
    assert (answer.status_code, answer.json()["deadline"]["after"]) == (200, 9.0)


def test_a_run_with_a_unique_key_is_found_again(program):
    body = {"input": {"id": "o1", "total": 700}, "unique": "order-7", "unique_for": 60}
    first = program.act("/workflows/api-order/runs?wait=true", body)
    assert (first.status_code, first.json()["unique_key"]) == (201, "order-7")
    refused(program.act("/workflows/api-order/runs", body), 409, "RunAlreadyStarted")
    found = program.act("/workflows/api-order/runs", body | {"start": False})
    assert (found.status_code, found.json()["run_id"]) == (200, first.json()["run_id"])
    refused(program.act("/workflows/api-order/runs", body | {"run_id": "x"}), 400, "InvalidInput")
    refused(program.act("/workflows/api-order/runs", body | {"unique": ""}), 400, "InvalidInput")
    wrong = body | {"unique": "n", "unique_for": -1}
    refused(program.act("/workflows/api-order/runs", wrong), 400, "InvalidInput")
    refused(
        program.act("/workflows/api-order/runs", body | {"unique_for": "long"}),
        400, "InvalidRequest",
    )  # fmt: skip


def test_a_key_that_another_holds_refuses_going_on(program):
    body = {"input": {"id": "o1", "total": 700}, "unique": "order-8"}
    first = program.act("/workflows/api-order/runs?wait=true", body).json()["run_id"]
    program.act(f"/runs/{first}/cancel")
    program.act("/workflows/api-order/runs?wait=true", body)
    path = f"/runs/{first}/time-travel"
    refused(program.act(path, {"step": "approve"}), 409, "UniqueKeyTaken")
