"""Time travel on its page: from where, with what, the plan, and what comes of it."""

import html
import re

import pytest

from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Action, Run, StepSnapshot


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, "there is no plan on the page"
    return found[1]


def planned(pages, run, path):
    return pages.get(f"/runs/{run.run_id}/time-travel/?from={path}").content.decode()


def test_the_page_lists_the_steps_to_go_back_to(pages):
    run = started(amount=5)

    page = pages.get(f"/runs/{run.run_id}/time-travel/").content.decode()

    assert f'href="/runs/{run.run_id}/time-travel/?from=check"' in page
    assert "Choose the step to go back to, here or in the list." in page


def test_the_plan_says_what_is_reused_and_what_runs_again(pages):
    page = planned(pages, started(amount=5), "pay")

    assert re.search(r"Reused, not run again.*check.*Run again.*pay", page, re.DOTALL)
    assert "As a new run; this one stays as it is" in page
    assert ".fork(&#x27;pay&#x27;)" in page


def test_the_address_of_a_value_that_was_sent_leads_back_to_the_travel(pages):
    address = f"/runs/{started(amount=5).run_id}/time-travel/"

    assert pages.get(f"{address}value/").url == address


def test_a_travel_in_place_begins_a_new_timeline(pages, ana):
    run = started(amount=5)
    token = token_in(planned(pages, run, "pay"))

    pages.post(
        f"/runs/{run.run_id}/time-travel/",
        {"from": "pay", "changed": "{}", "mode": "here", "token": token, "op": "start"},
    )

    assert row_of(run).timeline == 2
    assert row_of(run).status == "success"
    assert Action.objects.get(verb="time-travel").path == "pay"


def test_a_fork_is_a_new_run_and_leaves_this_one_alone(pages):
    run = started(amount=5)
    token = token_in(planned(pages, run, "pay"))

    answer = pages.post(
        f"/runs/{run.run_id}/time-travel/",
        {"from": "pay", "changed": "{}", "mode": "new", "token": token, "op": "start"},
        follow=True,
    )

    forked = Run.objects.get(origin=run.run_id)
    assert answer.redirect_chain[-1][0] == f"/runs/{forked.run_id}/"
    assert row_of(run).timeline == 1


def test_a_changed_input_is_given_to_the_step_by_its_form(pages):
    run = started(amount=5)
    address = f"/runs/{run.run_id}/time-travel/"

    form = pages.post(address, {"from": "check", "changed": "{}", "op": "edit:$input"})
    page = pages.post(
        f"{address}value/",
        {
            "of": "$input", "from": "check", "changed": "{}", "mode": "new", "tab": "form",
            "data.title": "Chair", "data.amount": "7", "data.note": "",
        },
    ).content.decode()  # fmt: skip
    changed = re.search(r'name="changed" value="([^"]*)"', page)[1].replace("&quot;", '"')
    pages.post(
        address,
        {
            "from": "check",
            "changed": changed,
            "mode": "new",
            "token": token_in(page),
            "op": "start",
        },
    )

    assert 'value="Desk"' in form.content.decode()
    assert "Chair" in page
    forked = Run.objects.get(origin=run.run_id)
    got = StepSnapshot.objects.current().get(run=forked, path="check")
    assert (got.output["title"], got.output["amount"]) == ("Chair", 7)


def test_a_value_that_the_form_refuses_begins_nothing(pages):
    run = started(amount=5)

    answer = pages.post(
        f"/runs/{run.run_id}/time-travel/value/",
        {
            "of": "$input",
            "from": "check",
            "changed": "{}",
            "tab": "form",
            "title": "",
            "amount": "x",
        },
    )

    assert answer.status_code == 422
    assert not Run.objects.filter(origin=run.run_id).exists()


def test_when_the_run_moved_on_the_new_plan_is_shown_and_nothing_begins(pages):
    run = started(amount=5)
    token = token_in(planned(pages, run, "pay"))
    run.time_travel("check")

    answer = pages.post(
        f"/runs/{run.run_id}/time-travel/",
        {"from": "pay", "changed": "{}", "mode": "here", "token": token, "op": "start"},
    )

    assert answer.status_code == 409
    assert "The run changed meanwhile; here is the new plan." in answer.content.decode()
    assert row_of(run).timeline == 2


