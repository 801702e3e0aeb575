"""`/metrics`: who may read it, what it says, and that it says the same in every process."""

import re
import time
from collections import Counter
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connections
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from dashboard.live import open_sockets
from dashboard.monitoring import seeding, totals
from dashboard.monitoring.models import Totals
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, started
from workflows_app import Workflow, step, tokens
from workflows_app.engine.host import clock
from workflows_app.models import Run, RunEvent, Schedule, StepSnapshot, Worker
from workflows_app.models import Workflow as WorkflowRow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _addresses(settings, monkeypatch):
    monkeypatch.setattr(totals, "PATIENCE", 30.0)  # no test depends on the pace of the machine
    settings.WORKFLOWS = {**settings.WORKFLOWS, "METRICS_ADDRESSES": ["127.0.0.0/8"]}


def read(client, **extra):
    answer = client.get("/metrics", **extra)
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("signalbox_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def folded():
    """Count all there is in for good, as the thread does it."""
    last = RunEvent.objects.order_by("-pk").first()
    while totals.fold(last.pk):
        pass


def test_without_a_token_and_from_elsewhere_it_is_closed(client, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "METRICS_ADDRESSES": ["192.0.2.0/24"]}

    answer = client.get("/metrics")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"]["type"] == "NotAuthenticated"


def test_by_default_no_address_opens_it(client, settings):
    settings.WORKFLOWS = {
        name: value for name, value in settings.WORKFLOWS.items() if name != "METRICS_ADDRESSES"
    }

    assert client.get("/metrics").status_code == 401


def test_signing_in_does_not_open_it(pages, settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "METRICS_ADDRESSES": []}

    assert pages.get("/metrics").status_code == 401


def test_a_client_behind_a_trusted_proxy_counts_by_its_own_address(client, settings):
    settings.TRUSTED_PROXIES = (ip_network("127.0.0.1"),)

    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 401
    settings.TRUSTED_PROXIES = ()
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 200


def test_a_token_opens_it_if_it_may_read(client, settings, ana, person):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "METRICS_ADDRESSES": []}
    nobody, _ = person()

    def answer(token):
        return client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token}")

    poor = answer(tokens.make(ana, "poor", scopes=["start"])[1])
    lesser = answer(tokens.make(nobody, "lesser")[1])
    assert answer(tokens.make(ana, "good", scopes=["read"])[1]).status_code == 200
    assert answer("bad").status_code == 401
    assert (poor.status_code, poor.json()["error"]["details"]) == (403, {"scope": "read"})
    assert lesser.json()["error"]["details"] == {"permission": "workflows_app.view_run"}


def test_a_token_for_some_workflows_reads_no_others(client, ana):
    started(amount=5)
    token = tokens.make(ana, "narrow", workflows=[flows.open_flow.id])[1]

    said = read(client, HTTP_AUTHORIZATION=f"Bearer {token}")

    assert not any(flows.approval.id in key for key in said)
    assert ("workers_live",) in said


def test_a_wrong_token_is_refused_even_from_a_named_address(client):
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer wrong").status_code == 401


def test_it_is_in_the_format_of_prometheus(client):
    answer = client.get("/metrics")

    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE signalbox_claims_lost_total counter" in answer.content.decode()


def test_runs_are_counted_by_workflow_and_status(client):
    read(client)
    started(amount=5)
    started(title="break")
    asking = started(amount=500)

    said = read(client)

    name = flows.approval.id
    assert said["runs_started_total", name] == 3
    assert said["runs_settled_total", name, "success"] == 1
    assert said["runs_settled_total", "failed", name] == 1
    assert said["runs_settled_total", name, "suspended"] == 1
    assert said["run_settle_seconds_count", name] == 2
    assert said["run_start_seconds_count", "default"] == 3
    assert said["runs_suspended", "1h"] == 1

    asking.resume({"approved": True}, suspension=str(question_of(asking).suspension))
    said = read(client)

    assert said["runs_settled_total", name, "success"] == 2
    assert said["runs_settled_total", name, "suspended"] == 1
    assert said["runs_suspended", "1h"] == 0


def test_what_was_there_before_is_counted_as_the_log_would_say_it(client):
    for values in ({"amount": 5}, {"title": "break"}, {"amount": 500}):
        started(**values)
    run = _flaky.create_run()
    run.start(None)

    seeded = read(client)
    Totals.objects.update(counted_to=0, counts=[])
    logged = read(client)

    counted = {key for key in logged if re.search("_(total|count)$", key[0])}
    assert {key: seeded.get(key) for key in counted} == {key: logged[key] for key in counted}
    for key in logged:
        if key[0].endswith("_bucket"):  # of a time near an edge the two may differ
            assert abs(seeded[key] - logged[key]) <= 1, key
    assert seeded["step_attempts_total", _flaky.id] == 3


_failures: Counter[str] = Counter()


@step(retries=2)
def flaky(_: object) -> int:
    _failures["flaky"] += 1
    if _failures["flaky"] % 3:
        raise ValueError("again")
    return 1


_flaky = Workflow("metrics-flaky").then(flaky).commit()


