"""Streams of records over the wire, and what each event of a run becomes in them."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import ORDER, records, refused
from workflows_app import tokens
from workflows_app.api.feeds import streams
from workflows_app.models import Run as RunRow
from workflows_app.run import Run

pytestmark = pytest.mark.django_db(transaction=True)

W = "/workflows/js-orders"
YES = {"resumeData": {"approved": True}}


@pytest.fixture
def token(ana) -> str:
    """A token of Ana's."""
    return tokens.make(ana, "js")[1]


async def post(token: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    text = json.dumps(body or {})
    return await AsyncClient().post(f"/api{path}", text, "application/json", headers=headers)


async def read(token: str, path: str, body: Any = None) -> list[dict[str, Any]]:
    """Return the events of a stream that ends."""
    answer = await asyncio.wait_for(post(token, path, body), 60)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain")
    assert (answer["X-Accel-Buffering"], answer["Cache-Control"]) == ("no", "no-cache")
    whole = await asyncio.wait_for(_whole(answer), 60)
    return [event for event in records(whole) if event]


async def _whole(answer: Any) -> bytes:
    return b"".join([chunk async for chunk in answer.streaming_content])


async def begun(flow: Any, given: Any, run_id: str = "r") -> Run:
    run: Run = await sync_to_async(flow.create_run)(run_id)
    await run.astart(given)
    return run


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def test_a_stream_makes_its_run_and_ends_with_the_question(token):
    events = await read(token, f"{W}/stream?runId=r", {"inputData": ORDER, "resourceId": "shop"})
    start, step, asks, finish = events

    assert types(events) == [
        "workflow-start", "workflow-step-start", "workflow-step-suspended", "workflow-finish",
    ]  # fmt: skip
    assert start == {
        "type": "workflow-start", "runId": "r", "from": "WORKFLOW",
        "payload": {"workflowId": "js-orders"},
    }  # fmt: skip
    began = step["payload"]
    assert (began["id"], began["stepName"], began["status"]) == ("approve", "approve", "running")
    assert began["payload"] == ORDER
    assert isinstance(began["startedAt"], int)
    kept = {key: began[key] for key in ("id", "stepName", "stepCallId", "payload", "startedAt")}
    suspended = {**kept, "status": "suspended", "suspendPayload": {"reason": "costs 987654321"}}
    assert asks["payload"] == {**suspended, "suspendedAt": asks["payload"]["suspendedAt"]}
    assert finish["payload"]["workflowStatus"] == "suspended"
    assert finish["payload"]["output"]["usage"]["totalTokens"] == 0
    assert "finalWorkflowResult" not in finish["payload"]
    assert (await RunRow.objects.aget()).resource_id == "shop"


async def test_a_stream_of_a_resume_begins_with_it(token):
    await begun(flows.orders, ORDER)
    events = await read(token, f"{W}/resume-stream?runId=r", YES)

    assert types(events)[:3] == ["workflow-start", "workflow-step-start", "workflow-step-result"]
    began, result = events[1]["payload"], events[2]["payload"]
    assert began["resumePayload"] == {"approved": True}
    assert began["resumedAt"] == began["startedAt"]
    assert result["status"] == "success"
    assert result["output"] == ORDER
    assert result["resumePayload"] == {"approved": True}
    assert result["stepCallId"] == began["stepCallId"]
    assert events[-1]["payload"]["finalWorkflowResult"] == "charged 987654321 for o1"


async def test_a_step_that_bails_says_so(token):
    await begun(flows.orders, ORDER)
    no = {"resumeData": {"approved": False}}
    events = await read(token, f"{W}/resume-stream?runId=r", no)
    (result,) = [event for event in events if event["type"] == "workflow-step-result"]
    assert result["payload"]["status"] == "bailed"
    assert events[-1]["payload"]["workflowStatus"] == "success"


async def test_a_failure_has_no_traceback(token):
    body = {"inputData": {"id": "broken", "total": 1}}
    events = await read(token, f"{W}/stream?runId=r", body)
    failed = {"name": "ValueError", "message": "the bank said no"}
    assert events[-3]["payload"]["error"] == failed
    assert events[-1]["payload"]["workflowStatus"] == "failed"
    assert "Traceback" not in str(events)


async def test_every_recorded_event_becomes_one(token):
    await begun(flows.every, 1)
    run = await flows.every.aget_run("r")
    own = await run.aevents()
    path = "/workflows/js-every/observe?runId=r"
    whole = await read(token, path)

    assert len(whole) == len(own)
    for offset in range(len(whole) + 2):
        assert await read(token, f"{path}&offset={offset}") == whole[offset:]
    first = [event["payload"] for event in whole if event["type"] == "workflow-step-start"]
    rounds = [each["metadata"]["iterationCount"] for each in first if "metadata" in each]
    assert rounds == [1, 2, 3, 4, 5]
    waits = next(event for event in whole if event["type"] == "workflow-step-waiting")
    assert (waits["payload"]["id"], waits["payload"]["status"]) == ("sleep-1", "waiting")
    assert waits["payload"]["payload"] == 4
    parts = [event["payload"] for event in whole if event["type"] == "workflow-step-progress"]
    assert [part["completedCount"] for part in parts] == [1, 2, 3]
    assert parts[0]["stepName"] == "each"
    assert {part["iterationOutput"] for part in parts} == {2, 3, 4}


async def test_the_streams_of_a_run_are_one_list(token):
    first = await read(token, f"{W}/stream?runId=r", {"inputData": ORDER})
    assert await read(token, f"{W}/observe?runId=r") == first
    second = await read(token, f"{W}/resume-stream?runId=r", YES)
    travel = {"step": "charge", "inputData": {"id": "b", "total": 1}}
    third = await read(token, f"{W}/time-travel-stream?runId=r", travel)
    assert await read(token, f"{W}/observe?runId=r") == [*first, *second, *third]
    assert types(third)[:2] == ["workflow-start", "workflow-step-start"]
    assert third[-1]["payload"]["finalWorkflowResult"] == "charged 1 for b"


async def test_what_a_step_says_has_the_names_of_its_author(token):
    events = await read(token, "/workflows/js-talking/stream?runId=r", {"inputData": {"a_b": 1}})
    by_type = {event["type"]: event for event in events}

    said = by_type["workflow-step-output"]
    assert said["from"] == "USER"
    assert said["payload"] == {"runId": "r", "stepName": "talk", "output": {"said_by": "talk"}}
    assert by_type["data-progress"] == {
        "type": "data-progress", "runId": "r", "from": "WORKFLOW", "data": {"half_done": True},
    }  # fmt: skip
    assert by_type["data-passing"]["transient"] is True
    assert by_type["workflow-step-start"]["payload"]["payload"] == {"a_b": 1}
    assert by_type["workflow-finish"]["payload"]["finalWorkflowResult"] == {
        "snake_case": {"a_b": 1},
    }  # fmt: skip
    observed = await read(token, "/workflows/js-talking/observe?runId=r")
    assert observed == [event for event in events if event["type"] != "data-passing"]


async def test_large_texts_and_large_numbers_stand_side_by_side(token):
    body = {"inputData": "x" * 5000}
    events = await read(token, "/workflows/js-counting/stream?runId=r", body)
    result = events[2]["payload"]
    assert (result["payload"], result["output"]) == ("x" * 5000, flows.LARGE)


async def test_a_stream_may_stay_open_over_a_question(token):
    body = {"inputData": ORDER, "closeOnSuspend": False}
    reading = asyncio.create_task(read(token, f"{W}/stream?runId=r", body))
    while not await RunRow.objects.filter(status="suspended").aexists():
        await asyncio.sleep(0.05)
    assert not reading.done()
    run = await flows.orders.aget_run("r")
    await run.aresume({"approved": True})
    events = await asyncio.wait_for(reading, 60)
    assert types(events).count("workflow-start") == types(events).count("workflow-finish") == 2
    assert events[-1]["payload"]["workflowStatus"] == "success"


async def test_observing_waits_for_a_run_that_was_not_started(token):
    run = await flows.two.acreate_run("r")
    reading = asyncio.create_task(read(token, "/workflows/js-two/observe?runId=r"))
    await asyncio.sleep(0.3)
    await run.astart(1, per_step=True)
    events = await asyncio.wait_for(reading, 60)
    assert types(events)[-2:] == ["workflow-paused", "workflow-finish"]
    assert events[-2]["payload"] == {}


async def test_a_canceled_run_says_so(token):
    await begun(flows.orders, ORDER)
    run = await flows.orders.aget_run("r")
    await run.acancel()
    events = await read(token, f"{W}/observe?runId=r")
    assert types(events)[-2:] == ["workflow-canceled", "workflow-finish"]
    assert events[-2]["payload"] == {}
    assert events[-1]["payload"]["workflowStatus"] == "canceled"


async def test_what_a_verb_refuses_is_no_stream(token):
    await begun(flows.orders, ORDER)
    body = {"inputData": ORDER}
    refused(await post(token, f"{W}/stream?runId=r", body), 409)
    refused(await post(token, f"{W}/stream?runId=new", {"inputData": 1}), 400)
    refused(await post(token, f"{W}/resume-stream?runId=r", {"resumeData": 1}), 400)
    refused(await post(token, f"{W}/time-travel-stream?runId=r", {"step": "nope"}), 400)
    for offset in ("x", "-1", "1.5"):
        refused(await post(token, f"{W}/observe?runId=r&offset={offset}"), 400)


async def test_values_stay_out_of_the_streams_of_some(ana):
    await begun(flows.orders, ORDER)
    blind = (await sync_to_async(tokens.make)(ana, "b", scopes=["read", "answer"]))[1]
    for path in ("observe", "resume-stream"):
        events = await read(blind, f"{W}/{path}?runId=r", YES)
        assert types(events)[0] == "workflow-start"
        assert "987654321" not in str(events)
        assert "suspendPayload" not in str(events)


async def test_silence_is_filled(token, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.1)
    body = {"inputData": 0.8}
    answer = await post(token, "/workflows/js-lingering/stream?runId=r", body)
    parts = (await _whole(answer)).split(b"\x1e")
    assert parts.count(b"") > 2

    answer = await post(token, "/workflows/js-lingering/start-async?runId=s", body)
    assert answer["Content-Type"] == "application/json"
    text = await _whole(answer)
    assert text.startswith(b"  ")
    assert json.loads(text)["result"] == 0.8


async def test_a_reader_that_leaves_does_not_stop_the_run(token):
    answer = await post(token, "/workflows/js-lingering/stream?runId=r", {"inputData": 0.3})
    chunks = answer.streaming_content
    await anext(chunks)
    await chunks.aclose()
    run = await flows.lingering.aget_run("r")
    async for _ in run.aobserve_stream():
        pass
    assert (await run.arefresh()).status == "success"
