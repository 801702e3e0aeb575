"""The page of workers: who is alive, what waits for whom, what answers."""

from datetime import timedelta

import pytest
import redis
from django.db import connection

from dashboard.workers import page as worker_page
from dashboard.workers import throughput
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app.engine.host import clock, workers
from workflows_app.models import RunEvent, StepSnapshot, Worker

MARKUP = "<b>host</b>"


def worker(*, ago=0.0, queues=None, stopped=False, **values) -> Worker:
    """Make a worker that was heard of some seconds ago."""
    now = clock.now()
    return Worker.objects.create(
        **{"host": "machine", "pid": 4711, "mode": "distributed", "threads": 8, **values},
        queues=queues,
        started_at=now - timedelta(hours=1),
        heartbeat_at=now - timedelta(seconds=ago),
        stopped_at=now if stopped else None,
    )


def queued(queue="default", *, number=1, worker=None, waits=0.0, later=0.0) -> None:
    """Let steps of runs be queued, or held by a worker."""
    now = clock.now()
    for _ in range(number):
        run = flows.open_flow.create_run()
        StepSnapshot.objects.create(
            run_id=run.pk,
            path="anything",
            base_path="anything",
            kind="step",
            status="queued" if worker is None else "running",
            queue=queue,
            worker=worker,
            queued_at=now - timedelta(seconds=waits),
            wake_at=now + timedelta(seconds=later) if later else None,
        )


@pytest.fixture
def distributed(settings, monkeypatch):
    """Let the mode be the one with processes and a Redis that answers."""
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "distributed"}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(redis.Redis, "ping", lambda self: True)


def text(client, address="/workers/", **headers):
    return client.get(address, headers=headers).content.decode()


def test_processes_are_alive_silent_or_stopped_and_hold_steps(pages):
    busy = worker(queues=["mail", "slow"])
    worker(ago=60, host="lost-machine")
    worker(stopped=True)
    queued(worker=busy, number=3)

    page = text(pages)

    assert [page.count(f'data-worker="{s}"') for s in ("alive", "silent", "stopped")] == [1, 1, 1]
    assert "machine:4711" in page
    assert "mail, slow" in page
    assert "3 steps" in page
    assert f'datetime="{busy.heartbeat_at.isoformat(timespec="milliseconds")}"' in page


def test_a_queue_that_nobody_serves_is_warned_of(pages, distributed):
    worker(queues=["mail"])
    worker(queues=["slow"], ago=60)
    queued("mail")
    queued("slow", number=2, waits=90)
    queued("slow", later=60)

    page = text(pages)

    assert page.count("No living worker serves the queue") == 1
    assert "“slow”: 2 steps wait until a worker does" in page
    assert "manage.py worker --queues slow" in page
    assert "1 min 30 s" in page
    (slow,) = [queue for queue in worker_page.look().queues if queue.name == "slow"]
    assert (slow.ready, slow.later, slow.servers) == (2, 1, ())


def test_one_step_waits_in_the_singular(pages):
    queued("slow")

    assert "“slow”: 1 step waits until a worker does" in text(pages)


def test_leases_near_their_end_and_over_are_shown(pages):
    near, over = worker(ago=12), worker(ago=40, host="lost")
    worker(ago=12, host="holds-nothing")
    queued(worker=near)
    queued(worker=over, number=2)

    page = text(pages)

    assert "its lease ends" in page
    assert "then others run it again" in page
    assert "its lease ended" in page
    assert "runs them again" in page
    assert "holds-nothing:4711 was last" not in page


def test_the_mode_is_said_and_this_process_is_marked(pages, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "embedded"}
    worker(id=workers.mine(), mode="embedded")

    page = text(pages)

    assert "The steps run in this process" in page
    assert '<span class="tag">this process</span>' in page
    assert "Redis</strong> <span>not used" in page


