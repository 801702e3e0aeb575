"""What every page says where this process leaves steps to workers, and none is alive."""

import pytest
from django.test import override_settings

from dashboard.status import workforce
from workflows_app.engine.host import clock, workers

pytestmark = pytest.mark.django_db

SAID = "No worker is alive"
PAGES = ["/", "/inbox/", "/runs/", "/workflows/", "/schedules/", "/workers/", "/audit/"]


@pytest.fixture
def distributed(monkeypatch):
    """A web process of the distributed mode, which looks at each page."""
    monkeypatch.setattr(workforce, "KEPT_SECONDS", -1.0)
    with override_settings(WORKFLOWS={"EXECUTION": "distributed"}, REDIS_URL="redis://127.0.0.1:1"):
        yield


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_no_worker_is_alive(admin_client, distributed, page):
    assert SAID in admin_client.get(page).content.decode()


def test_no_page_says_so_while_a_worker_is_alive(admin_client, distributed):
    workers.beat(clock.now())
    assert SAID not in admin_client.get("/runs/").content.decode()


def test_no_page_says_so_where_the_process_runs_steps_itself(admin_client):
    assert SAID not in admin_client.get("/runs/").content.decode()


def test_somebody_who_may_see_no_runs_is_not_told(client, django_user_model, distributed):
    client.force_login(django_user_model.objects.create_user("nobody"))
    assert SAID not in client.get("/inbox/").content.decode()


def test_many_pages_look_once(admin_client, distributed, monkeypatch):
    monkeypatch.setattr(workforce, "KEPT_SECONDS", 1e9)
    monkeypatch.setattr(workforce, "_last", (float("-inf"), False))
    assert SAID in admin_client.get("/runs/").content.decode()
    workers.beat(clock.now())
    assert SAID in admin_client.get("/runs/").content.decode()
