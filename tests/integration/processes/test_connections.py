"""What threads say and hear over connections to Redis of their own, and that none ever hangs."""

import contextlib
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_client

from tests.chaos.proxy import Wire
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


class Stalling(Wire):
    """A wire that passes half of what is told on, and then nothing."""

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        is_whole = True
        with one, other, contextlib.suppress(OSError):
            while data := one.recv(65536):
                half = len(data) // (2 if b"in two parts" in data else 1)
                other.sendall(data[:half] if is_whole else b"")
                is_whole = is_whole and half == len(data)
            other.shutdown(socket.SHUT_RDWR)


def test_what_arrives_in_part_is_given_up_and_the_line_opened_again(redis, settings, elsewhere):
    wire = Stalling(int(redis.url.rsplit(":", 1)[1].split("/")[0]))
    settings.REDIS_URL = f"redis://127.0.0.1:{wire.port}/0"
    connections._quick.cache_clear()
    line = lines.Line()
    line.open()
    settings.REDIS_URL = redis.url
    connections._quick.cache_clear()
    assert elsewhere(lines.tell, line.address, RUN, "in two parts")

    began = time.monotonic()
    assert line.hear(RUN, 0.5) is None
    assert line.hear(RUN, 0.1) is None
    assert time.monotonic() - began < 5

    line.open()
    assert elsewhere(lines.tell, line.address, RUN, "again")
    assert line.hear(RUN, 5) == "again"
    wire.close()


def test_answers_are_kept_for_who_asked_though_another_asks_meanwhile(redis):
    redis.flush()
    first = connections.send(("RPUSH", "list", "a"), ("RPUSH", "list", "b"))
    assert connections.ask(("RPOP", "list")) == [b"b"]
    assert first.answers() == [1, 2]
    assert first.answers() == [1, 2]


def test_what_goes_wrong_is_told_to_who_asked_it_alone(redis):
    redis.flush()
    wrong = connections.send(("SET", "text", "a"), ("RPUSH", "text", "b"), ("GET", "text"))
    assert connections.ask(("GET", "text")) == [b"a"]
    with pytest.raises(redis_client.ResponseError):
        wrong.answers()


def test_what_comes_to_lists_is_taken_in_the_order_of_the_lists(redis):
    redis.flush()
    popper = connections.Popper()
    assert popper.pop(["first", "second"], 0.05) is None
    connections.ask(("RPUSH", "second", "b"), ("RPUSH", "first", "a"))
    assert popper.pop(["first", "second"], 1) == ("first", b"a")
    assert popper.pop(["first", "second"], 1) == ("second", b"b")

    redis.stop()
    with pytest.raises(redis_client.RedisError):
        popper.pop(["first"], 1)
    redis.start()
    connections.ask(("RPUSH", "first", "again"))
    assert popper.pop(["first"], 1) == ("first", b"again")
    popper.close()
