"""Hints over a broker that comes with Dramatiq: in this process, and between processes.

There is no RabbitMQ here and no pika. So the tests check what our code asks of Dramatiq's broker
for RabbitMQ, over a stand-in for pika (`tests.fake_pika`), not over a server.
"""

import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import redis as redis_client
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from tests import fake_pika
from tests.integration.processes.elsewhere import look, ran, start
from tests.product import Workers, wait_until
from tests.servers import Redis, redis_server
from worker import stock
from worker.carriers import AWAY, Carrier
from worker.hints import Hint

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own

HINTS = [Hint(step, 5, step + 1) for step in (1, 2, 3)]
ALL_HAVE_ENDED = """
import time
from workflows_app import get_workflow
runs = [get_workflow("killed").get_run(f"r{n}") for n in range(8)]
until = time.monotonic() + 60
while time.monotonic() < until and {run.refresh().status for run in runs} != {"success"}:
    time.sleep(0.1)
print(json.dumps([[run.status, run.result().result["n"]] for run in runs]))
"""
START_ALL = """
from workflows_app import get_workflow
for number in range(8):
    get_workflow("killed").create_run(f"r{number}").start({"n": number}, wait=False)
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Redis]:
    """A Redis that only carries hints, beside the one of REDIS_URL."""
    with redis_server() as server:
        yield server


@pytest.fixture
def over_broker(workers: Workers, broker: Redis) -> Workers:
    """An installation whose hints go over that broker."""
    broker.flush()
    workers.env["WORKFLOWS_BROKER"] = broker.url
    return workers


def taken(carrier: Carrier, queue: str = "default", most: int = 3) -> list[Hint]:
    """Return the hints that one intake of a queue gives within a few seconds."""
    intake, until = carrier.intake(queue), time.monotonic() + 5
    found: list[Hint] = []
    while len(found) < most and time.monotonic() < until:
        if (hint := intake.take(0.1)) is not None:
            found.append(hint)
    intake.close()
    return found


def test_hints_come_out_of_each_queue_of_redis_as_they_went_in(broker):
    broker.flush()
    carrier = stock.carrier(broker.url)
    carrier.push([("default", HINTS[0]), ("gpu", HINTS[1]), ("default", HINTS[2])])
    assert taken(carrier, most=2) == [HINTS[0], HINTS[2]]
    assert taken(carrier, "gpu", most=1) == [HINTS[1]]


def test_messages_of_others_are_dropped_and_said_so(broker, caplog):
    broker.flush()
    others = RedisBroker(url=broker.url, middleware=[])
    for name, arguments in (("theirs", (1, 2)), ("run_step", ()), ("run_step", (1, 2, 3, 4))):
        others.enqueue(Message("signalbox.default", name, arguments, {}, {}))
    carrier = stock.carrier(broker.url)
    carrier.push([("default", HINTS[0])])
    assert taken(carrier, most=1) == [HINTS[0]]
    assert caplog.text.count("was dropped") == 1
    assert "not signed with this installation's key" in caplog.text


def test_a_redis_that_is_away_makes_carriers_raise_and_is_found_again(broker):
    carrier = stock.carrier(broker.url)
    intake = carrier.intake("default")
    broker.stop()
    try:
        for act in (lambda: carrier.push([("default", HINTS[0])]), lambda: intake.take(0.1)):
            began = time.monotonic()
            with pytest.raises(AWAY):
                act()
            assert time.monotonic() - began < 2
    finally:
        broker.start()
    carrier.push([("default", HINTS[1])])
    assert taken(carrier, most=1) == [HINTS[1]]


def test_an_intake_that_rests_holds_nothing_and_goes_on_after_it():
    queues = StubBroker(middleware=[])
    carrier = stock.StockCarrier("it", queues, 50, queues)
    intake = carrier.intake("default")
    carrier.push([("default", hint) for hint in HINTS])
    assert intake.take(0.1) == HINTS[0]
    intake.rest()
    assert taken(carrier, most=1) == [HINTS[1]]
    assert intake.take(0.1) == HINTS[2]


class Stuck(stock.StockCarrier):
    """A carrier whose client waits for a server that says nothing."""

    def __init__(self) -> None:
        super().__init__("it", StubBroker(), 50, StubBroker())
        self.gate = threading.Event()

    def push(self, hints: stock.Hints) -> None:
        self.gate.wait(20)
        raise LookupError


def test_nobody_waits_long_for_the_thread_that_sends():
    stuck = Stuck()
    carrier = stock.FromOneThread(stuck)
    began = time.monotonic()
    with pytest.raises(AWAY, match=r"no answer in 0\.2 s"):
        carrier.push([("default", HINTS[0])])
    assert time.monotonic() - began < 2
    stuck.gate.set()
    with pytest.raises(LookupError):
        carrier.push([("default", HINTS[0])])


@pytest.fixture
def rabbitmq(monkeypatch) -> fake_pika.Server:
    """A stand-in for RabbitMQ."""
    server = fake_pika.Server()
    for name, module in server.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "dramatiq.brokers.rabbitmq", raising=False)
    return server


def test_hints_over_dramatiqs_broker_for_rabbitmq_go_to_its_queues_and_come_back(rabbitmq):
    carrier = stock.carrier("amqp://me:secret@queue.example:5673/vhost")
    assert carrier.server == "The broker at queue.example"
    carrier.push([("default", hint) for hint in HINTS])
    assert rabbitmq.urls == {"amqp://me:secret@queue.example:5673/vhost"}
    assert "signalbox.default" in rabbitmq.queues
    assert len(rabbitmq.published_from) == 1
    assert threading.get_ident() not in rabbitmq.published_from
    assert taken(carrier) == HINTS
    assert rabbitmq.unacknowledged == 0


def test_a_rabbitmq_that_is_away_makes_carriers_raise(rabbitmq):
    carrier = stock.carrier("amqp://queue.example/")
    rabbitmq.is_away = True
    with pytest.raises(AWAY):
        carrier.push([("default", HINTS[0])])
    with pytest.raises(AWAY):
        carrier.intake("default").take(0.1)
    rabbitmq.is_away = False
    carrier.push([("default", HINTS[1])])
    assert taken(carrier, most=1) == [HINTS[1]]


def test_two_worker_processes_run_what_a_third_started_and_redis_url_carries_no_hint(
    over_broker, broker, redis, tmp_path
):
    over_broker.start("--threads", "2")
    over_broker.start("--threads", "2")
    (tmp_path / "go").touch()

    over_broker.python(START_ALL)

    assert over_broker.python(ALL_HAVE_ENDED) == [["success", n] for n in range(8)]
    keys = redis_client.Redis.from_url(redis.url).keys("*")
    assert [key for key in keys if b"queue" in key or b"offers" in key] == []
    assert redis_client.Redis.from_url(broker.url).keys("dramatiq*") != []


def test_runs_end_though_the_broker_is_away_or_forgets_everything(
    over_broker, broker, redis, tmp_path
):
    over_broker.start("--threads", "2")
    (tmp_path / "go").touch()
    broker.stop()
    try:
        start(over_broker, "killed", "away")
        wait_until(
            lambda: look(over_broker, "killed", "away")["status"] == "success", 20, over_broker.said
        )
    finally:
        broker.start()
    start(over_broker, "killed", "forgotten")
    broker.flush()
    wait_until(
        lambda: look(over_broker, "killed", "forgotten")["status"] == "success", 20,
        over_broker.said,
    )  # fmt: skip
    assert "The broker at 127.0.0.1 is away" in over_broker.said()
    assert ran(tmp_path) == ["first", "held_up", "last"] * 2


def test_a_worker_with_an_invalid_address_says_what_it_must_be(workers: Workers) -> None:
    workers.env["WORKFLOWS_BROKER"] = "kafka://me:hidden@host"
    refused = workers.manage("check")
    assert refused.returncode != 0
    assert "WORKFLOWS_BROKER is not what it can be; it must be the URL of a Redis" in refused.stderr
    assert "hidden" not in refused.stderr


def test_a_rabbitmq_is_taken_where_pika_is_installed_and_refused_in_words_where_it_is_not(
    workers: Workers,
) -> None:
    workers.env["WORKFLOWS_BROKER"] = "amqp://me:hidden@127.0.0.1:1/"
    checked = workers.manage("check")
    if find_spec("pika") is None:
        assert "Install it: pip install 'django-signalbox[rabbitmq]'." in checked.stderr
        assert "hidden" not in checked.stderr
    else:
        assert checked.returncode == 0
