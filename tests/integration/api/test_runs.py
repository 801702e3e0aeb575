"""Runs over the API: created, listed, looked at."""

import json
import uuid
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.api import flows
from tests.integration.api.conftest import refused, row_of, started
from tests.product import SilentDispatcher
from workflows_app.engine.verbs import idle_worker
from workflows_app.models import Action

RUN = {
    "run_id", "workflow_id", "status", "is_canceling", "resource_id", "tags", "origin", "timeline",
    "revision", "trace_id", "created_at", "started_at", "ended_at", "duration", "started_by",
    "error", "suspended", "waiting_for", "is_pausing", "hold", "why_waiting", "deadline",
    "ended_reason", "unique_key",
}  # fmt: skip
STEP = {
    "path", "id", "key", "kind", "status", "retry_count", "iteration", "iterations", "error",
    "started_at", "ended_at", "suspended_at", "resumed_at", "suspension", "metadata",
}  # fmt: skip


def test_a_run_is_created_started_and_waited_for(program):
    answer = program.act(
        "/workflows/api-order/runs?wait=true&include=input,output",
        {"input": {"id": "o1", "total": 5}, "resource_id": "r", "tags": ["a"], "run_id": "mine"},
    )

    assert answer.status_code == 201, answer.content
    assert answer["Location"] == "/api/v1/runs/mine"
    run = answer.json()
    assert set(run) >= RUN
    assert run["status"] == "success"
    assert run["tags"] == ["a"]
    assert run["started_by"] == "ana"
    assert run["input"] == {"id": "o1", "total": 5}
    assert run["result"] == "charged 5 for o1"
    assert answer["ETag"] == f'"{run["revision"]}"'


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="prepared statements are not watched")
def test_a_start_reads_its_token_and_then_only_what_it_answers(program, settings):
    settings.WORKFLOWS = {
        **settings.WORKFLOWS, "DISPATCHER": "tests.product.SilentDispatcher",
    }  # fmt: skip
    program.act("/workflows/api-plain/runs", {"input": 1})
    with CaptureQueriesContext(connection) as watched:
        answer = program.act("/workflows/api-plain/runs", {"input": 1})
    assert answer.status_code == 201
    asked = [each["sql"] for each in watched if not each["sql"].startswith(("BEGIN", "COMMIT"))]
    verbs = [sql.partition(" ")[0] for sql in asked]
    assert verbs == ["SELECT", *["INSERT"] * 4, "SELECT", "SELECT"], asked
    run = answer.json()
    assert (run["revision"], run["started_by"]) == (1, "ana")
    (said,) = Action.objects.filter(public_run_id=run["run_id"])
    assert (said.verb, said.door, said.actor_name) == ("start", "api", "ana")
    assert said.request_id == answer["X-Request-Id"]


class ReservingDispatcher(SilentDispatcher):
    """Has an idle thread for each start, which never gets to its step."""

    def reserve(self) -> idle_worker.Slot:
        """Reserve it."""
        return idle_worker.Slot(uuid.uuid4(), lambda _: True, print, lambda: None, print)


@pytest.mark.django_db(transaction=True)
def test_a_start_whose_step_a_worker_took_is_answered_as_it_was_written(program, settings):
    settings.WORKFLOWS = {
        **settings.WORKFLOWS, "DISPATCHER": f"{__name__}.ReservingDispatcher",
    }  # fmt: skip
    body = {"input": [1], "resource_id": "r"}
    program.act("/workflows/api-plain/runs", body)
    with CaptureQueriesContext(connection) as watched:
        answer = program.act("/workflows/api-plain/runs", body)
    reads = [each["sql"] for each in watched if each["sql"].startswith("SELECT")]
    run = answer.json()
    assert (answer.status_code, answer["ETag"], run["status"]) == (201, '"1"', "running")
    assert run == program.look(f"/runs/{run['run_id']}").json()
    if connection.vendor == "sqlite":
        assert len(reads) == 1, reads
        assert "apitoken" in reads[0]
    whole = program.act("/workflows/api-plain/runs?include=input", body).json()
    assert whole["input"] == [1]
    assert whole["status"] == "running"


def test_a_run_that_asks_says_what_it_waits_for(program):
    run = program.act(
        "/workflows/api-order/runs?wait=true", {"input": {"id": "o1", "total": 700}}
    ).json()

    assert run["status"] == "suspended"
    assert run["suspended"] == [["approve"]]
    assert run["waiting_for"] == "approve waits for an answer."
    assert "input" not in run


