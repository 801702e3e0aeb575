"""The admin shows everything and changes almost nothing."""

import pytest
from django.apps import apps

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Action, Workflow

MODELS = [model._meta.model_name for model in apps.get_app_config("workflows_app").get_models()]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_listed(pages, ana, model):
    flows.approval.create_run().start({"title": "T", "amount": 5}, actor=ana)

    assert pages.get(f"/admin/workflows_app/{model}/").status_code == 200
    assert pages.get(f"/admin/workflows_app/{model}/?q=x").status_code == 200


@pytest.mark.parametrize("model", [name for name in MODELS if name != "workflow"])
def test_what_the_engine_writes_cannot_be_added_or_deleted(pages, model):
    assert pages.get(f"/admin/workflows_app/{model}/add/").status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_a_key_that_no_row_can_have_is_not_found(pages, model):
    address = f"/admin/workflows_app/{model}/{10**30}/change/"

    assert pages.get(address).status_code in {302, 404}


def test_a_run_is_shown_with_links_to_its_page_and_its_steps_and_cannot_be_changed(pages):
    run = row_of(started())
    address = f"/admin/workflows_app/run/{run.pk}/change/"

    page = pages.get(address).content.decode()

    assert f'href="/runs/{run.run_id}/"' in page
    assert f"run__id__exact={run.pk}" in page
    assert "Cancel run: possible, on its page" in page
    assert pages.post(address, {"status": "success"}).status_code == 403
    assert row_of(run).status == "suspended"


def test_the_list_of_steps_does_not_ask_for_each_row(pages, django_assert_max_num_queries):
    for _ in range(5):
        started()
    pages.get("/admin/workflows_app/stepsnapshot/")

    with django_assert_max_num_queries(8):
        pages.get("/admin/workflows_app/stepsnapshot/")


def test_the_notes_of_a_workflow_may_be_written_and_are_shown_on_its_page(pages):
    started()

    answer = pages.post(
        "/admin/workflows_app/workflow/pages-approval/change/", {"notes": "Call Ana first."}
    )

    assert answer.status_code == 302
    assert Workflow.objects.get().notes == "Call Ana first."
    assert "Call Ana first." in pages.get("/workflows/pages-approval/").content.decode()


def test_an_action_says_first_which_runs_it_takes_and_then_does_it(pages, ana):
    going, ended = started(), started(amount=5)
    chosen = {"action": "cancel", "_selected_action": [row_of(going).pk, row_of(ended).pk]}
    address = "/admin/workflows_app/run/"

    asked = pages.post(address, chosen).content.decode()
    between = row_of(going).status
    pages.post(address, {**chosen, "op": chosen["action"]})

    assert going.run_id in asked
    assert "so there is nothing to cancel" in asked
    assert between == "suspended"
    assert row_of(going).status == "canceled"
    action = Action.objects.get(verb="cancel")
    assert (action.actor, action.door) == (ana, "admin")
