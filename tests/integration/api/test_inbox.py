"""The inbox over the API."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.api import flows
from tests.integration.api.conftest import Program, refused, started
from workflows_app import StepContext, Workflow, step, tokens
from workflows_app.engine.host import clock
from workflows_app.models import Action


@step
def twice(value: Any, ctx: StepContext) -> Any:
    """Ask again until the answer is yes."""
    if ctx.resume_data != "yes":
        ctx.suspend({"question": "Sure?"})
    return value


again = Workflow("api-twice").then(twice).commit()


def only(program: Program, query: str = "") -> Any:
    (question,) = program.look(f"/inbox{query}").json()["items"]
    return question


def test_a_question_says_how_it_is_answered(program):
    started(flows.shipping, 1)
    question = only(program)

    assert question["suspend_payload"] == {"question": "How?"}
    assert question["hints"] == [
        {"name": "how", "label": "How", "widget": "choice", "choices": ["air", "sea"],
         "default": "sea"},
        {"name": "days", "label": "Days", "widget": "integer", "choices": None, "default": None},
        {"name": "insured", "label": "Insured", "widget": "switch", "choices": None,
         "default": False},
    ]  # fmt: skip
    assert (question["may_answer"], question["why_not"], question["claimed_by"]) == (
        True, None, None,
    )  # fmt: skip


def test_a_question_is_claimed_taken_over_and_given_back(program, with_rights):
    started()
    key = only(program)["suspension"]
    ben, bens = with_rights("view_run", "resume_run")
    assert program.act(f"/inbox/{key}/claim").json()["claimed_by"] == "ana"
    assert program.act(f"/inbox/{key}/claim").status_code == 200
    error = refused(bens.act(f"/inbox/{key}/claim"), 409, "AlreadyClaimed")
    assert error["details"] == {"claimed_by": "ana"}
    taken = bens.act(f"/inbox/{key}/claim", {"take_over": True})
    assert taken.json()["claimed_by"] == ben.username
    assert only(bens, "?claimed=me")["suspension"] == key
    assert program.look("/inbox?claimed=me").json()["items"] == []
    refused(program.act(f"/inbox/{key}/release"), 409, "NotClaimed")
    assert bens.act(f"/inbox/{key}/release").json()["claimed_by"] is None
    assert only(program, "?claimed=nobody")["suspension"] == key
    acts = Action.objects.exclude(verb="create-token").order_by("pk")
    verbs = list(acts.values_list("verb", "door"))
    assert verbs == [("claim", "api"), ("claim", "api"), ("release", "api")]


def test_a_question_is_put_off_by_one_person_alone(program, with_rights):
    started()
    key = only(program)["suspension"]
    until = (clock.now() + timedelta(hours=1)).isoformat()
    assert program.act(f"/inbox/{key}/put-off", {"until": until}).json()["put_off_until"]
    assert program.look("/inbox").json()["items"] == []
    assert only(program, "?put_off=true")["suspension"] == key
    _, bens = with_rights("view_run", "resume_run")
    assert only(bens)["suspension"] == key
    for wrong in ("2020-01-01T00:00:00+00:00", "2090-01-01T00:00:00", "tomorrow", 5, None):
        answer = program.act(f"/inbox/{key}/put-off", {"until": wrong})
        refused(answer, 400, "InvalidRequest")
    refused(program.act(f"/inbox/{key}/put-off"), 400, "InvalidRequest")
    row = Action.objects.get(verb="put-off")
    assert (row.actor_name, row.door, row.data["until"]) == ("ana", "api", until)


def test_an_answer_goes_to_its_question_and_to_no_other(program):
    run = started(again, 1)
    first = only(program)["suspension"]
    path = f"/inbox/{first}/answer?wait=true&include=output"
    refused(program.act(path), 400, "InvalidRequest")
    answer = program.act(path, {"resume_data": "no", "note": "not yet"})
    assert (answer.status_code, answer.json()["status"]) == (200, "suspended")
    assert answer.json()["run_id"] == run.run_id
    second = only(program)["suspension"]
    assert second != first
    for verb in ("answer", "claim", "release", "put-off"):
        body = {"answer": {"resume_data": "yes"}, "put-off": {"until": "2090-01-01T00:00:00Z"}}
        gone = program.act(f"/inbox/{first}/{verb}", body.get(verb))
        refused(gone, 409, "StepNotSuspended")
    done = program.act(f"/inbox/{second}/answer?wait=true", {"resume_data": "yes"})
    assert done.json()["status"] == "success"
    gone = program.act(f"/inbox/{second}/answer", {"resume_data": "yes"})
    refused(gone, 409, "RunNotSuspended")
    for key in (uuid.uuid4(), "nothing"):
        gone = program.act(f"/inbox/{key}/answer", {"resume_data": 1})
        refused(gone, 404, "SuspensionNotFound")
    assert Action.objects.filter(verb="resume").last().data["note"] == "not yet"


def test_who_may_not_answer_is_told_so_and_it_is_written_down(program, with_rights):
    started(flows.asks_finance)
    key = only(program)["suspension"]
    _, bens = with_rights("view_run", "resume_run")
    question = only(bens)
    assert question["may_answer"] is False
    assert "finance" in question["why_not"]
    for verb in ("claim", "release", "put-off", "answer"):
        error = refused(bens.act(f"/inbox/{key}/{verb}", {"x": 1}), 403, "NotAllowedToAnswer")
        assert error["details"]["permission"] == "group:finance"
    row = Action.objects.get(verb="resume-refused")
    assert (row.door, row.path) == ("api", "finance")
    _, reader = with_rights("view_run")
    error = refused(reader.act(f"/inbox/{key}/answer", {}), 403, "NotAllowed")
    assert error["details"] == {"permission": "workflows_app.resume_run"}


@pytest.mark.parametrize("verb", ["claim", "release", "put-off", "answer"])
def test_questions_of_other_workflows_are_not_there(program, ana, verb):
    started()
    key = only(program)["suspension"]
    narrow = Program(tokens.make(ana, "narrow", workflows=["api-plain"])[1])
    assert narrow.look("/inbox").json() == {"items": [], "next_cursor": None, "total": 0}
    refused(narrow.act(f"/inbox/{key}/{verb}"), 404, "SuspensionNotFound")


def test_the_inbox_is_filtered(program):
    run = started()
    other = started(flows.shipping, 1)
    assert only(program, "?workflow=api-shipping")["run_id"] == other.run_id
    assert only(program, f"?run_id={run.run_id}")["run_id"] == run.run_id
    page = program.look("/inbox?limit=1").json()
    assert (page["total"], page["items"][0]["run_id"]) == (2, run.run_id)
    rest = program.look(f"/inbox?cursor={page['next_cursor']}").json()
    assert rest["items"][0]["run_id"] == other.run_id


# A step whose attempts are used up.


@step(on_exhausted="ask")
def weigh(order: flows.Order) -> flows.Order:
    """Weigh an order; one of 13 cannot be."""
    if order.total == 13:
        raise ValueError("the scale broke")
    return order


weighed = Workflow("api-weighed").then(weigh).commit()


def used_up(program: Program) -> Any:
    """Start a run that asks for a decision; return the question."""
    started(weighed, {"id": "o1", "total": 13})
    return only(program)


def test_a_step_without_attempts_asks_with_the_types_of_its_values(program):
    question = used_up(program)

    assert question["suspend_payload"]["kind"] == "exhausted"
    assert question["suspend_payload"]["error"]["message"] == "the scale broke"
    assert question["suspend_payload"]["attempts"] == 1
    assert [(each["name"], each["widget"]) for each in question["hints"]] == [
        ("action", "choice"), ("input", "object"), ("output", "object"),
    ]  # fmt: skip
    assert question["hints"][0]["choices"] == ["retry", "result", "fail"]
    assert question["resume_schema"]["properties"]["input"]["required"] == ["id", "total"]
    run = program.look(f"/runs/{question['run_id']}").json()
    assert [each["kind"] for each in run["why_waiting"]] == ["answer"]


def test_it_is_answered_over_the_inbox_and_by_resume(program):
    key = used_up(program)["suspension"]
    wrong = {"resume_data": {"action": "retry", "input": {"total": "x"}}}
    error = refused(program.act(f"/inbox/{key}/answer", wrong), 400, "InvalidResumeData")
    assert ["input", "id"] in [each["loc"] for each in error["details"]["errors"]]
    refused(program.act(f"/inbox/{key}/answer", {"resume_data": "yes"}), 400, "InvalidResumeData")
    again = {"resume_data": {"action": "retry", "input": {"id": "o1", "total": 12}}}
    run = program.act(f"/inbox/{key}/answer?wait=true&include=result", again).json()
    assert (run["status"], run["result"]) == ("success", {"id": "o1", "total": 12})
    refused(program.act(f"/inbox/{key}/answer", again), 409, "RunNotSuspended")

    run_id = used_up(program)["run_id"]
    given = {"resume_data": {"action": "result", "output": {"id": "o1", "total": 1}}}
    run = program.act(f"/runs/{run_id}/resume?wait=true", given).json()
    assert run["status"] == "success"
    assert program.look(f"/runs/{run_id}/steps/weigh").json()["given_by"] == "ana"
    assert program.look(f"/runs/{run_id}/result").json()["steps"]["weigh"]["given_by"] == "ana"

    run_id = used_up(program)["run_id"]
    run = program.act(f"/runs/{run_id}/resume?wait=true", {"resume_data": {"action": "fail"}})
    assert run.json()["error"]["message"] == "the scale broke"
