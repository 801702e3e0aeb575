"""Events over the API: pages, server-sent events, lines of JSON; of one run and of all."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from tests.integration.api import flows
from tests.integration.api.conftest import refused, row_of, started
from workflows_app import StepContext, Workflow, step, tokens
from workflows_app.api.feeds import streams

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


@step
def chatty(value: Any, ctx: StepContext) -> Any:
    ctx.writer.custom("data-progress", {"half": True}, transient=True)
    ctx.writer.write("x" * 70_000)
    ctx.writer.write("small")
    return value


talks = Workflow("api-talks").then(chatty).commit()


def test_events_come_page_by_page(program):
    run = started()
    first = program.look(f"/runs/{run.run_id}/events?limit=2").json()
    second = program.look(f"/runs/{run.run_id}/events?after={first['next_cursor']}").json()

    assert [each["seq"] for each in first["items"]] == [1, 2]
    assert first["items"][0]["type"] == "workflow-start"
    assert first["items"][0]["payload"]["input"] == {"id": "o1", "total": 700}
    assert set(first["items"][0]) == {"type", "run_id", "seq", "timeline", "at", "from", "payload"}
    assert second["items"][0]["seq"] == 3
    assert second["next_cursor"] is None
    assert second["total"] == row_of(run).event_seq
    refused(program.look(f"/runs/{run.run_id}/events?after=x"), 400, "InvalidRequest")
    refused(program.look("/runs/gone/events"), 404, "RunNotFound")


def test_large_values_of_events_are_references(program):
    run = started(talks, {"text": "y" * 70_000})
    listed = program.look(f"/runs/{run.run_id}/events").json()["items"]

    large = [
        each["payload"][name]
        for each in listed
        for name in ("input", "output", "payload", "result")
        if isinstance(each["payload"].get(name), dict) and "$ref" in each["payload"][name]
    ]
    assert len(large) >= 4
    for value in large:
        whole = program.get(value["$ref"], headers=program.headers_of_all)
        assert whole.status_code == 200, value
        assert len(whole.content) == value["bytes"]
    inline = program.look(f"/runs/{run.run_id}/events?inline=true").content
    assert b"$ref" not in inline


def test_events_have_no_values_for_those_who_may_not_see_them(program, with_rights):
    run = started()
    run.resume({"approved": True, "note": "hidden-note"})
    _, blind = with_rights("view_run")
    text = blind.look(f"/runs/{run.run_id}/events").content.decode()

    assert "hidden-note" not in text
    assert "costs 700" not in text
    assert "charged" not in text
    assert '"path":"approve"' in text


# Streams.


def read(body: bytes) -> list[tuple[str | None, dict[str, Any]]]:
    """Return the events of a stream of server-sent events, with their ids."""
    found = []
    for block in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in lines:
            found.append((lines.get("id"), json.loads(lines["data"])))
    return found


class Stream:
    """A stream that is read while its run goes on."""

    def __init__(self, client: AsyncClient, path: str, text: str, **headers: str) -> None:
        self._client, self._path = client, path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._headers = {"Authorization": f"Bearer {text}", "Accept": SSE, **named}
        self.response: Any = None

    async def __aenter__(self) -> "Stream":
        self.response = await self._client.get(f"/api/v1{self._path}", headers=self._headers)
        assert self.response.status_code == 200, self.response.content
        self._chunks = self.response.streaming_content
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._chunks.aclose()

    async def next(self) -> tuple[str | None, dict[str, Any]]:
        while True:
            chunk = await asyncio.wait_for(anext(self._chunks), 20)
            if found := read(chunk):
                return found[0]

    async def rest(self) -> list[tuple[str | None, dict[str, Any]]]:
        body = b"".join([chunk async for chunk in self._chunks])
        return read(body)


@pytest.fixture
def token(transactional_db, ana) -> str:
    return tokens.make(ana, "stream")[1]


def begun(flow: Any, given: Any) -> Any:
    return sync_to_async(started)(flow, given)


@pytest.mark.django_db(transaction=True)
async def test_a_stream_ends_with_its_run_and_says_so_when_asked_again(token):
    run = await begun(flows.plain, 1)
    client = AsyncClient()
    async with Stream(client, f"/runs/{run.run_id}/events", token) as stream:
        assert stream.response["Content-Type"].startswith(SSE)
        found = await stream.rest()

    last = (await sync_to_async(row_of)(run)).event_seq
    assert [key for key, _ in found] == [str(n) for n in range(1, last + 1)]
    assert found[-1][1]["type"] == "workflow-finish"
    headers = {"Authorization": f"Bearer {token}", "Accept": SSE, "Last-Event-ID": str(last)}
    again = await client.get(f"/api/v1/runs/{run.run_id}/events?after=0", headers=headers)
    assert (again.status_code, again.content) == (204, b"")
    part = {**headers, "Last-Event-ID": str(last - 1)}
    rest = await client.get(f"/api/v1/runs/{run.run_id}/events", headers=part)
    assert len(read(b"".join([c async for c in rest.streaming_content]))) == 1
    wrong = {**headers, "Last-Event-ID": "abc"}
    bad = await client.get(f"/api/v1/runs/{run.run_id}/events", headers=wrong)
    refused(bad, 400, "InvalidRequest")


@pytest.mark.django_db(transaction=True)
async def test_a_stream_goes_on_over_a_question_and_has_transient_events(token):
    run = await begun(flows.order, None)
    seen = (await sync_to_async(row_of)(run)).event_seq
    path = f"/runs/{run.run_id}/events?after={seen}"
    async with Stream(AsyncClient(), path, token) as stream:
        reading = asyncio.create_task(stream.rest())
        await asyncio.sleep(0.2)
        await run.aresume({"approved": True})
        found = await asyncio.wait_for(reading, 20)
    assert found[0][1]["type"] == "workflow-resumed"
    assert found[-1][1]["payload"]["status"] == "success"

    talking = await sync_to_async(talks.create_run)()
    async with Stream(AsyncClient(), f"/runs/{talking.run_id}/events", token) as stream:
        reading = asyncio.create_task(stream.rest())
        await asyncio.sleep(0.2)
        await talking.astart(1)
        found = await asyncio.wait_for(reading, 20)
    transient = [(key, each) for key, each in found if each["type"] == "data-progress"]
    assert [key for key, _ in transient] == [None]
    assert "place" not in transient[0][1]


@pytest.mark.django_db(transaction=True)
async def test_lines_of_json_and_following_beyond_the_end(token):
    run = await begun(flows.plain, 1)
    client = AsyncClient()
    headers = {"Authorization": f"Bearer {token}", "Accept": NDJSON}
    answer = await client.get(f"/api/v1/runs/{run.run_id}/events?after=1", headers=headers)
    lines = b"".join([c async for c in answer.streaming_content]).splitlines()
    assert json.loads(lines[0])["seq"] == 2
    path = f"/runs/{run.run_id}/events?follow=true&after=1"
    async with Stream(client, path, token) as stream:
        assert (await stream.next())[0] == "2"


@pytest.mark.django_db(transaction=True)
async def test_a_stream_ends_when_its_reader_may_read_no_more(token, monkeypatch, ana):
    monkeypatch.setattr(streams, "RECHECK", 0.0)
    run = await begun(flows.order, None)
    async with Stream(AsyncClient(), f"/runs/{run.run_id}/events", token) as stream:
        await stream.next()
        ana.is_active = False
        await ana.asave()
        monkeypatch.setattr(streams, "SILENCE", 0.1)
        await asyncio.wait_for(stream.rest(), 20)


# All runs.


@pytest.mark.django_db(transaction=True)
async def test_the_events_of_all_runs_from_now_on_and_from_where_one_was(token):
    await begun(flows.plain, 0)
    client = AsyncClient()
    async with Stream(client, "/events", token) as stream:
        reading = asyncio.create_task(stream.next())
        await asyncio.sleep(0.3)
        first = await begun(flows.plain, 1)
        second = await begun(flows.two, 2)
        found = [await reading]
        while found[-1][1]["run_id"] != second.run_id or found[-1][1]["type"] != "workflow-finish":
            found.append(await stream.next())

    assert {each["run_id"] for _, each in found} == {first.run_id, second.run_id}
    for run in (first, second):
        numbers = [each["seq"] for _, each in found if each["run_id"] == run.run_id]
        assert numbers == list(range(1, len(numbers) + 1))
    for index in (0, 1, len(found) // 2):
        key = found[index][0]
        async with Stream(client, f"/events?after={key}", token) as stream:
            assert (await stream.next())[1] == found[index + 1][1]
    async with Stream(client, f"/events?workflow=api-two&after={found[0][0]}", token) as stream:
        assert (await stream.next())[1]["run_id"] == second.run_id
    headers = {"Authorization": f"Bearer {token}"}
    bad = await client.get("/api/v1/events?after=x", headers=headers)
    refused(bad, 400, "InvalidCursor")
    json_only = await client.get(
        "/api/v1/events", headers={**headers, "Accept": "application/json"}
    )
    refused(json_only, 406, "NotAcceptable")


@pytest.mark.django_db(transaction=True)
async def test_the_events_of_all_runs_leave_out_what_one_may_not_know_of(token, ana):
    narrow = (await sync_to_async(tokens.make)(ana, "n", workflows=["api-two"]))[1]
    async with Stream(AsyncClient(), "/events", narrow) as stream:
        reading = asyncio.create_task(stream.next())
        await asyncio.sleep(0.3)
        await begun(flows.plain, 1)
        mine = await begun(flows.two, 2)
        assert (await reading)[1]["run_id"] == mine.run_id
