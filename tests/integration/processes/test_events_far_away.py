"""Events, timeouts and runs of steps over several processes, on PostgreSQL with Redis."""

import pytest

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own

WAIT = """
import threading, time
from django.db import connection
from workflows_app import emit, get_workflow
def over(runs):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if all(run.refresh().status in {'success', 'failed', 'canceled'} for run in runs):
            break
        time.sleep(0.05)
    return [run.result() for run in runs]
"""


def test_events_that_meet_their_steps_half_way_are_not_lost(workers):
    workers.start("--threads", "4")
    workers.start("--threads", "4")
    found = workers.python(
        WAIT + "flow = get_workflow('far-pays')\n"
        "runs = {f'o{n}': flow.create_run() for n in range(30)}\n"
        "def send(keys):\n"
        "    for key in keys: emit('payment', key, key)\n"
        "    connection.close()\n"
        "halves = [list(runs)[::2], list(runs)[1::2]]\n"
        "threads = [threading.Thread(target=send, args=(half,)) for half in halves]\n"
        "for key, run in runs.items():\n"
        "    run.start(key, wait=False)\n"
        "    if key == 'o5': [thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(json.dumps([r.result for r in over(list(runs.values()))]))"
    )
    assert found == [f"o{n}" for n in range(30)]


def test_a_timeout_ends_a_wait_in_any_process(workers):
    workers.start()
    found = workers.python(
        WAIT + "run = get_workflow('far-gives-up').create_run()\n"
        "run.start('late', wait=False)\n"
        "print(json.dumps([r.error.type for r in over([run])]))"
    )
    assert found == ["EventTimeout"]


def test_a_fan_out_over_workers_comes_back_together(workers):
    workers.start("--threads", "2")
    workers.start("--threads", "2")
    found = workers.python(
        WAIT + "flow = get_workflow('far-fans')\n"
        "runs = [flow.create_run() for _ in range(5)]\n"
        "for run in runs: run.start([1, 2, 3, 4], wait=False)\n"
        "print(json.dumps([r.result for r in over(runs)]))"
    )
    assert found == [[2, 4, 6, 8]] * 5