def test_a_step_without_a_record_before_it_says_what_is_missing(pages):
    run = started()  # asks a manager, so `pay` was never reached

    page = planned(pages, run, "pay")

    assert 'role="alert"' in page
    assert 'value="start" disabled' in page


def test_what_cannot_be_read_begins_again(pages):
    run = started(amount=5)

    answer = pages.post(
        f"/runs/{run.run_id}/time-travel/",
        {"from": "pay", "changed": "{", "op": "start"},
        follow=True,
    )

    assert "cannot be read; start over" in answer.content.decode()


def test_it_needs_the_permission_to_steer(person):
    run = started(amount=5)
    _, client = person("view_run")

    page = client.get(f"/runs/{run.run_id}/time-travel/?from=pay").content.decode()
    answer = client.post(
        f"/runs/{run.run_id}/time-travel/",
        {"from": "pay", "changed": "{}", "mode": "here", "token": token_in(page), "op": "start"},
    )

    assert "You need the permission" in page
    assert answer.status_code == 403
    assert row_of(run).timeline == 1


def changed_in(page: str) -> str:
    found = re.search(r'name="changed" value="([^"]*)"', page)
    assert found, "the page carries no changed values"
    return html.unescape(found[1])


def test_changed_values_are_kept_when_another_step_is_chosen(pages):
    run = started(amount=5)
    address = f"/runs/{run.run_id}/time-travel/"
    changed = '{"$input": {"title": "Chair", "amount": 7}}'
    sent = {"from": "check", "changed": changed, "mode": "here", "reason": "A typo"}

    other = pages.post(f"{address}?from=pay", {**sent, "op": "pick:pay"}).content.decode()
    back = pages.post(
        f"{address}?from=check",
        {**sent, "from": "pay", "changed": changed_in(other), "op": "pick:check"},
    ).content.decode()

    assert "kept for when you choose another step: the input of check." in other
    assert "Chair" not in other.partition("3 · Plan")[2]  # it is not the input of `pay`
    assert changed_in(back) == '{"$input":{"title":"Chair","amount":7}}'
    assert 'id="kept"' not in back
    for page in (other, back):
        assert 'value="here" checked' in page
        assert 'value="A typo"' in page


def test_a_result_counts_only_from_a_step_behind_it(pages):
    run = started(amount=5)
    address = f"/runs/{run.run_id}/time-travel/"
    sent = {"changed": '{"check": {"title": "Chair", "amount": 7}}', "mode": "new"}

    at_check = pages.post(address, {**sent, "from": "pay", "op": "pick:check"}).content.decode()
    at_pay = pages.post(address, {**sent, "from": "check", "op": "pick:pay"}).content.decode()

    assert "the result of check. It does not count from here." in at_check
    assert "context" not in at_check.partition("The same from Python")[2]
    assert "context=" in at_pay.partition("The same from Python")[2]
    assert 'id="kept"' not in at_pay


def test_the_small_graph_chooses_as_the_list_does(pages):
    page = planned(pages, started(amount=5), "pay")

    drawn = page.partition('<svg class="graph')[2].partition("</svg>")[0]
    assert 'value="pick:check"' in drawn
    assert re.search(r'value="pick:pay"[^>]*data-fate="again" data-chosen', drawn)
    assert re.search(r'value="pick:check"[^>]*data-fate="reused"', drawn)


@pytest.mark.parametrize(("mode", "verb"), [("here", "time-travel"), ("new", "fork")])
def test_a_reason_goes_with_the_act_to_the_trail(pages, mode, verb):
    run = started(amount=5)
    token = token_in(planned(pages, run, "pay"))

    pages.post(
        f"/runs/{run.run_id}/time-travel/",
        {
            "from": "pay", "changed": "{}", "mode": mode, "token": token, "op": "start",
            "reason": " The bank\x00 was down ",
        },
    )  # fmt: skip

    assert Action.objects.get(verb=verb).data == {"reason": "The bank was down"}
    assert "The bank was down" in pages.get("/audit/").content.decode()