def test_a_pending_run_is_made_and_started_later(program):
    made = program.act("/workflows/api-plain/runs", {"run_id": "later", "start": False})
    again = program.act("/workflows/api-plain/runs", {"run_id": "later", "start": False})
    begun = program.act("/runs/later/start?wait=true&include=result", {"input_data": [1]})

    assert (made.status_code, again.status_code, begun.status_code) == (201, 200, 200)
    assert made.json()["status"] == "pending"
    assert begun.json()["result"] == [1]
    refused(program.act("/runs/later/start"), 409, "RunAlreadyStarted")
    refused(program.act("/workflows/api-plain/runs", {"run_id": "later"}), 409, "RunAlreadyStarted")
    taken = program.act("/workflows/api-two/runs", {"run_id": "later"})
    refused(taken, 409, "RunIdTaken")


def test_a_wrong_input_makes_no_run(program):
    error = refused(
        program.act("/workflows/api-order/runs", {"input": {"id": 5}}), 400, "InvalidInput"
    )
    assert error["details"]["errors"]
    assert program.look("/runs").json()["total"] == 0


def test_the_list_is_filtered_and_goes_page_by_page(program):
    runs = [started(resource_id=f"r{n % 2}") for n in range(5)]
    started(flows.plain, 1)
    first = program.look("/runs?workflow=api-order&limit=2").json()
    second = program.look(f"/runs?limit=2&cursor={quote(first['next_cursor'])}").json()
    started()
    third = program.look(f"/runs?limit=2&cursor={quote(second['next_cursor'])}").json()

    assert first["total"] == 5
    listed = [run["run_id"] for page in (first, second, third) for run in page["items"]]
    assert listed == [run.run_id for run in reversed(runs)]
    assert third["next_cursor"] is None
    by_resource = program.look("/runs?resource_id=r1&order=created_at").json()["items"]
    assert [run["run_id"] for run in by_resource] == [runs[1].run_id, runs[3].run_id]
    found = program.look("/runs?status=success&status=failed").json()
    assert [run["workflow_id"] for run in found["items"]] == ["api-plain"]
    refused(program.look("/runs?cursor=nonsense"), 400, "InvalidCursor")
    other = program.look(f"/runs?workflow=api-plain&cursor={quote(first['next_cursor'])}")
    refused(other, 400, "InvalidCursor")


def test_filters_by_time_tag_text_and_question(program):
    run = started(tracing_options={"tags": ["blue", 'with "quotes"']})
    other = started(flows.plain, 1)
    at = row_of(run).started_at.isoformat().replace("+", "%2B")

    def ids(query: str) -> list[str]:
        return [each["run_id"] for each in program.look(f"/runs?{query}").json()["items"]]

    assert ids("tag=blue&tag=none") == [run.run_id]
    assert ids(f"tag={quote(chr(34))}") == []
    assert ids(f"started_after={at}") == [other.run_id]
    assert ids(f"started_before={at}") == []
    assert ids(f"q={run.run_id[:30]}") in ([run.run_id], [other.run_id, run.run_id])
    assert ids("waiting_for_me=true") == [run.run_id]
    for wrong in ("started_after=2026-01-01T00:00:00", "started_after=1700000000", "limit=0",
                  "limit=201", "limit=x", "status=gone", "order=name"):  # fmt: skip
        refused(program.look(f"/runs?{wrong}"), 400, "InvalidRequest")
    error = refused(program.look("/runs?color=blue"), 400, "InvalidRequest")
    assert error["details"]["unknown"] == ["color"]


def test_one_run_and_whether_it_has_changed(program):
    run = started()
    answer = program.look(f"/runs/{run.run_id}?include=input&include=state")

    assert set(answer.json()) == RUN | {"input", "state"}
    same = program.look(f"/runs/{run.run_id}", If_None_Match=answer["ETag"])
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", answer["ETag"])
    run.resume({"approved": True})
    changed = program.look(f"/runs/{run.run_id}", If_None_Match=answer["ETag"])
    assert changed.status_code == 200
    refused(program.look("/runs/gone"), 404, "RunNotFound")
    error = refused(program.look(f"/runs/{run.run_id}?include=secrets"), 400, "InvalidRequest")
    assert error["details"]["unknown"] == ["secrets"]


def test_the_result_has_the_steps_and_their_values(program):
    run = started(flows.items, [1, 2])
    shown = program.look(f"/runs/{run.run_id}/result?wait=true").json()

    assert shown["status"] == "success"
    assert shown["result"] == 11
    assert shown["steps"]["each"]["output"] == [2, 4]
    assert shown["steps"]["each"]["iterations"] == 2
    assert shown["steps"]["poll"]["kind"] == "loop"
    assert shown["steps"]["poll"]["output"] == 11
    assert set(shown["steps"]["each"]) >= STEP


def test_a_suspended_result_has_what_is_asked(program):
    run = started()
    shown = program.look(f"/runs/{run.run_id}/result").json()

    assert shown["suspend_payload"] == {"approve": {"reason": "order o1 costs 700"}}
    assert shown["suspended"] == [["approve"]]
    (asked,) = program.look(f"/runs/{run.run_id}/suspensions").json()["items"]
    assert asked["suspend_payload"] == {"reason": "order o1 costs 700"}
    assert asked["resume_labels"] == ["boss"]
    assert asked["resume_schema"]["properties"]["approved"]


