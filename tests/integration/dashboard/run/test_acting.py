"""Every verb on the pages: offered when it is possible, refused with a reason when it is not."""

import html
import re

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, get_workflow, step
from workflows_app.models import Action, Run

#: What the flaky step does, changed by a test between two attempts.
MOOD = {"fails": True}


@step
def flaky(data: dict[str, int]) -> dict[str, int]:
    """Fail while the mood says so."""
    if MOOD["fails"]:
        raise ValueError("not <b>today</b>")
    return data


breaks = Workflow("acting-breaks").then(step(lambda data: data, id="first")).then(flaky).commit()


@pytest.fixture
def failed():
    """A run that failed, whose failing step would succeed now."""
    MOOD["fails"] = True
    run = breaks.create_run()
    run.start({"n": 1})
    MOOD["fails"] = False
    yield run.refresh()
    MOOD["fails"] = True


def page_of(pages, run, path=""):
    return pages.get(f"/runs/{run.run_id}/{path}").content.decode()


def test_a_failed_run_offers_to_run_again_from_the_failed_step(pages, ana, failed):
    page = page_of(pages, failed)
    says = page_of(pages, failed, "retry/")
    answer = pages.post(f"/runs/{failed.run_id}/retry/", follow=True).content.decode()

    assert f'href="/runs/{failed.run_id}/retry/"' in page
    assert "“flaky” runs again, with the input it had." in says
    assert "1 step that succeeded does not run again." in says
    assert "not &lt;b&gt;today" in page
    assert row_of(failed).status == "success"
    assert row_of(failed).timeline == 2
    assert "on a new timeline" in answer
    action = Action.objects.get(verb="retry")
    assert (action.actor, action.door) == (ana, "page")


def test_a_run_again_is_a_new_run_with_the_same_input(pages):
    run = started(amount=5)

    answer = pages.post(f"/runs/{run.run_id}/rerun/", follow=True)

    again = Run.objects.get(origin=run.run_id)
    assert again.input == row_of(run).input
    assert [action.verb for action in Action.objects.all()] == ["rerun"]
    assert answer.redirect_chain[-1][0] == f"/runs/{again.run_id}/"


def test_the_input_can_be_changed_before_it_runs_again(pages):
    run = started(amount=5)

    page = pages.get(f"/workflows/{flows.approval.id}/start/?from={run.run_id}").content.decode()

    assert 'value="Desk"' in page
    assert f"This is the input of run {run.run_id}" in page


def test_a_paused_run_goes_on_by_one_step_or_to_the_end(pages):
    run = flows.approval.create_run()
    run.start({"title": "Desk", "amount": 5}, per_step=True)

    says = page_of(pages, run, "proceed/")
    pages.post(f"/runs/{run.run_id}/proceed/")
    between = row_of(run).status
    pages.post(f"/runs/{run.run_id}/proceed/", {"op": "proceed:to-the-end"})

    assert "Go on to the end" in says
    assert between == "paused"
    assert row_of(run).status == "success"


def test_a_run_is_paused_with_a_reason_that_its_page_shows_and_continued(pages, ana):
    run = started()

    says = page_of(pages, run, "pause/")
    pages.post(f"/runs/{run.run_id}/pause/", {"op": "pause", "reason": "the bank is closed"})
    held = page_of(pages, run)
    lets_on = page_of(pages, run, "proceed/")
    status = row_of(run).status
    pages.post(f"/runs/{run.run_id}/proceed/", {"op": "proceed"})

    assert "Its questions stay open" in says
    assert status == "paused"
    assert "This run is paused: the bank is closed. Nothing of it starts." in held
    assert "by ana" in held
    assert "Run one step" in lets_on
    assert row_of(run).status == "suspended"
    assert [row.verb for row in Action.objects.order_by("pk")] == ["pause", "proceed"]


def test_the_button_of_another_dialog_does_nothing(pages):
    run = flows.approval.create_run()
    run.start({"title": "Desk", "amount": 5}, per_step=True)

    answer = pages.post(f"/runs/{run.run_id}/cancel/", {"op": "proceed:to-the-end"})

    assert answer.status_code == 400
    assert row_of(run).status == "paused"


def test_a_run_is_deleted_and_the_trail_says_by_whom(pages, ana):
    run = started(amount=5)

    says = page_of(pages, run, "delete/")
    answer = pages.post(f"/runs/{run.run_id}/delete/", follow=True).content.decode()

    assert "are deleted for good" in says
    assert not Run.objects.filter(run_id=run.run_id).exists()
    assert f"Run {run.run_id} is deleted." in answer
    assert Action.objects.get(verb="delete", public_run_id=run.run_id).actor == ana
    assert pages.get(f"/runs/{run.run_id}/").status_code == 404


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("retry", "This run is suspended; only a failed run has something to run again."),
        ("proceed", "This run is suspended; only a paused run can proceed."),
        ("restart", "This run is suspended; only a run that is under way has steps to restart."),
    ],
)
def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(pages, name, why):
    run = started()

    menu = page_of(pages, run)
    says = page_of(pages, run, f"{name}/")
    answer = pages.post(f"/runs/{run.run_id}/{name}/", follow=True).content.decode()

    assert why in menu
    assert why in says
    assert f"{why} Nothing changed." in answer
    assert row_of(run).status == "suspended"


@pytest.mark.parametrize("name", ["retry", "proceed", "restart", "rerun", "delete", "cancel"])
def test_nobody_acts_without_the_permission(person, name):
    run = started()
    _, client = person("view_run")

    assert "You need the permission" in client.get(f"/runs/{run.run_id}/{name}/").content.decode()
    assert client.post(f"/runs/{run.run_id}/{name}/").status_code == 403
    assert row_of(run).status == "suspended"


def python_of(page: str) -> str:
    """Return the Python call that a dialog shows."""
    call = re.search(r'<pre class="code"[^>]*="same-python"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert call is not None
    return call[1]


@pytest.mark.parametrize("name", ["cancel", "rerun", "delete"])
def test_the_same_from_python_does_what_the_button_does(pages, name):
    run = started()
    if name == "delete":
        run.cancel()

    page = html.unescape(page_of(pages, run, f"{name}/"))
    eval(python_of(page), {"get_workflow": get_workflow})

    if name == "delete":
        assert not Run.objects.filter(run_id=run.run_id).exists()
    elif name == "rerun":
        assert Run.objects.filter(origin=run.run_id).exists()
    else:
        assert row_of(run).status == "canceled"


def test_both_ways_to_go_on_are_said_in_python(pages):
    run = flows.approval.create_run()
    run.start({"title": "Desk", "amount": 5}, per_step=True)

    page = html.unescape(page_of(pages, run, "proceed/"))
    one, rest = python_of(page).splitlines()
    eval(one, {"get_workflow": get_workflow})
    assert row_of(run).status == "paused"
    eval(rest, {"get_workflow": get_workflow})
    assert row_of(run).status == "success"


def test_an_unknown_action_has_no_page(pages):
    assert pages.get(f"/runs/{started().run_id}/explode/").status_code == 404