def test_a_token_of_somebody_who_may_not_know_of_a_workflow_does_not_read_of_it(client, person):
    closed = Workflow("metrics-closed", permission="group:vip").then(flaky.clone(id="x")).commit()
    closed.create_run()
    started(amount=5)
    user, _ = person("view_run")
    token = tokens.make(user, "viewer")[1]

    said = read(client, HTTP_AUTHORIZATION=f"Bearer {token}")

    assert any(flows.approval.id in key for key in said)
    assert not any(closed.id in key for key in said)
    assert ("workers_live",) in said


def test_counts_stay_the_same_when_they_are_written_down(client):
    read(client)
    started(amount=5)
    before = read(client)

    folded()

    assert Totals.objects.get().counted_to == RunEvent.objects.order_by("-pk").first().pk
    counted = [key for key in before if "_total" in key[0] or "_bucket" in key[0]]
    after = read(client)
    assert {key: before[key] for key in counted} == {key: after[key] for key in counted}


def test_counts_do_not_go_down_when_runs_are_deleted(client):
    read(client)
    run = started(amount=5)
    read(client)
    folded()
    run.delete()

    assert read(client)["runs_started_total", flows.approval.id] == 1


def test_many_records_are_counted_in_by_a_thread(client, monkeypatch):
    monkeypatch.setattr(totals, "MANY", 1)
    monkeypatch.setattr(totals, "LOOK_SECONDS", 0.05)
    read(client)
    started(amount=5)
    last = RunEvent.objects.order_by("-pk").first().pk

    read(client)
    totals.folding.begin().join(10)

    assert Totals.objects.get().counted_to == last


def test_an_open_transaction_holds_back_what_is_counted_in(client, monkeypatch):
    horizon = totals.Horizon()
    monkeypatch.setattr(totals, "LOOK_SECONDS", 0.0)
    open_ones = iter([(10, 12), (10, 12), (13, 15)])
    monkeypatch.setattr(connections["default"], "vendor", "postgresql")
    monkeypatch.setattr(horizon, "_transactions", lambda: next(open_ones))
    monkeypatch.setattr(horizon, "_last", lambda: 7)

    assert horizon.reached() is None
    assert horizon.reached() == 7


def test_queues_say_what_could_begin_and_since_when(client):
    run = started(amount=500)
    now = clock.now()
    StepSnapshot.objects.filter(status="suspended").update(
        status="queued", queue="gpu", queued_at=now - timedelta(seconds=90)
    )

    said = read(client)

    assert said["queue_depth", "gpu"] == 1
    assert 89 < said["queue_oldest_wait_seconds", "gpu"] < 200
    assert said["queue_depth", "default"] == 0
    assert run.pk


def test_suspended_runs_are_counted_by_age(client):
    now = clock.now()
    for hours in (0.5, 2, 30, 24 * 8):
        run = started(amount=500)
        Run.objects.filter(pk=run.pk).update(settled_at=now - timedelta(hours=hours))

    said = read(client)

    assert [said["runs_suspended", age] for age in ("1h", "24h", "7d", "older")] == [1, 1, 1, 1]


def test_schedules_that_did_not_fire_are_late(client):
    workflow = WorkflowRow.objects.create(pk="late-flow")
    at = clock.now() - timedelta(minutes=10)
    for name, more in {"a": {}, "b": {"status": "paused"}, "c": {"is_defined": False},
                       "d": {"definition": {"overlap": "queue"}}}.items():  # fmt: skip
        Schedule.objects.create(pk=name, workflow=workflow, next_fire_at=at, **more)

    assert read(client)[("schedules_late",)] == 1


def test_workers_count_while_they_are_heard_of(client):
    now = timezone.now()
    for age, stopped in ((0, None), (3600, None), (0, now)):
        Worker.objects.create(
            host="h", pid=1, mode="distributed", started_at=now, stopped_at=stopped,
            heartbeat_at=now - timedelta(seconds=age),
        )  # fmt: skip

    assert read(client)[("workers_live",)] == 1


def test_sockets_and_the_pool_are_those_of_this_process(client):
    open_sockets.enter("one")
    try:
        said = read(client)
    finally:
        open_sockets.leave("one")

    assert said[("sockets",)] == 1
    assert {key[1] for key in said if key[0] == "database_pool"} == {
        "open", "idle", "in_use", "waiting",
    }  # fmt: skip
    assert ("redis_round_trip_seconds",) not in said


def test_redis_is_measured_where_there_is_one(client, settings, redis_server):
    settings.REDIS_URL = redis_server.url
    assert 0 < read(client)[("redis_round_trip_seconds",)] < 1

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert ("redis_round_trip_seconds",) not in read(client)


def test_the_first_answer_does_not_wait_for_ever_for_what_was_there(client, monkeypatch):
    monkeypatch.setattr(totals, "PATIENCE", 0.01)
    monkeypatch.setattr(seeding, "counted", lambda: time.sleep(0.3) or Counter())

    said = read(client)

    assert not any("_total" in key[0] for key in said)
    assert ("workers_live",) in said
    totals.seeding_thread.begin().join(5)
