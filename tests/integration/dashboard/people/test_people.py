"""What every page asks of a person, and what pages of people with few permissions cost."""

import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.request import person as people
from dashboard.run.view import TABS
from dashboard.status import busy
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app import Workflow, permissions, step
from workflows_app.models import Preference, StepSnapshot, Worker

MOST_QUERIES = 12


def queries_at(browser, address: str) -> int:
    """Ask twice, because graphs are cached; what changes with a run is read again."""
    browser.get(address)
    busy._kept._found.clear()
    permissions._elsewhere._until = time.monotonic() + 60  # it is read again every few seconds
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(address).status_code == 200
    return len(queries)


def test_one_query_brings_zone_permissions_and_groups(person, django_assert_num_queries):
    user, _ = person("view_run", "cancel_run", groups=("finance", "travel"), values=False)
    Preference.objects.create(user=user, zone="Asia/Tokyo")

    with django_assert_num_queries(1):
        known = people.of(user)
        assert user.has_perm("workflows_app.view_run")
        assert not user.has_perm("workflows_app.delete_run")

    assert known.zone == "Asia/Tokyo"
    assert known.groups == {"finance", "travel"}
    assert known.permissions == {"workflows_app.view_run", "workflows_app.cancel_run"}


def test_permissions_of_a_group_count_and_those_of_others_do_not(person):
    giver, _ = person("steer_run", groups=("operators",), values=False)
    group = giver.groups.get()
    group.permissions.add(giver.user_permissions.get())
    member, _ = person(groups=("operators",))
    stranger, _ = person()

    assert member.has_perm("workflows_app.steer_run")
    assert member.get_all_permissions() == {"workflows_app.steer_run"}
    assert not stranger.has_perm("workflows_app.steer_run")
    assert not stranger.has_perm("workflows_app.steer_run", member)


def test_an_inactive_person_may_do_nothing(person):
    user, _ = person("view_run")
    user.is_active = False

    assert not user.has_perm("workflows_app.view_run")
    assert people.of(user).permissions == frozenset()


def test_a_person_who_was_signed_in_stays_so_and_passwords_work(ana, client):
    client.force_login(ana, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/").status_code == 200

    other = Client()
    given = {"username": "ana", "password": "secret-of-ana"}
    assert other.post("/sign-in/", given).status_code == 302
    assert other.get("/").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/", "/runs/", "/workflows/", "/workflows/pages-approval/", "/schedules/", "/audit/",
     "/workers/", "/inbox/"],
)  # fmt: skip
def test_pages_of_people_with_few_permissions_cost_no_more(person, address):
    for flow in (flows.approval, flows.guarded):
        started(flow)
        started(flow, title="break")
    _, browser = person("view_run", "resume_run", groups=("finance", "starters"))

    assert queries_at(browser, address) <= MOST_QUERIES


def test_a_timeline_of_a_run_with_retries_costs_no_more(pages, person):
    tried: set[int] = set()

    def once(item):
        if item not in tried:
            tried.add(item)
            raise ValueError(item)
        return item

    tries = step(once, id="one", retries=2, retry_delay=0)
    run = Workflow("costs-retries").foreach(tries, concurrency=2).commit().create_run()
    run.start(list(range(6)))
    keys = StepSnapshot.objects.filter(run=run.pk, kind="step").values_list("pk", flat=True)
    first, last = min(keys), max(keys)
    _, few = person("view_run", groups=("finance",))

    for browser in (pages, few):
        for more in ("", "&group=step", "&group=branch", "&errors=1", "&skip=100"):
            for marks in ("", f"&mark={first}", f"&mark={first}-{last}"):
                address = f"/runs/{run.run_id}/?tab=timeline{more}{marks}"
                assert queries_at(browser, address) <= MOST_QUERIES, address
    page = few.get(f"/runs/{run.run_id}/?tab=timeline&group=step").content.decode()
    assert "attempt 1 failed" in page
    page = few.get(f"/runs/{run.run_id}/?tab=timeline&skip=100&mark={first}-{last}")
    assert "From the start of one[" in page.content.decode()


def test_a_run_that_asks_or_is_held_costs_no_more_however_it_is_looked_at(person):
    _, browser = person("view_run", "resume_run", "cancel_run", groups=("finance", "starters"))
    asking, guarded = started(note="x" * 5000), started(flows.guarded)
    failed = started(title="break")
    failed.retry()
    held = started()
    now = timezone.now()
    worker = Worker.objects.create(
        host="h", pid=1, mode="distributed", started_at=now, heartbeat_at=now
    )
    asked = StepSnapshot.objects.filter(run=held.pk, kind="step", status="suspended")
    asked.update(status="running", worker=worker, suspended_at=None)

    for run in (asking, guarded, failed, held):
        for tab in (*TABS, "timeline&group=step"):
            for moment in ("", "&at=4"):
                address = f"/runs/{run.run_id}/?tab={tab}{moment}"
                assert queries_at(browser, address) <= MOST_QUERIES, address
