"""What pages and the admin say of actions that are not for this person; `doors` has the table."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.integration.dashboard.conftest import row_of
from workflows_app import Run, Schedule, StepContext, Workflow, actions, step


@step(resume=bool, permission="group:askers")
def ask(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Fine?"})
    return value


@step
def between(value: Any) -> Any:
    return value


@step
def end(value: Any) -> Any:
    return value


yearly = Schedule("0 0 1 1 *", input_data=1)
closed = (
    Workflow("matrix", permission="group:closed", schedule=yearly)
    .then(ask)
    .then(between)
    .then(end)
    .commit()
)


def asking() -> Run:
    """Return a run that asks."""
    run: Run = closed.create_run()
    run.start(1)
    return run.refresh()


@pytest.fixture
def outsider(person) -> Client:
    """Somebody with every permission of an action, and in no group."""
    names = {action.permission for action in actions.ACTIONS.values()} | {
        action.permission for action in actions.SCHEDULE_ACTIONS.values()
    }
    _, client = person("view_run", *(name.partition(".")[2] for name in names))
    made: Client = client
    return made


ASKED = "Only members of the group “askers” may do this."


def test_pages_say_why_an_answer_is_not_for_this_person(person):
    run = asking()
    _, member = person("view_run", "resume_run", groups=("closed",))
    (asked,) = row_of(run).steps.filter(status="suspended", kind="step")

    for address in (
        f"/inbox/?tab=all&item={asked.suspension}",
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/answer/{asked.suspension}/",
    ):
        assert ASKED in member.get(address).content.decode(), address
    assert str(asked.suspension) not in member.get("/inbox/?tab=open").content.decode()


def test_the_list_of_runs_offers_no_act_that_the_workflow_refuses(outsider, pages):
    run = asking()

    assert f"/runs/{run.run_id}/cancel/" in pages.get("/runs/").content.decode()
    assert f"/runs/{run.run_id}/cancel/" not in outsider.get("/runs/").content.decode()


def test_the_recent_inputs_are_for_those_who_may_start(outsider, pages):
    asking()
    closed.create_run().start({"a": 2})
    address = f"/workflows/{closed.id}/start/"

    assert "Recent inputs" in pages.get(address).content.decode()
    assert outsider.get(address).status_code == 404


def test_the_travel_page_says_which_step_is_passed_over_and_who_may(person):
    run = asking()
    address = f"/runs/{run.run_id}/time-travel/"
    _, client = person("view_run", "start_run", "steer_run", groups=("closed",))
    form = {"from": "end", "changed": '{"ask": 1, "between": 1}', "mode": "here"}

    page = client.post(address, {**form, "op": "plan"}).content.decode()
    plain = client.get(f"{address}?from=ask").content.decode()

    says = "Answering step &#x27;ask&#x27; needs membership of the group"
    assert says in page
    assert 'value="start" disabled' in page
    assert says not in plain
    assert 'value="start">' in plain


def test_the_admin_shows_no_run_of_a_workflow_that_is_not_there_for_this_person(outsider):
    run = asking()
    staff = User.objects.get(pk=outsider.session["_auth_user_id"])
    staff.is_staff = True
    staff.save()

    listed = outsider.get("/admin/workflows_app/run/").content.decode()
    page = outsider.post(
        "/admin/workflows_app/run/", {"action": "cancel", "_selected_action": [run.pk]}
    ).content.decode()

    assert run.run_id not in listed + page
    assert closed.id not in listed + page
    assert row_of(run).status == "suspended"
