"""Threads that read for open pages: few, each with one connection, and none without work."""

import asyncio
import threading
import time

import pytest
from django.db import OperationalError, connection

from dashboard.live import readers
from dashboard.live.readers import Readers
from workflows_app.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def count() -> int:
    return Run.objects.count()


def raw() -> int:
    count()
    return id(connection.connection)


def threads(name):
    return [each for each in threading.enumerate() if each.name == f"signalbox-reader-{name}"]


async def ended(name):
    for _ in range(100):
        if not threads(name):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(threads(name))


async def test_a_thread_keeps_its_connection_and_ends_without_work(monkeypatch):
    monkeypatch.setattr(readers, "IDLE", 0.2)
    some = Readers("keeps", 1)

    assert await some.do(raw) == await some.do(raw)
    assert len(threads("keeps")) == 1

    await ended("keeps")
    assert await some.do(count) == 0


async def test_there_are_never_more_threads_than_said(monkeypatch):
    monkeypatch.setattr(readers, "IDLE", 0.1)
    some, at_once, most = Readers("most", 2), [], []

    def slow() -> None:
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.02)
        at_once.pop()

    await asyncio.gather(*(some.do(slow) for _ in range(10)))

    assert (max(most), len(threads("most"))) == (2, 2)
    await ended("most")


async def test_a_connection_that_died_is_replaced():
    some = Readers("died", 1)
    asked = []

    def once_dead() -> int:
        asked.append(1)
        connection.ensure_connection()
        if len(asked) == 1:
            connection.errors_occurred = True
            raise OperationalError("the server closed the connection")
        return count()

    assert await some.do(once_dead) == 0
    assert len(asked) == 2


async def test_what_a_call_raises_is_raised_and_the_next_is_done():
    some = Readers("raises", 1)

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await some.do(fails)
    assert await some.do(count) == 0


async def test_a_caller_that_gives_up_is_not_waited_for():
    some = Readers("gives-up", 1)
    held = asyncio.create_task(some.do(lambda: time.sleep(0.1)))
    await asyncio.sleep(0.02)
    left = asyncio.create_task(some.do(count))
    await asyncio.sleep(0.02)
    left.cancel()

    await held
    assert await some.do(count) == 0
