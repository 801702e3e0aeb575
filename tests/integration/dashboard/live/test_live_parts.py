"""The live part over the socket: one part per order, drawn once for all who may see the same."""

import asyncio
import re

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User

from dashboard.live import parts as live_parts
from dashboard.run import views as run_views
from tests.integration.dashboard.conftest import question_of, started
from tests.integration.dashboard.live.test_live import cookie_of, opened
from workflows_app.engine.host import live
from workflows_app.models import Preference, Run, RunEvent

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def a_run(**values):
    return started(**values)


@sync_to_async
def news_of(run, events=1):
    """Let something happen in a run, and tell it."""
    row = Run.objects.get(pk=run.pk)
    first = row.event_seq + 1
    row.event_seq += events
    RunEvent.objects.create(
        run=row, first_seq=first, last_seq=row.event_seq, at=row.created_at,
        events=[{"type": "data-x", "payload": {}}] * events,
    )  # fmt: skip
    row.save()
    live.hub.publish(run.pk, row.event_seq)
    return row.event_seq


async def ordered(socket, run, shown, look=None):
    await socket.send_json_to({"look": look or f"/runs/{run.run_id}/?tab=graph", "shown": shown})


async def part_from(socket):
    while True:
        frame = await socket.receive_json_from(5)
        if frame["type"] == "part":
            return frame


async def test_a_part_comes_when_there_is_more_than_the_page_shows_and_only_once():
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        seq = (await socket.receive_json_from(5))["seq"]
        await ordered(socket, run, seq)
        assert await socket.receive_nothing(0.5)

        seq = await news_of(run)
        part = await part_from(socket)
        await news_of(run)
        assert (await socket.receive_json_from(5))["type"] == "events"
        assert await socket.receive_nothing(0.6)

    assert part["seq"] == seq
    assert f'data-seq="{seq}"' in part["html"]


async def test_the_part_is_what_a_fetch_of_the_same_address_gives(client):
    run = await a_run(amount=5)
    cookie = await cookie_of()
    look = f"/runs/{run.run_id}/?tab=timeline"
    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        await ordered(socket, run, 0, look)
        part = await part_from(socket)

    await sync_to_async(client.force_login)(await User.objects.aget(username="ana"))
    answer = await sync_to_async(client.get)(look, headers={"HX-Request": "true"})
    fetched = answer.content.decode()
    when = re.compile(r"<time.*?</time>", re.DOTALL)
    assert when.sub("", part["html"]) == when.sub("", fetched)


async def test_an_order_for_less_than_there_is_is_served_at_once():
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        await ordered(socket, run, 0)
        part = await part_from(socket)

    assert part["seq"] == (await Run.objects.aget(pk=run.pk)).event_seq


async def test_one_drawing_serves_all_who_may_do_the_same_and_nobody_else(monkeypatch):
    run = await a_run(amount=5)
    address = f"/ws/runs/{run.run_id}/"
    drawn = []
    whole = run_views.gathering.page_for

    def counted(found, person, view):
        drawn.append(person.get_username())
        return whole(found, person, view)

    monkeypatch.setattr(run_views.gathering, "page_for", counted)
    first, second = await cookie_of("ana"), await cookie_of("bea")
    looker = await cookie_of("cora", is_superuser=False)
    await sync_to_async(allow)("cora", "view_run")
    async with (
        opened(address, first) as a,
        opened(address, second) as b,
        opened(address, looker) as c,
    ):
        seqs = [(await socket.receive_json_from(5))["seq"] for socket in (a, b, c)]
        for socket, seq in zip((a, b, c), seqs, strict=True):
            await ordered(socket, run, seq)
        await asyncio.sleep(0.1)
        await news_of(run)
        parts = [(await part_from(socket))["html"] for socket in (a, b, c)]

    assert len(drawn) == 2
    assert parts[0] == parts[1]
    assert "/rerun/" in parts[0]
    assert "/rerun/" not in parts[2]


def allow(name, *permissions):
    user = User.objects.get(username=name)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))


