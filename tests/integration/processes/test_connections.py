"""What threads send and hear over their own connections to Redis, without ever hanging."""

import contextlib
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_client

from tests.chaos.proxy import Wire
from worker import reply_channel
from worker.connections import Connections

pytestmark = pytest.mark.sqlite_only  # no database is used

RUN = uuid.UUID(int=7)


@pytest.fixture(scope="module")
def connections(redis):
    """How this process talks to the Redis of these tests."""
    made = Connections(redis.url)
    yield made
    made._mine.connection.disconnect()


@pytest.fixture
def channel_over():
    """Make open reply channels, and close them after the test."""
    made = []

    def make(connections):
        made.append(reply_channel.ReplyChannel(connections))
        made[-1].open()
        return made[-1]

    yield make
    for each in made:
        if each._connection is not None:
            each._close()


@pytest.fixture
def channel(connections, channel_over):
    """The reply channel of this thread, open."""
    return channel_over(connections)


@pytest.fixture
def elsewhere():
    """Call in a thread of its own, and return what it returned."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda act, *given: pool.submit(act, *given).result(10)


def test_messages_about_the_run_are_heard_and_no_others(channel, connections, elsewhere):
    assert elsewhere(
        reply_channel.tell, connections, channel.address, uuid.UUID(int=8), "of another"
    )
    assert elsewhere(reply_channel.tell, connections, channel.address, RUN, "first ü")
    assert channel.hear(RUN, 5) == "first ü"
    channel.open()
    assert elsewhere(reply_channel.tell, connections, channel.address, RUN, "")
    assert channel.hear(RUN, 5) == ""
    assert channel.hear(RUN, 0.01) is None


def test_a_reply_ends_one_wait_and_cannot_be_sent_again(channel, connections, elsewhere):
    first = channel.address
    channel.open()  # of a step that this thread runs while it waits
    elsewhere(reply_channel.tell, connections, channel.address, RUN, "inner")
    elsewhere(reply_channel.tell, connections, first, RUN, "outer")

    assert [channel.hear(RUN, 5), channel.hear(RUN, 5)] == ["inner", "outer"]
    elsewhere(reply_channel.tell, connections, first, RUN, "again")
    assert channel.hear(RUN, 0.1) is None


def test_a_reply_that_is_not_signed_is_not_heard(channel, connections, elsewhere, caplog):
    name, _, wait = channel.address.partition("#")
    elsewhere(connections.ask, ("PUBLISH", name, f"{wait}{RUN.hex}forged"))

    assert channel.hear(RUN, 0.2) is None


def test_nobody_hears_messages_to_a_closed_channel(connections, elsewhere):
    assert not elsewhere(reply_channel.tell, connections, "signalbox:caller:nobody", RUN, "text")


def test_a_waiting_thread_wakes_when_somebody_rings(channel):
    threading.Timer(0.05, channel.ring).start()
    began = time.monotonic()

    assert channel.hear(RUN, 5) is None

    assert time.monotonic() - began < 4
    assert channel.hear(RUN, 0.01) is None
    for _ in range(100_000):
        channel.ring()  # never in the way, whoever listens


def test_a_channel_that_broke_waits_no_longer_than_asked_and_is_opened_again(
    channel, connections, redis, elsewhere
):
    redis.stop()
    redis.start()

    began = time.monotonic()
    assert channel.hear(RUN, 0.2) is None
    assert 0.1 < time.monotonic() - began < 5

    channel.open()
    assert elsewhere(reply_channel.tell, connections, channel.address, RUN, "again")
    assert channel.hear(RUN, 5) == "again"


class Stalling(Wire):
    """A wire that passes on half of a message, and then nothing."""

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        is_whole = True
        with one, other, contextlib.suppress(OSError):
            while data := one.recv(65536):
                half = len(data) // (2 if b"in two parts" in data else 1)
                other.sendall(data[:half] if is_whole else b"")
                is_whole = is_whole and half == len(data)
            other.shutdown(socket.SHUT_RDWR)


def test_what_arrives_in_part_is_given_up_and_the_channel_opened_again(
    redis, connections, channel_over, elsewhere
):
    wire = Stalling(int(redis.url.rsplit(":", 1)[1].split("/")[0]))
    channel = channel_over(Connections(f"redis://127.0.0.1:{wire.port}/0"))
    assert elsewhere(reply_channel.tell, connections, channel.address, RUN, "in two parts")

    began = time.monotonic()
    assert channel.hear(RUN, 0.5) is None
    assert channel.hear(RUN, 0.1) is None
    assert time.monotonic() - began < 5

    channel.open()
    assert elsewhere(reply_channel.tell, connections, channel.address, RUN, "again")
    assert channel.hear(RUN, 5) == "again"
    wire.close()


def test_answers_are_kept_for_the_thread_that_asked_though_another_asks_meanwhile(
    redis, connections
):
    redis.flush()
    first = connections.send(("RPUSH", "list", "a"), ("RPUSH", "list", "b"))
    assert connections.ask(("RPOP", "list")) == [b"b"]
    assert first.answers() == [1, 2]
    assert first.answers() == [1, 2]


def test_an_error_is_raised_only_for_the_caller_that_asked(redis, connections):
    redis.flush()
    wrong = connections.send(("SET", "text", "a"), ("RPUSH", "text", "b"), ("GET", "text"))
    assert connections.ask(("GET", "text")) == [b"a"]
    with pytest.raises(redis_client.ResponseError):
        wrong.answers()


def test_values_are_taken_in_the_order_of_the_lists(redis, connections):
    redis.flush()
    popper = connections.popper()
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
