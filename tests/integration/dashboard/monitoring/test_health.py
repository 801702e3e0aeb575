"""`/healthz` and `/readyz`: exact answers, for anybody."""

import threading

import pytest
from django.db import OperationalError

from dashboard.monitoring import health
from dashboard.monitoring.health import Part, Trouble
from workflows_app import tokens
from workflows_app.engine.host import vitals

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch):
    made = {name: Part(part._look, part._kept) for name, part in health._PARTS.items()}
    monkeypatch.setattr(health, "_PARTS", made)


@pytest.fixture
def embedded(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "embedded"}


def test_a_process_that_answers_is_alive(client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": {"process": {"status": "ok", "age": 0.0}}}


def test_each_part_that_is_needed_is_looked_at(client, embedded):
    answer = client.get("/readyz")

    found = answer.json()
    assert answer.status_code == 200
    assert found["status"] == "ok"
    assert set(found["parts"]) == {"database", "migrations", "threads"}
    for part in found["parts"].values():
        assert set(part) == {"status", "age", "message"}
        assert part["status"] == "ok"
        assert 0 <= part["age"] < 5


def test_threads_matter_where_they_are_of_this_process(client):
    assert set(client.get("/readyz").json()["parts"]) == {"database", "migrations"}


def test_a_thread_that_died_makes_the_process_not_ready(client, embedded, monkeypatch):
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    watched = vitals.Vitals()
    watched.watch("workers", [dead])
    monkeypatch.setattr(vitals, "here", watched)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert answer.json()["parts"]["threads"]["message"] == "workers: 1 of 1 threads ended."
    assert answer.json()["error"]["type"] == "NotReady"


def test_a_redis_that_is_away_makes_the_process_not_ready(client, settings):
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["parts"]["redis"]["status"] == "failing"
    assert "secret" not in answer.content.decode()


def test_a_database_that_is_away_is_said_in_no_words_of_its_own(client, monkeypatch):
    def away():
        raise OperationalError("host db.internal user ana refused")

    monkeypatch.setitem(health._PARTS, "database", Part(away))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "internal" not in answer.content.decode()
    assert client.get("/healthz").status_code == 200


def test_a_part_that_does_not_answer_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    hangs = threading.Event()
    part = Part(lambda: str(hangs.wait(5)))

    part.begin()
    state = part.state()
    hangs.set()

    assert (state["status"], state["message"]) == ("failing", "No answer in 0.05 s.")


def test_what_was_found_is_kept_for_a_moment_and_trouble_is_looked_at_again():
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 1:
            raise Trouble("Not yet.")
        return "Well."

    part = Part(look, kept=60.0)
    for _ in range(2):
        part.begin()
        assert part.state()["message"] == "Not yet."
    part._found_at -= 2 * health.KEPT
    for _ in range(2):
        part.begin()
        assert part.state()["message"] == "Well."

    assert len(looks) == 2


def test_other_methods_are_refused(client):
    assert client.post("/healthz").status_code == 405


def test_a_project_needs_no_setting_for_redis(client, admin_user, settings):
    del settings.REDIS_URL
    assert client.get("/readyz").status_code in {200, 503}  # whether threads run is another matter
    bearer = f"Bearer {tokens.make(admin_user, 'scraper')[1]}"
    assert client.get("/metrics", HTTP_AUTHORIZATION=bearer).status_code == 200