async def test_everyone_reads_their_own_clock():
    run = await a_run(amount=5)
    cookie = await cookie_of()
    user = await User.objects.aget(username="ana")
    await Preference.objects.acreate(user=user, zone="Asia/Tokyo")
    async with opened(f"/ws/runs/{run.run_id}/", cookie) as socket:
        await ordered(socket, run, 0)
        assert "JST (+09:00)" in (await part_from(socket))["html"]


async def test_a_part_with_a_form_of_the_persons_own_is_left_to_be_fetched():
    run = await a_run()  # it asks
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        await ordered(socket, run, 0)
        assert (await part_from(socket))["html"] is None


async def test_the_end_is_shown_at_each_order():
    run = await a_run()
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        shown = (await socket.receive_json_from(5))["seq"]
        await ordered(socket, run, shown)
        step = await sync_to_async(question_of)(run)
        await sync_to_async(run.resume)({"approved": True}, suspension=str(step.suspension))
        last = (await Run.objects.aget(pk=run.pk)).event_seq
        while shown < last:
            part = await part_from(socket)
            shown = part["seq"]
            await ordered(socket, run, shown)

    assert 'data-ended="yes"' in part["html"]


@pytest.mark.parametrize("look", ["/runs/another/?tab=graph", "/settings/", "//evil", ""])
async def test_another_address_than_the_runs_own_is_not_drawn(look):
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        await socket.send_json_to({"look": look, "shown": 0})
        assert (await part_from(socket))["html"] is None


@pytest.mark.parametrize("text", [" ", "no", "[]", "{}", '{"look": 3}', "1" * 5000])
async def test_a_message_that_is_not_an_order_is_ignored(text):
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        await socket.receive_json_from(5)
        await socket.send_to(text_data=text)
        await ordered(socket, run, 0)
        assert (await part_from(socket))["html"]


async def test_a_person_who_is_refused_may_order_nothing():
    run = await a_run(amount=5)
    async with opened(
        f"/ws/runs/{run.run_id}/", await cookie_of("bob", is_superuser=False)
    ) as socket:
        assert (await socket.receive_output(5))["code"] == 4403
        await ordered(socket, run, 0)
        assert await socket.receive_nothing(0.3)


async def test_old_looks_are_forgotten_but_none_that_waits(monkeypatch):
    monkeypatch.setattr(live_parts, "MOST_LOOKS", 2)
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        seq = (await socket.receive_json_from(5))["seq"]
        for tab in ("graph", "timeline", "events", "data", "related"):
            await ordered(socket, run, seq, f"/runs/{run.run_id}/?tab={tab}")
        await asyncio.sleep(0.1)
        looks = next(iter(live_parts._looks.values()))
        assert len(looks) <= 3
        await news_of(run)
        assert "tab=related" in (await part_from(socket))["html"]


async def test_a_transient_event_alone_draws_nothing():
    run = await a_run(amount=5)
    async with opened(f"/ws/runs/{run.run_id}/", await cookie_of()) as socket:
        seq = (await socket.receive_json_from(5))["seq"]
        await ordered(socket, run, seq)
        await asyncio.sleep(0.1)
        live.hub.publish(run.pk, None, [{"type": "data-x", "seq": None}])
        assert (await socket.receive_json_from(5))["type"] == "events"
        assert await socket.receive_nothing(0.6)


async def test_what_was_drawn_for_others_brings_neither_their_clock_nor_their_rights():
    run = await a_run(amount=5)
    address = f"/ws/runs/{run.run_id}/"
    may_all, looker = await cookie_of("ana"), await cookie_of("cora", is_superuser=False)
    await sync_to_async(allow)("cora", "view_run")
    there = await User.objects.aget(username="cora")
    await Preference.objects.acreate(user=there, zone="Asia/Tokyo")
    found = []
    for cookie in (may_all, looker, may_all):
        async with opened(address, cookie) as socket:
            await ordered(socket, run, 0)
            found.append((await part_from(socket))["html"])

    first, others, again = found
    assert "/rerun/" in first
    assert "/rerun/" in again
    assert "/rerun/" not in others
    assert " UTC" in first
    assert " UTC" not in others
    assert "JST (+09:00)" in others
    assert "JST" not in again
