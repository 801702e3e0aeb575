"""What holds where the runs have a database of their own; `test_apart` runs this."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections, router, transaction
from django.test.utils import CaptureQueriesContext

from tests.product import wait_until
from workflows_app import StepContext, Workflow, checks, step
from workflows_app.models import Action, ApiToken, Assignment, Preference, Run, persons
from workflows_app.routers import SignalboxRouter

OURS = ("workflows_app_", "demo_", "signalbox_monitoring_")


@step(resume=bool)
def asks(name: str, ctx: StepContext) -> str:
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend("go on?")
    return f"{name}: {ctx.resume_data}"


asking = Workflow("apart-asking").then(asks).commit()
both = pytest.mark.django_db(transaction=True, databases=["default", "flows"])
pytestmark = pytest.mark.django_db(databases=["default", "flows"])


@pytest.fixture
def ann(django_user_model):
    """The person who starts runs."""
    return django_user_model.objects.create_superuser("ann", password="secret")


def started(by=None) -> Run:
    """Start a run that asks, and return its row."""
    run = asking.create_run()
    run.start("a", actor=by)
    return Run.objects.get(run_id=run.run_id)


def test_tables_of_runs_stand_in_their_own_database_and_nowhere_else():
    tables = {alias: connections[alias].introspection.table_names() for alias in connections}
    assert not [name for name in tables["default"] if name.startswith(OURS)]
    assert [name for name in tables["flows"] if name.startswith(OURS)]
    assert "auth_user" in tables["default"]


def test_keys_to_users_have_no_constraint_and_all_of_them_say_so():
    assert len(persons.links()) == 7
    for key in persons.links():
        assert not key.db_constraint
        table = key.model._meta.db_table
        with connections["flows"].cursor() as cursor:
            found = connections["flows"].introspection.get_constraints(cursor, table)
        columns = [each["columns"] for each in found.values() if each["foreign_key"]]
        assert [key.column] not in columns


def test_the_migrations_are_those_of_one_database():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_our_router_decides_about_ours_and_about_nothing_else(ann):
    assert isinstance(router.routers[0], SignalboxRouter)
    assert router.db_for_read(Run) == router.db_for_write(Run) == "flows"
    assert router.db_for_read(get_user_model()) == "default"
    assert started(ann).started_by == ann  # looked up beside the users, not beside the run
    assert router.allow_migrate("flows", "workflows_app")
    assert not router.allow_migrate("default", "workflows_app")
    assert router.allow_migrate("default", "auth")


def test_a_run_asks_nothing_of_the_other_database():
    with CaptureQueriesContext(connections["default"]) as seen:
        run = asking.create_run()
        run.start("a")
        assert run.resume(resume_data=True).result == "a: True"
    assert [query["sql"] for query in seen if "SAVEPOINT" not in query["sql"]] == []


@both
def test_workers_run_it_and_a_transaction_of_its_database_holds_it_back():
    with transaction.atomic(using="flows"):
        run = asking.create_run()
        run.start("a", wait=False)
        assert run.status == "pending"
        transaction.set_rollback(True, using="flows")
    assert not Run.objects.exists()

    run = asking.create_run()
    with transaction.atomic(using="flows"):
        run.start("a", wait=False)
    wait_until(lambda: run.refresh().status == "suspended", 20)


@both
def test_a_transaction_of_another_database_does_not_hold_it_back():
    with transaction.atomic():
        run = asking.create_run()
        run.start("a", wait=False)
        transaction.set_rollback(True)
    wait_until(lambda: run.refresh().status == "suspended", 20)


@both
def test_when_a_user_is_deleted_their_rows_follow_and_the_trail_stays(ann):
    row = started(ann)
    asked = row.steps.get(status="suspended")
    Assignment.objects.create(
        suspension=asked.suspension, run=row, path=asked.path, person=ann, at=row.created_at
    )
    Preference.objects.create(user=ann, zone="UTC")

    ann.delete()

    assert not Assignment.objects.exists()
    assert not Preference.objects.exists()
    row.refresh_from_db()
    assert row.started_by is None
    assert set(Action.objects.values_list("actor", "actor_name")) == {(None, "ann")}


@both
def test_rows_stay_if_the_deletion_of_their_user_is_rolled_back(ann):
    Preference.objects.create(user=ann, zone="UTC")
    with transaction.atomic():
        ann.delete()
        transaction.set_rollback(True)
    assert Preference.objects.exists()


PAGES = ["/", "/inbox/", "/runs/", "/workflows/", "/schedules/", "/workers/", "/audit/"]
TABLES = ["run", "action", "assignment", "snooze", "preference", "apitoken", "keptanswer"]


@pytest.mark.parametrize(
    "address", [*PAGES, *(f"/admin/workflows_app/{name}/?q=ann" for name in TABLES)]
)
def test_pages_and_admin_show_rows_with_their_users(client, ann, address):
    row = started(ann)
    client.force_login(ann)
    ApiToken.objects.create(user=ann, name="mine", digest="d", created_at=row.created_at)
    found = client.get(address.partition("?q")[0])
    assert found.status_code == 200
    assert client.get(address).status_code in {200, 302}
    assert client.get(f"/runs/{row.run_id}/").status_code == 200


def test_health_and_figures_look_at_the_database_of_the_runs(client, ann, settings):
    settings.WORKFLOWS = {"METRICS_ADDRESSES": ["127.0.0.1"]}
    started(ann)
    said = client.get("/metrics")
    assert said.status_code == 200
    assert b"signalbox_" in said.content
    assert checks.users_can_be_named(None) == checks.the_database_can_hold_runs(None) == []
