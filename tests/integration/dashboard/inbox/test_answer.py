"""Answering a step that asks."""

import uuid

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Action

YES = {"tab": "form", "data.approved": "true", "data.note": "fine"}


def address_of(run):
    return f"/runs/{run.run_id}/answer/{question_of(run).suspension}/"


def test_an_answer_lets_the_run_go_on(pages, ana):
    run = started()

    answer = pages.post(address_of(run), YES)

    assert answer.url == f"/runs/{run.run_id}/"
    assert row_of(run).status == "success"
    action = Action.objects.get(verb="resume")
    assert (action.actor, action.path) == (ana, "manager")


def test_a_wrong_answer_is_said_beside_the_field_and_kept(pages):
    run = started()

    answer = pages.post(address_of(run), {"tab": "form", "data.note": "n" * 60})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose yes or no." in page
    assert "n" * 60 in page
    assert row_of(run).status == "suspended"


def test_what_the_types_refuse_is_said_beside_the_field(pages):
    run = started()

    page = pages.post(address_of(run), {**YES, "data.note": "n" * 60}).content.decode()

    assert "String should have at most 50 characters." in page


def test_the_second_to_answer_reads_who_was_first_and_keeps_the_draft(pages, ana):
    run = started()
    address = address_of(run)
    pages.post(address, YES)

    answer = pages.post(address, {**YES, "data.note": "my draft"})

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Already answered by ana" in page
    assert "my draft" in page
    assert "disabled" in page
    assert Action.objects.filter(verb="resume").count() == 1


def test_a_question_nobody_asked_says_it_is_gone(pages):
    run = started()

    page = pages.get(f"/runs/{run.run_id}/answer/{uuid.uuid4()}/").content.decode()

    assert "This question is gone" in page


def test_looking_at_a_question_changes_nothing(pages):
    run = started()

    answer = pages.get(address_of(run))

    assert answer.status_code == 200
    assert "May Desk be paid?" in answer.content.decode()
    assert row_of(run).status == "suspended"


def test_a_step_with_a_permission_of_its_own_asks_for_it(person):
    run = started(flows.guarded)
    _, outsider = person("view_run", "resume_run", groups=("starters",))
    _, member = person("view_run", "resume_run", groups=("finance", "starters"))

    page = outsider.get(f"/runs/{run.run_id}/").content.decode()
    assert "Only members of the group “finance” may do this." in page
    assert outsider.post(address_of(run), YES).status_code == 403
    assert row_of(run).status == "suspended"

    assert member.post(address_of(run), YES).status_code == 302
    assert row_of(run).status == "success"


def test_the_needs_you_strip_shows_only_what_the_person_may_answer(person):
    started(flows.guarded)
    _, outsider = person("view_run", "resume_run")
    _, member = person("view_run", "resume_run", groups=("finance", "starters"))

    assert "Needs you" not in outsider.get("/runs/").content.decode()
    assert "Needs you" in member.get("/runs/").content.decode()


def test_a_row_or_a_tab_of_an_answer_sends_nothing(pages):
    run = started()

    page = pages.post(address_of(run), {**YES, "op": "tab:json"}).content.decode()

    assert "&quot;note&quot;: &quot;fine&quot;" in page
    assert row_of(run).status == "suspended"
