"""What holds with ATOMIC_REQUESTS, and values bound by the server; `test_hosts` runs it."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection, connections
from django.db.models import F, Value
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path

from tests.product import wait_until
from workflows_app import StepContext, Workflow, step
from workflows_app.models import Action, Run

pytestmark = pytest.mark.django_db(transaction=True)


@step(resume=bool)
def asks(name: str, ctx: StepContext) -> str:
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend("go on?")
    return f"{name}: {ctx.resume_data}"


asking = Workflow("hosts-asking", input=str).then(asks).commit()


def starts(request: HttpRequest, how: str) -> HttpResponse:
    """Write a row of the host, and start a run; then succeed or fail."""
    assert connection.in_atomic_block
    Group.objects.create(name="host")
    asking.create_run(run_id=how).start("a", wait=False)
    if how == "fails":
        raise RuntimeError("after the start")
    return HttpResponse("started")


urlpatterns = [path("host/<str:how>/", starts), path("", include("dashboard.urls"))]


@pytest.fixture
def ann(django_user_model):
    """A client of somebody who may do everything; errors are answers."""
    user = django_user_model.objects.create_superuser("ann", password="secret")
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@override_settings(ROOT_URLCONF=__name__)
def test_a_view_commits_a_run_with_its_rows_or_neither(ann):
    assert ann.get("/host/fails/").status_code == 500
    assert not Run.objects.exists()
    assert not Group.objects.exists()

    assert ann.get("/host/works/").status_code == 200
    assert Group.objects.exists()
    run = asking.get_run("works")
    wait_until(lambda: run.refresh().status == "suspended", 20)


def test_pages_start_answer_and_cancel_runs(ann):
    address = "/workflows/hosts-asking/start/"
    page = ann.get(address).content.decode()
    assert "hosts-asking" in page
    run = asking.create_run()
    run.start("a")
    asked = Run.objects.get().steps.get(status="suspended")
    for each in ("/", "/runs/", f"/runs/{run.run_id}/", "/inbox/", "/workers/", "/audit/"):
        assert ann.get(each).status_code == 200
    assert ann.get(f"/runs/{run.run_id}/answer/{asked.suspension}/").status_code < 400
    assert ann.post(f"/runs/{run.run_id}/cancel/", {"op": "cancel"}).status_code < 400
    wait_until(lambda: run.refresh().status == "canceled", 20)
    assert Action.objects.filter(verb="cancel").exists()


async def test_the_api_waits_outside_of_a_transaction(async_client, django_user_model):
    """Django cannot wrap async views, and refuses a project where one is not marked."""
    user = await django_user_model.objects.acreate_superuser("ann", password="secret")
    await async_client.aforce_login(user)
    assert (await async_client.get("/api/v1/workflows")).status_code == 200
    assert (await async_client.get("/api/v1/nothing/here")).status_code == 404


def test_nothing_is_registered_on_the_connections_of_the_host(ann):
    run = asking.create_run()
    run.start("a")
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no adapters for each connection")
    from psycopg import postgres  # noqa: PLC0415 - on PostgreSQL alone
    from psycopg.adapt import PyFormat  # noqa: PLC0415
    from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper  # noqa: PLC0415

    ours = (Int8Dumper, Int8BinaryDumper)  # what the engine's own statements use
    raw = connections["default"].connection
    for adapters in (raw.adapters, postgres.adapters):
        assert not issubclass(adapters.get_dumper(int, PyFormat.AUTO), ours)


def test_the_host_computes_with_values_of_every_size(ann):
    """If every integer were a bigint, no function would fit `round(numeric, places)`."""
    run = asking.create_run()
    run.start("a")
    Group.objects.create(name="one")
    rows = Group.objects.annotate(more=F("pk") + Value(1)).values_list("more", "pk")
    assert all(more == pk + 1 for more, pk in rows)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT round(%s::numeric, %s)", [Decimal("1.25"), 1])
            assert cursor.fetchone() == (Decimal("1.3"),)


def test_figures_are_seeded_within_a_request(ann, settings):
    settings.WORKFLOWS = {"METRICS_ADDRESSES": ["127.0.0.1"]}
    assert ann.get("/metrics").status_code == 200