def test_the_database_and_redis_say_how_they_are(pages, distributed, monkeypatch):
    assert f"{connection.display_name}</strong> <span>answers in" in text(pages)
    assert "Redis</strong> <span>answers in" in text(pages)

    def refuse(self):
        raise redis.ConnectionError("secret@host")

    monkeypatch.setattr(redis.Redis, "ping", refuse)
    page = text(pages)
    assert "does not answer (ConnectionError). No step is lost" in page
    assert "secret" not in page


def test_with_no_process_it_says_how_one_starts(pages, distributed):
    page = text(pages)

    assert "No process has run a step yet." in page
    assert "manage.py worker" in page


def test_script_gets_the_changing_part_alone_at_the_same_address(pages):
    worker()

    part = text(pages, **{"HX-Request": "true"})

    assert "<html" not in part
    assert 'hx-get="/workers/"' in part
    assert "every 5s" in part
    assert "machine:4711" in part
    assert "HX-Request" in pages.get("/workers/")["Vary"]


def test_names_full_of_markup_are_shown_and_not_run(pages):
    worker(host=MARKUP, queues=[MARKUP])
    queued(MARKUP + "2")

    page = text(pages)

    assert MARKUP not in page
    assert "&lt;b&gt;host" in page


def test_looking_changes_nothing(pages):
    row = worker(ago=100)
    queued(worker=row)

    text(pages)

    assert Worker.objects.get().heartbeat_at == row.heartbeat_at
    assert StepSnapshot.objects.get().status == "running"
    assert pages.post("/workers/").status_code == 405


def test_it_is_for_people_who_signed_in_and_may_see_runs(client, person, db):
    _, stranger = person()

    assert client.get("/workers/").status_code == 302
    assert stranger.get("/workers/").status_code == 403


def test_it_costs_the_same_number_of_queries_however_much_there_is(
    pages, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr(worker_page, "MOST", 5)
    pages.get("/workers/")
    with django_assert_num_queries(11):
        pages.get("/workers/")
    for number in range(8):
        queued(f"queue-{number}", worker=worker(stopped=number == 7))
        queued(f"queue-{number}")

    with django_assert_num_queries(11):
        page = text(pages)

    assert "There are more" in page


def test_steps_that_ended_lately_are_counted_by_queue(pages):
    for _ in range(10):
        started(amount=5)
    run = started(amount=5)
    StepSnapshot.objects.filter(run=run.pk, kind="step").update(queue="mail")
    old = started(amount=5)
    long_ago = clock.now() - throughput.WINDOW - timedelta(seconds=1)
    StepSnapshot.objects.filter(run=old.pk).update(ended_at=long_ago)
    ended = StepSnapshot.objects.filter(kind="step", ended_at__gt=long_ago)

    found = throughput.measured(clock.now())

    assert found.span == throughput.WINDOW
    assert sum(found.by_queue.values()) == ended.count()
    assert found.by_queue["mail"] == ended.filter(queue="mail").count() > 0
    assert found.a_minute("mail") == f"{found.by_queue['mail'] / 5:.1f}"
    assert found.a_minute("nobody's") == "0"
    page = text(pages)
    assert "Steps done a minute" in page
    assert 'data-queue="mail"' in page


def test_under_load_only_the_stretch_that_the_logs_cover_counts(db, monkeypatch):
    monkeypatch.setattr(throughput, "MOST_LINES", 3)
    now = clock.now()
    for _ in range(4):
        started(amount=5)
    lines = RunEvent.objects.order_by("-pk").values_list("pk", flat=True)[:3]
    RunEvent.objects.filter(pk__in=list(lines)).update(at=now - timedelta(seconds=12))

    assert throughput.measured(now).span == timedelta(seconds=12)


def test_every_queue_shows_its_longest_wait_and_what_runs(db):
    busy = worker(threads=8)
    queued("a", number=2, waits=5)
    queued("b", waits=60)
    queued(number=3, worker=busy)

    view = worker_page.look()

    assert (view.ready, view.held, view.threads) == (3, 3, 8)
    assert 59 < (view.now - view.oldest).total_seconds() < 62
