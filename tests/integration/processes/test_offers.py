"""Claims that a verb makes for a worker that offered itself, and what happens to them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_client

from tests.integration.processes.elsewhere import look, ran, start
from tests.product import wait_until
from worker import signing
from workflows_app.engine.run import transfer

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own

OFFERS = f"signalbox:offers:default:{transfer.FORM}"
#: A client whose claim is made and never arrives. On a slow machine an offer may be too old.
LOSING = """
from worker import offers
from workflows_app.models import StepSnapshot
offers.OfferedSlot.end = lambda self: None
from workflows_app import get_workflow
status = "queued"
while status == "queued":
    run = get_workflow("killed").create_run()
    run.start({"n": 1}, wait=False)
    status = StepSnapshot.objects.filter(run=run.pk).values_list("status", flat=True)[0]
print(json.dumps(run.run_id))
"""
WAITING = """
from worker.process import here
from workflows_app import get_workflow, results
taken, read = [], []
take, read_run = here.offers.take, results.run_and_steps
def taking():
    wait = take()
    return lambda: taken.append(wait()) or taken[-1]
here.offers.take = taking
results.run_and_steps = lambda pk: read.append(pk) or read_run(pk)
flow = get_workflow("killed")
said = []
for number in range(8):
    run = flow.create_run()
    taken.clear()
    result = run.start({"n": number}, initial_state={"pair": (1, 2)}, request_context={"a": [1]},
                       output_options={"include_state": True, "include_resume_labels": True})
    again = run.result(include_state=True)
    row = {f.attname: str(getattr(run._row, f.attname)) for f in run._row._meta.concrete_fields}
    run.refresh()
    same = row == {f: str(getattr(run._row, f)) for f in row}
    was_told = bool(taken and taken[-1]) and run.pk not in read
    said.append([result == again, same, result.result, was_told])
print(json.dumps(said))
"""


def client(server):
    """Return a client of a Redis."""
    return redis_client.Redis.from_url(server.url)


def offered(redis):
    """Return how many offers are in Redis."""
    return client(redis).llen(OFFERS)


def test_an_idle_worker_gets_the_started_run_and_sends_back_its_result(workers, redis, tmp_path):
    workers.start()
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    found = workers.python(WAITING)

    assert [said[:3] for said in found] == [
        [True, True, {"n": number, "first": True, "restarted": False}] for number in range(8)
    ]
    assert any(was_told for *_, was_told in found)


def test_a_claim_that_is_lost_on_its_way_is_found_by_its_worker(workers, redis, tmp_path):
    workers.start()
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    lost = workers.python(LOSING)

    wait_until(lambda: look(workers, "killed", lost)["status"] == "success", 15, workers.said)
    assert look(workers, "killed", lost)["types"].count("workflow-step-result") == 3


def test_a_claim_with_too_much_to_travel_is_left_to_a_hint(workers, redis, tmp_path):
    workers.start()
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    found = workers.python(
        "from workflows_app import get_workflow\n"
        "result = get_workflow('killed').create_run().start({'n': 'x' * 100_000}, timeout=10)\n"
        "print(json.dumps([len(result.result['n']), result.result['restarted']]))"
    )

    assert found == [100_000, False]


def test_offers_that_redis_forgot_are_made_again_and_hints_are_taken_meanwhile(
    workers, redis, tmp_path
):
    workers.start("--threads", "2")
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)
    redis.flush()

    start(workers, "killed", "forgotten")

    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    wait_until(lambda: offered(redis) == 1, 10, workers.said)


def test_a_worker_that_was_killed_is_offered_for_a_moment_only(workers, redis, tmp_path):
    first = workers.start()
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)
    first.kill()
    first.wait()
    time.sleep(1.1)
    workers.start("--threads", "1")

    start(workers, "killed", "after")

    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    assert "was lost" not in workers.said()


def test_a_caller_whose_worker_is_killed_gets_the_result_of_the_next_one(workers, redis, tmp_path):
    first = workers.start()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(
            workers.python,
            "from workflows_app import get_workflow\n"
            "result = get_workflow('killed').create_run().start({'n': 1})\n"
            "print(json.dumps([result.status, result.result]))",
        )
        wait_until(lambda: "held_up" in ran(tmp_path), 20, workers.said)
        first.kill()
        first.wait()
        workers.start()
        (tmp_path / "go").touch()

        assert result.result(30) == ["success", {"n": 1, "first": True, "restarted": True}]


def test_a_claim_for_a_worker_that_was_just_killed_is_free_once_its_death_is_seen(
    workers, redis, tmp_path
):
    first = workers.start()
    (tmp_path / "go").touch()
    workers.start("--threads", "1")
    wait_until(lambda: offered(redis) == 1, 15, workers.said)
    seen = []
    wait_until(lambda: seen.extend(client(redis).lrange(OFFERS, 0, 0)) or seen, 5)
    first.kill()
    first.wait()
    worker, _ = seen[0][signing.SIZE :].decode().split(":")
    client(redis).delete(OFFERS)
    fresh = f"{worker}:{time.time()}"
    workers.python(
        "from worker import signing, connections\n"
        f"message = signing.signed({OFFERS!r}, {fresh!r})\n"
        f"connections.Connections().ask(('RPUSH', {OFFERS!r}, message))"
    )

    start(workers, "killed", "just")

    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    assert ran(tmp_path) == ["first", "held_up", "last"]


def test_a_busy_worker_offers_nothing_and_one_that_stops_takes_its_offer_back(
    workers, redis, tmp_path
):
    first = workers.start("--threads", "2")
    wait_until(lambda: offered(redis) == 1, 15, workers.said)
    start(workers, "killed", "a")
    start(workers, "killed", "b")  # by a hint, for the other thread
    wait_until(lambda: ran(tmp_path).count("held_up") == 2, 15, workers.said)
    wait_until(lambda: offered(redis) == 0, 5)
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    first.terminate()

    assert first.wait(timeout=20) == 0
    assert offered(redis) == 0


def test_the_offers_of_another_release_are_left_to_it(workers, redis, tmp_path):
    workers.start("--threads", "2")
    (tmp_path / "go").touch()
    client(redis).rpush("signalbox:offers:default", "1:another:form")
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    start(workers, "killed", "of-its-own")

    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    assert client(redis).llen("signalbox:offers:default") == 1


def test_a_worker_that_does_not_know_the_workflow_leaves_its_claim_to_others(
    workers, redis, tmp_path
):
    unknowing = workers.start(env={"WORKFLOWS_MODULES": "tests.benchmarks.flows"})
    (tmp_path / "go").touch()
    wait_until(lambda: offered(redis) == 1, 15, workers.said)

    start(workers, "killed", "elsewhere")
    wait_until(lambda: "is left to other workers" in workers.said(), 10, workers.said)
    unknowing.terminate()
    unknowing.wait(timeout=20)
    workers.start()

    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    wait_until(lambda: look(workers, "killed", "elsewhere")["status"] == "success", 5)
    found = look(workers, "killed", "elsewhere")
    assert found["result"] == {"n": 1, "first": True, "restarted": False}
