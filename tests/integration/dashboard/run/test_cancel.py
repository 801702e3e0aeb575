"""Canceling a run, after saying what that does."""

from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Action


def test_it_says_first_what_will_happen_and_what_will_not(pages):
    run = started()

    page = pages.get(f"/runs/{run.run_id}/cancel/").content.decode()

    assert "1 step that waits becomes canceled." in page
    assert "What was asked can no longer be answered." in page
    assert "What 1 step already did is not undone" in page
    assert row_of(run).status == "suspended"


def test_a_post_cancels_and_is_in_the_audit_trail(pages, ana):
    run = started()

    answer = pages.post(f"/runs/{run.run_id}/cancel/", follow=True)

    assert row_of(run).status == "canceled"
    assert Action.objects.get(verb="cancel").actor == ana
    assert "The run is canceled." in answer.content.decode()


def test_a_run_that_has_ended_is_not_canceled_and_says_so(pages):
    run = started(amount=5)

    page = pages.get(f"/runs/{run.run_id}/cancel/").content.decode()
    answer = pages.post(f"/runs/{run.run_id}/cancel/", follow=True).content.decode()

    assert "This run has ended (success), so there is nothing to cancel." in page
    assert "so there is nothing to cancel. Nothing changed." in answer


def test_without_the_permission_it_is_refused_with_the_reason(person):
    run = started()
    _, client = person("view_run")

    assert (
        "You need the permission to cancel runs."
        in client.get(f"/runs/{run.run_id}/cancel/").content.decode()
    )
    assert client.post(f"/runs/{run.run_id}/cancel/").status_code == 403
    assert row_of(run).status == "suspended"
