"""Workers, clients and Redis in processes of their own, over PostgreSQL; any may go away."""

import os
import signal
import time

import pytest

from tests.integration.processes.elsewhere import look, ran, start
from tests.product import Workers, wait_until

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own

PIDS = """
from workflows_app.models import Worker
alive = Worker.objects.filter(stopped_at=None)
print(json.dumps([worker.pid for worker in alive]))
"""


def test_a_worker_runs_what_another_process_started_and_that_process_sees_the_result(workers):
    workers.start()
    found = workers.python(
        "import time\n"
        "from workflows_app import get_workflow\n"
        "run = get_workflow('far-asks').create_run()\n"
        "asked = run.start({'n': 1})\n"
        "begun = time.monotonic()\n"
        "answered = run.resume({'yes': True})\n"
        "print(json.dumps([asked.status, answered.result, time.monotonic() - begun]))"
    )
    assert found[0] == "suspended"
    assert found[1] == {"n": 1, "first": True, "answer": {"yes": True}}
    assert found[2] < 1.0


def test_a_step_that_used_up_its_attempts_in_a_worker_is_decided_about_elsewhere(workers, tmp_path):
    workers.start()
    found = workers.python(
        "from workflows_app import get_workflow\n"
        "run = get_workflow('far-used-up').create_run()\n"
        "asked = run.start([7, 1, 2, 7], timeout=30)\n"
        "again = run.resume({'action': 'retry', 'input': 7}, foreach_index=1, timeout=30)\n"
        "same = run.resume({'action': 'retry'}, foreach_index=2, timeout=30)\n"
        "given = run.resume({'action': 'result', 'output': 5}, foreach_index=2, timeout=30)\n"
        "print(json.dumps([asked.status, again.status, same.status, given.result]))"
    )
    assert found == ["suspended", "suspended", "suspended", [7, 7, 5, 7]]
    assert ran(tmp_path).count("refuses 2") == 4


def test_steps_that_wait_for_other_runs_end_in_a_worker_with_fewer_threads(workers):
    workers.start("--threads", "2")
    found = workers.python(
        "from workflows_app import get_workflow\n"
        "flow = get_workflow('far-waits')\n"
        "runs = [flow.create_run() for _ in range(12)]\n"
        "for run in runs: run.start(1, wait=False)\n"
        "import time\n"
        "until = time.monotonic() + 90\n"
        "while time.monotonic() < until and {r.refresh().status for r in runs} != {'success'}:\n"
        "    time.sleep(0.05)\n"
        "print(json.dumps([run.result().result for run in runs]))"
    )
    assert found == [6] * 12


TALKS = """
import asyncio, time
from workflows_app import get_workflow, errors, stream as streams
streams._LOOK_AGAIN = 30  # a stream waits no longer for news, which may be late on a slow machine
flow = get_workflow('far-talks')
def said(events):
    return [e.payload['data'] for e in events if e.type.startswith('data-')]
found = []
for pause in (0, 0.5):
    run = flow.create_run()
    for stream in (lambda: run.stream(1), lambda: run.resume_stream(True)):
        events = stream()
        time.sleep(pause)
        found.append(said(events))
async def twins():
    run = await flow.acreate_run()
    for stream in (run.astream(1), run.aresume_stream(True)):
        found.append(said([event async for event in stream]))
    late = await flow.acreate_run()
    return (await late.astart(1, timeout=30)).status
status = asyncio.run(twins())
print(json.dumps([found, status]))
"""


def test_streams_have_the_transient_events_of_another_process_in_their_place(workers):
    workers.start()
    found, status = workers.python(TALKS)
    assert found == [list(range(6))] * 6
    assert status == "suspended"


def test_a_killed_worker_loses_its_step_to_another_and_nothing_is_done_twice(workers, tmp_path):
    first = workers.start()
    start(workers, "killed")
    wait_until(lambda: "held_up" in ran(tmp_path), 20, workers.said)
    first.kill()
    first.wait()
    (tmp_path / "go").touch()
    workers.start()
    wait_until(lambda: "last" in ran(tmp_path), 5, workers.said)
    wait_until(lambda: look(workers, "killed")["status"] == "success", 5)

    found = look(workers, "killed")
    assert found["result"] == {"n": 1, "first": True, "restarted": True}
    assert found["numbers"] == list(range(1, len(found["numbers"]) + 1))
    assert ran(tmp_path) == ["first", "held_up", "held_up", "last"]


