"""Callers on an event loop see that their run has settled though no news come: they look."""

import asyncio
import time

import pytest

from workflows_app import Workflow, errors
from workflows_app.engine.verbs import looks, waiting
from workflows_app.models import Run
from workflows_app.threads import in_thread

pytestmark = pytest.mark.django_db(transaction=True)

rests = Workflow("looked-at").sleep(3600).commit()


def resting(count: int) -> list[Run]:
    runs = [rests.create_run() for _ in range(count)]
    for run in runs:
        run.start({}, wait=False)
    return list(Run.objects.filter(workflow_id=rests.id).order_by("pk"))


def end_in_silence(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status="canceled", ending="canceled")


async def test_those_that_settled_or_are_gone_are_seen_and_the_others_wait_on():
    one, gone, other = await in_thread(resting)(3)
    ends = [asyncio.create_task(waiting.await_settled(run.pk, 20)) for run in (one, gone)]
    stays = asyncio.create_task(waiting.await_settled(other.pk, 20))
    await asyncio.sleep(0.3)

    await in_thread(end_in_silence)(one)
    await in_thread(gone.delete)()
    await asyncio.wait_for(asyncio.gather(*ends), 10)

    assert not stays.done()
    await in_thread(end_in_silence)(other)
    await asyncio.wait_for(stays, 10)


async def test_many_who_wait_are_looked_after_in_few_statements(monkeypatch):
    asked: list[int] = []
    look = looks._going_on
    monkeypatch.setattr(looks, "_going_on", lambda runs: asked.append(len(runs)) or look(runs))
    runs = await in_thread(resting)(40)

    waits = [waiting.await_settled(run.pk, 3) for run in runs]
    ended = await asyncio.gather(*waits, return_exceptions=True)

    assert all(isinstance(each, errors.WaitTimeout) for each in ended)
    assert max(asked) == 40
    assert len(asked) < 60  # some at first, then about one a second


async def test_one_who_comes_late_is_looked_after_soon():
    early, *others = await in_thread(resting)(4)
    first = asyncio.create_task(waiting.await_settled(early.pk, 60))
    waited = []
    for late in others:  # the machine may be slow once
        await asyncio.sleep(2)  # by now the pause has grown
        second = asyncio.create_task(waiting.await_settled(late.pk, 30))
        await asyncio.sleep(0.2)
        await in_thread(end_in_silence)(late)
        began = time.monotonic()
        await second
        waited.append(time.monotonic() - began)

    assert min(waited) < 0.5
    first.cancel()


async def test_a_look_that_fails_is_followed_by_another(monkeypatch, caplog):
    (run,) = await in_thread(resting)(1)
    look, failures = looks._going_on, iter([OSError("gone away")])

    def looking(runs):
        for failure in failures:
            raise failure
        return look(runs)

    monkeypatch.setattr(looks, "_going_on", looking)
    wait = asyncio.create_task(waiting.await_settled(run.pk, 20))
    await asyncio.sleep(0.2)
    await in_thread(end_in_silence)(run)

    await asyncio.wait_for(wait, 10)
    assert "could not be read" in caplog.text
