"""What a waiting thread is told over Redis by who ended its run, and that it never hangs."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from worker import connections, lines

pytestmark = pytest.mark.sqlite_only  # no database is used

RUN = uuid.UUID(int=7)


@pytest.fixture(autouse=True)
def _connected(redis, settings):
    settings.REDIS_URL = redis.url
    connections._quick.cache_clear()
    yield
    connections._quick.cache_clear()


@pytest.fixture
def line():
    made = lines.Line()
    made.open()
    return made


@pytest.fixture
def elsewhere():
    """Call in a thread of its own, and return what it returned."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda act, *given: pool.submit(act, *given).result(10)


def test_what_is_said_of_the_run_is_heard_and_nothing_else(line, elsewhere):
    assert elsewhere(lines.tell, line.address, uuid.UUID(int=8), "of another")
    assert elsewhere(lines.tell, line.address, RUN, "first ü")
    assert elsewhere(lines.tell, line.address, RUN, "")

    assert line.hear(RUN, 5) == "first ü"
    assert line.hear(RUN, 5) == ""
    assert line.hear(RUN, 0.01) is None


def test_nobody_hears_what_is_said_to_a_line_that_is_closed(elsewhere):
    assert not elsewhere(lines.tell, "signalbox:caller:nobody", RUN, "text")


def test_who_hears_looks_up_when_it_is_rung(line):
    threading.Timer(0.05, line.ring).start()
    began = time.monotonic()

    assert line.hear(RUN, 5) is None

    assert time.monotonic() - began < 4
    assert line.hear(RUN, 0.01) is None
    for _ in range(100_000):
        line.ring()  # never in the way, whoever listens


def test_a_line_that_broke_waits_no_longer_than_asked_and_is_opened_again(line, redis, elsewhere):
    redis.stop()
    redis.start()

    began = time.monotonic()
    assert line.hear(RUN, 0.2) is None
    assert 0.1 < time.monotonic() - began < 5

    line.open()
    assert elsewhere(lines.tell, line.address, RUN, "again")
    assert line.hear(RUN, 5) == "again"
