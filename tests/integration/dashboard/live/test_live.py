"""The sockets: gap-free news for people who may see it."""

import asyncio
import contextlib
import time
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from dashboard.asgi import application
from dashboard.live import news as bridge
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, started
from workflows_app.engine.host import live
from workflows_app.engine.run import log
from workflows_app.models import Run, RunEvent

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def a_run(**values):
    return started(**values)


@sync_to_async
def cookie_of(name="ana", *, is_superuser=True):
    user = User.objects.create_user(name, is_superuser=is_superuser)
    client = Client()
    client.force_login(user)
    return f"signalbox_session={client.cookies['signalbox_session'].value}".encode()


def socket_to(address, cookie=b""):
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", cookie)]
    return WebsocketCommunicator(application, address, headers=headers)


@contextlib.asynccontextmanager
async def opened(address, cookie):
    socket = socket_to(address, cookie)
    connected, _ = await socket.connect()
    assert connected
    yield socket
    await socket.disconnect()


async def test_the_first_frame_holds_what_followed_the_browsers_number():
    run = await a_run()
    cookie = await cookie_of()

    async with opened(f"/ws/runs/{run.run_id}/?after=4", cookie) as socket:
        frame = await socket.receive_json_from(5)

    numbers = [event["seq"] for event in frame["events"]]
    assert frame["type"] == "events"
    assert numbers == list(range(5, frame["seq"] + 1))


async def test_a_change_comes_by_itself_and_without_a_gap():
    run = await a_run()
    cookie = await cookie_of()

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        seen = await socket.receive_json_from(5)
        numbers = [event["seq"] for event in seen["events"]]
        step = await sync_to_async(question_of)(run)
        await sync_to_async(run.resume)({"approved": True}, suspension=str(step.suspension))
        events: list[dict[str, Any]] = []
        while not any(event["type"] == "workflow-finish" for event in events):
            frame = await socket.receive_json_from(5)
            events += frame["events"]
            numbers += [event["seq"] for event in frame["events"]]

    assert numbers == list(range(1, numbers[-1] + 1))


async def test_a_transient_event_comes_live_and_has_no_number():
    run = await a_run()
    cookie = await cookie_of()
    event = {"type": "data-x", "run_id": run.run_id, "seq": None, "payload": {}}

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        await socket.receive_json_from(5)
        await asyncio.sleep(0.2)
        live.hub.publish(run.pk, None, [event])
        frame = await socket.receive_json_from(5)

    assert frame["events"] == [event]


async def test_more_than_two_hundred_events_come_in_several_frames():
    run = await a_run()
    cookie = await cookie_of()
    await sync_to_async(_many_events)(run)

    numbers: list[int] = []
    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        while len(numbers) < 450:
            frame = await socket.receive_json_from(5)
            assert len(frame["events"]) <= 200
            numbers += [event["seq"] for event in frame["events"]]

    assert numbers == list(range(1, len(numbers) + 1))


def _many_events(run):
    row = Run.objects.get(pk=run.pk)
    for _ in range(450):
        row.event_seq += 1
        event = {"type": "data-x", "payload": {}}
        RunEvent.objects.create(
            run=row,
            first_seq=row.event_seq,
            last_seq=row.event_seq,
            at=timezone.now(),
            events=[event],
        )
    row.save()


@pytest.mark.parametrize("address", ["/ws/runs/x/", "/ws/feed/"])
async def test_strangers_are_told_that_they_are_signed_out(address):
    socket = socket_to(address)
    await socket.connect()

    assert (await socket.receive_output(5))["code"] == 4401


async def test_a_socket_tells_a_person_who_may_not_see_runs():
    cookie = await cookie_of("bob", is_superuser=False)
    socket = socket_to("/ws/feed/", cookie)
    await socket.connect()

    assert (await socket.receive_output(5))["code"] == 4403


async def test_a_socket_of_a_deleted_run_says_so():
    socket = socket_to("/ws/runs/none/", await cookie_of())
    await socket.connect()

    assert (await socket.receive_output(5))["code"] == 4404


async def test_a_page_of_another_site_gets_no_socket():
    headers = [(b"host", b"localhost"), (b"origin", b"https://evil.example")]
    connected, _ = await WebsocketCommunicator(application, "/ws/feed/", headers=headers).connect()

    assert not connected


async def test_the_feed_names_the_runs_that_changed():
    cookie = await cookie_of()

    async with opened("/ws/feed/", cookie) as socket:
        assert await socket.receive_json_from(5) == {"type": "ready"}
        run = await a_run(flow=flows.open_flow)
        frame = await socket.receive_json_from(5)

    assert frame == {"type": "runs", "runs": [str(run.pk)]}


async def test_nobody_listens_after_the_socket_is_closed():
    cookie = await cookie_of()
    run = await a_run()

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        await socket.receive_json_from(5)
        assert run.pk in live.hub._runs

    assert run.pk not in live.hub._runs