def test_steps_and_their_iterations(program):
    run = started(flows.items, [1, 2, 3])
    listed = program.look(f"/runs/{run.run_id}/steps").json()

    assert [step["path"] for step in listed["items"]] == ["each", "map-1", "poll"]
    assert "output" not in listed["items"][0]
    parts = program.look(f"/runs/{run.run_id}/steps/each/iterations?include=output,input").json()
    assert [(each["iteration"], each["output"]) for each in parts["items"]] == [
        (0, 2), (1, 4), (2, 6),
    ]  # fmt: skip
    one = program.look(f"/runs/{run.run_id}/steps/{quote('each[1]')}").json()
    assert (one["path"], one["id"], one["payload"]) == ("each[1]", "double", 2)
    assert isinstance(one["key"], str)
    refused(program.look(f"/runs/{run.run_id}/steps/none"), 404, "StepNotFound")
    with_values = program.look(f"/runs/{run.run_id}/steps?include=output&limit=1").json()
    assert with_values["items"][0]["output"] == [2, 4, 6]
    assert with_values["next_cursor"]


def test_timelines_and_audit(program):
    run = started(given={"id": "broken", "total": 1})
    answer = program.act(f"/runs/{run.run_id}/retry?wait=true", X_Request_Id="my-request")

    assert answer.json()["status"] == "failed"
    assert answer.json()["error"] == {"type": "ValueError", "message": "the bank said no"}
    times = program.look(f"/runs/{run.run_id}/timelines").json()["items"]
    assert [(each["number"], each["cause"]) for each in times] == [(1, "start"), (2, "retry")]
    (row,) = program.look(f"/runs/{run.run_id}/audit").json()["items"]
    assert (row["verb"], row["door"], row["actor"]) == ("retry", "api", "ana")
    assert (row["request_id"], row["address"]) == ("my-request", "127.0.0.1")


def test_a_large_value_is_a_reference(program):
    large = "x" * 70_000
    run = started(flows.plain, {"text": large})
    shown = program.look(f"/runs/{run.run_id}?include=input,result").json()

    assert shown["result"] == {
        "$ref": f"/api/v1/runs/{run.run_id}/values/result", "bytes": 70_011,
    }  # fmt: skip
    alone = program.get(shown["result"]["$ref"], headers=program.headers_of_all)
    assert alone.json() == {"text": large}
    whole = program.look(f"/runs/{run.run_id}?include=input&inline=true").json()
    assert whole["input"] == {"text": large}
    (step,) = program.look(f"/runs/{run.run_id}/steps?include=payload,output").json()["items"]
    assert step["payload"]["bytes"] == step["output"]["bytes"] == 70_011
    again = program.get(step["output"]["$ref"], headers=program.headers_of_all)
    assert again.json() == {"text": large}
    refused(program.look(f"/runs/{run.run_id}/values/nothing"), 404, "NotFound")


def test_secrets_are_asterisks_everywhere(program):
    run = started(flows.secret, {"user": "ana", "password": "hunter2"})

    for path in ("?include=input", "/result", "/steps/sign_in", "/values/input"):
        text = program.look(f"/runs/{run.run_id}{path}").content.decode()
        assert "hunter2" not in text
        assert "**********" in text


def test_values_are_for_those_who_may_see_them(program, with_rights):
    run = started()
    _, blind = with_rights("view_run")
    shown = blind.look(f"/runs/{run.run_id}?include=input,output").json()

    assert shown["withheld"] == ["input", "result"]
    assert not {"input", "result"} & set(shown)
    result = blind.look(f"/runs/{run.run_id}/result").json()
    assert "suspend_payload" not in result
    assert "payload" not in result["steps"]["approve"]
    text = json.dumps(blind.look(f"/runs/{run.run_id}/suspensions").json())
    assert "costs 700" not in text
    error = refused(blind.look(f"/runs/{run.run_id}/values/input"), 403, "NotAllowed")
    assert error["details"] == {"permission": "workflows_app.view_payload"}


@pytest.mark.parametrize("path", ["", "/%00", "/a%2Fb"])
def test_addresses_that_name_nothing(program, path):
    answer = program.look(f"/nothing{path}")
    refused(answer, 404, "NotFound")


def test_what_has_its_values_by_itself_may_be_asked_for_them(program):
    run = started()
    for path, names in (
        (f"/runs/{run.run_id}/suspensions", "suspend_payload"),
        (f"/runs/{run.run_id}/result", "input,result,output,suspend_payload"),
        ("/inbox", "suspend_payload"),
    ):
        bare, asked = program.look(path), program.look(f"{path}?include={names}")
        assert asked.status_code == 200, asked.content
        assert asked.json() == bare.json()
        error = refused(program.look(f"{path}?include=no"), 400, "InvalidRequest")
        assert error["details"]["unknown"] == ["no"]