def test_a_worker_that_paused_for_longer_than_the_lease_drops_its_late_result(workers, tmp_path):
    still = workers.start()
    start(workers, "killed")
    wait_until(lambda: "held_up" in ran(tmp_path), 20, workers.said)
    still.send_signal(signal.SIGSTOP)
    (tmp_path / "go").touch()
    workers.start()
    wait_until(lambda: "last" in ran(tmp_path), 15, workers.said)
    still.send_signal(signal.SIGCONT)
    wait_until(lambda: "so its result was dropped" in workers.said(), 15, workers.said)

    found = look(workers, "killed")
    assert found["status"] == "success"
    assert found["types"].count("workflow-step-result") == 3
    assert ran(tmp_path).count("last") == 1


def test_a_cancel_reaches_a_step_in_another_process_within_a_second(workers, tmp_path):
    workers.start()
    start(workers, "far-cancel")
    wait_until(lambda: "waits" in ran(tmp_path), 20, workers.said)
    asked = workers.python(
        "import time\n"
        "from workflows_app import get_workflow\n"
        "asked = time.time()\n"
        "get_workflow('far-cancel').get_run('r').cancel(wait=True)\n"
        "print(asked)"
    )
    reached = float(ran(tmp_path)[-1].split()[1])
    assert reached - asked < 1.0
    assert look(workers, "far-cancel")["status"] == "canceled"


def test_a_step_runs_only_where_its_queue_is_served(workers):
    plain = workers.start("--queues", "default")
    start(workers, "far-queue")
    time.sleep(3)
    assert look(workers, "far-queue")["status"] == "running"

    gpu = workers.start("--queues", "gpu")
    wait_until(lambda: look(workers, "far-queue")["status"] == "success", 10, workers.said)
    assert look(workers, "far-queue")["result"] == {"n": 1, "first": plain.pid, "pid": gpu.pid}


def test_a_run_started_while_redis_is_away_or_flushed_still_ends(workers, redis, tmp_path):
    workers.start()
    (tmp_path / "go").touch()
    redis.stop()
    try:
        start(workers, "killed", "away")
        wait_until(lambda: look(workers, "killed", "away")["status"] == "success", 10, workers.said)
    finally:
        redis.start()
    start(workers, "killed", "flushed")
    redis.flush()
    wait_until(lambda: look(workers, "killed", "flushed")["status"] == "success", 10, workers.said)


def test_sigterm_lets_running_steps_finish_and_leaves_the_rest_to_others(workers, tmp_path):
    first = workers.start()
    start(workers, "killed")
    wait_until(lambda: "held_up" in ran(tmp_path), 20, workers.said)
    first.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    (tmp_path / "go").touch()
    assert first.wait(timeout=20) == 0
    assert ran(tmp_path) == ["first", "held_up"]
    assert look(workers, "killed")["types"].count("workflow-step-result") == 2

    workers.start()
    wait_until(lambda: "last" in ran(tmp_path), 10, workers.said)
    assert ran(tmp_path) == ["first", "held_up", "last"]


def test_of_several_processes_one_that_dies_is_replaced(workers, tmp_path):
    supervisor = workers.start("--processes", "2", "--threads", "2")
    wait_until(lambda: len(workers.python(PIDS)) == 2, 20, workers.said)
    first, second = workers.python(PIDS)
    start(workers, "killed")
    wait_until(lambda: "held_up" in ran(tmp_path), 20, workers.said)
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGKILL)
    (tmp_path / "go").touch()
    wait_until(lambda: "last" in ran(tmp_path), 20, workers.said)

    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(timeout=30) == 0
    assert workers.python(PIDS) == []


def test_a_worker_says_what_it_lacks(workers):
    inline = {"WORKFLOWS_EXECUTION": "inline"}
    alone = Workers(workers.env["DATABASE_URL"], "", workers.log, inline)
    assert "'embedded' or 'distributed'" in alone.manage("worker").stderr
    assert "at least 1" in workers.manage("worker", "--threads", "0").stderr
    assert workers.manage("migrate", "workflows_app", "zero").returncode == 0
    assert "run `manage.py migrate`" in workers.manage("worker").stderr