async def test_many_sockets_of_one_run_read_its_log_once(monkeypatch):
    run = await a_run()
    cookie = await cookie_of()
    reads = []
    whole = log.read

    def counted(key, after, limit):
        reads.append(after)
        return whole(key, after, limit)

    monkeypatch.setattr(log, "read", counted)
    async with contextlib.AsyncExitStack() as stack:
        address = f"/ws/runs/{run.run_id}/"
        sockets = [await stack.enter_async_context(opened(address, cookie)) for _ in range(10)]
        firsts = [await socket.receive_json_from(5) for socket in sockets]
        reads.clear()
        step = await sync_to_async(question_of)(run)
        await sync_to_async(run.resume)({"approved": True}, suspension=str(step.suspension))
        for socket, first in zip(sockets, firsts, strict=True):
            numbers = [first["seq"]]
            events: list[dict[str, Any]] = []
            while not any(event["type"] == "workflow-finish" for event in events):
                events = (await socket.receive_json_from(5))["events"]
                numbers += [event["seq"] for event in events]
            assert numbers == list(range(first["seq"], numbers[-1] + 1))

    assert len(reads) < len(sockets)


async def test_a_socket_that_is_behind_the_others_catches_up_by_itself():
    run = await a_run()
    cookie = await cookie_of()
    address = f"/ws/runs/{run.run_id}/"
    await sync_to_async(_many_events)(run)
    last = (await Run.objects.aget(pk=run.pk)).event_seq

    async with opened(f"{address}?after={last}", cookie) as ahead:
        await ahead.receive_json_from(5)
        async with opened(address, cookie) as behind:
            numbers: list[int] = []
            while not numbers or numbers[-1] < last:
                frame = await behind.receive_json_from(5)
                numbers += [event["seq"] for event in frame["events"]]
            live.hub.publish(run.pk, None, [{"type": "data-x", "seq": None}])
            told = [await socket.receive_json_from(5) for socket in (ahead, behind)]

    assert numbers == list(range(1, last + 1))
    assert told[0] == told[1]


async def test_what_another_process_wrote_is_found_without_news(monkeypatch):
    monkeypatch.setattr("dashboard.live.news.SAFETY", 0.1)
    run = await a_run()
    cookie = await cookie_of()

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        first = (await socket.receive_json_from(5))["seq"]
        await sync_to_async(_many_events)(run)
        frame = await socket.receive_json_from(5)

    assert frame["events"][0]["seq"] == first + 1


async def test_a_log_that_cannot_be_read_for_a_moment_is_read_again(monkeypatch):
    monkeypatch.setattr("dashboard.live.news.RETRY", 0.05)
    run = await a_run()
    cookie = await cookie_of()
    whole = log.read
    failures = [OperationalError("away")]

    def flaky(key, after, limit):
        if failures:
            raise failures.pop()
        return whole(key, after, limit)

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        first = (await socket.receive_json_from(5))["seq"]
        await asyncio.sleep(0.3)
        monkeypatch.setattr(log, "read", flaky)
        await sync_to_async(_many_events)(run)
        live.hub.publish(run.pk, first + 450)
        frame = await socket.receive_json_from(5)

    assert not failures
    assert frame["events"][0]["seq"] == first + 1


async def test_a_person_who_is_no_longer_allowed_learns_it_in_time(monkeypatch):
    monkeypatch.setattr("dashboard.live.connection.RECHECK", 0.1)
    run = await a_run()
    cookie = await cookie_of()

    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        await socket.receive_json_from(5)
        await User.objects.filter(username="ana").aupdate(is_superuser=False)

        assert (await socket.receive_output(5))["code"] == 4403


async def test_the_news_of_many_runs_are_read_together(monkeypatch):
    runs = [await a_run(amount=5) for _ in range(3)]
    cookie = await cookie_of()
    asked = []
    whole = log.read_each

    def counted(pairs, limit):
        asked.append(len(pairs))
        time.sleep(0.05)  # meanwhile the others ask
        return whole(pairs, limit)

    monkeypatch.setattr(log, "read_each", counted)
    async with contextlib.AsyncExitStack() as stack:
        for run in runs:
            address = f"/ws/runs/{run.run_id}/?after=2"
            socket = await stack.enter_async_context(opened(address, cookie))
            first = await socket.receive_json_from(5)
            assert {event["run_id"] for event in first["events"]} == {run.run_id}
            assert first["events"][0]["seq"] == 3
        found = await asyncio.gather(*(bridge.read(run.pk, 2) for run in runs))

    assert max(asked) >= 2
    assert found == [await sync_to_async(log.read)(run.pk, 2) for run in runs]


async def test_a_run_that_is_gone_is_not_in_the_way_of_the_others():
    run = await a_run(amount=5)
    gone = uuid.uuid4()

    there, none = await asyncio.gather(bridge.read(run.pk, 0), bridge.read(gone, 0))

    assert there[0]["seq"] == 1
    assert none == []


@pytest.mark.parametrize("limit", [1000, 7])
def test_logs_that_are_read_together_say_what_each_says_alone(limit):
    runs = [started(amount=5), started(), started(amount=5)]
    _many_events(runs[1])
    asked = [(runs[0].pk, 0), (runs[0].pk, 3), (runs[1].pk, 2), (runs[2].pk, 10_000)]

    found = log.read_each(asked, limit)

    assert found == {pair: log.read(*pair, limit) for pair in asked}
