"""The inbox: what waits for a person, and who has claimed it."""

import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dashboard.inbox import page as inbox_page
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.engine.run import deleting
from workflows_app.models import Action, Assignment, Workflow

YES = {"tab": "form", "data.approved": "true", "data.note": "fine"}
PART = {"HX-Request": "true"}


def page_at(pages, query=""):
    answer = pages.get(f"/inbox/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def rows_in(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('data-row="')[1:]]


def item_of(run) -> str:
    return str(question_of(run).suspension)


def act(pages, run, verb, **data):
    return pages.post(f"/inbox/{item_of(run)}/{verb}/", data)


def answer(pages, run, **more):
    return pages.post(f"/runs/{run.run_id}/answer/{item_of(run)}/", {**YES, **more})


@pytest.fixture
def eva(person):
    """Somebody else who may answer."""
    user, client = person("view_run", "resume_run")
    User.objects.filter(pk=user.pk).update(username="eva")
    return User.objects.get(pk=user.pk), client


def test_a_row_says_what_is_asked_about_what_by_which_workflow(pages):
    run = started()

    page = page_at(pages)

    assert rows_in(page) == [item_of(run)]
    assert "May Desk be paid?" in page
    assert "Amount: 700" in page
    assert "Approval" in page
    assert "waiting for <time" in page
    assert ">1</span></a>" in page  # the count in the menu


def test_the_oldest_question_comes_first(pages):
    runs = [started(), started(title="Chair")]

    assert rows_in(page_at(pages)) == [item_of(run) for run in runs]


def test_the_question_that_is_open_has_the_same_form_as_the_run(pages):
    run = started()

    page = page_at(pages, f"?item={item_of(run)}")

    assert f'action="/runs/{run.run_id}/answer/{item_of(run)}/"' in page
    assert 'name="data.approved"' in page
    assert 'class="inbox has-item"' in page


def test_claiming_moves_a_question_to_mine_and_is_written_down(pages, ana):
    run = started()

    moved = act(pages, run, "claim")

    assert moved.url == f"/inbox/?tab=mine&item={item_of(run)}"
    assert rows_in(page_at(pages, "?tab=mine")) == [item_of(run)]
    assert "claimed by you" in page_at(pages, "?tab=mine")
    assert "All clear: nothing waits for you" in page_at(pages, "?tab=open")
    action = Action.objects.get(verb="claim")
    assert (action.actor, action.path, action.door) == (ana, "manager", "page")
    assert action.public_run_id == run.run_id


def test_claiming_twice_changes_nothing(pages):
    run = started()

    act(pages, run, "claim")
    act(pages, run, "claim")

    assert Assignment.objects.count() == 1
    assert Action.objects.filter(verb="claim").count() == 1


def test_releasing_gives_a_question_back(pages):
    run = started()
    act(pages, run, "claim")

    assert act(pages, run, "release").url == f"/inbox/?tab=open&item={item_of(run)}"

    assert rows_in(page_at(pages, "?tab=open")) == [item_of(run)]
    assert Action.objects.filter(verb="release").count() == 1
    act(pages, run, "release")
    assert Action.objects.filter(verb="release").count() == 1


def test_a_claim_is_advice_others_see_it_and_may_answer_all_the_same(pages, eva):
    run = started()
    act(pages, run, "claim")
    _, other = eva

    assert rows_in(page_at(other, "?tab=open")) == []
    page = page_at(other, f"?tab=all&item={item_of(run)}")
    assert "claimed by ana" in page
    assert "Take over" in page
    assert answer(other, run).status_code == 302
    assert row_of(run).status == "success"


def test_the_second_to_claim_reads_who_was_faster(pages, eva):
    run = started()
    act(pages, run, "claim")

    answered = eva[1].post(f"/inbox/{item_of(run)}/claim/", follow=True).content.decode()

    assert "ana was faster" in answered
    assert Assignment.objects.get().person.get_username() == "ana"


def test_taking_over_asks_first_and_is_written_down(pages, eva):
    run = started()
    act(pages, run, "claim")
    user, other = eva
    address = f"/inbox/{item_of(run)}/take-over/"

    page = other.get(address).content.decode()
    assert 'id="confirm"' in page
    assert "<strong>ana</strong> claimed it" in page
    assert Assignment.objects.get().person.get_username() == "ana"

    holder = Assignment.objects.get().person_id
    assert other.post(address, {"holder": holder}).url.startswith("/inbox/?tab=mine")
    assert Assignment.objects.get().person == user
    taken = Action.objects.get(actor=user)
    assert taken.verb == "claim"
    assert (taken.actor, taken.data) == (user, {"instead_of": "ana"})


def test_taking_over_from_somebody_who_no_longer_has_it_changes_nothing(pages, eva):
    run = started()
    act(pages, run, "claim")

    act(eva[1], run, "take-over", holder=str(eva[0].pk))

    assert Assignment.objects.get().person.get_username() == "ana"
    assert not Action.objects.filter(actor=eva[0]).exists()


def test_a_claim_ends_with_the_answer(pages):
    run = started()
    item = item_of(run)
    act(pages, run, "claim")

    answer(pages, run)

    assert "You have claimed nothing" in page_at(pages, "?tab=mine")
    late = pages.post(f"/inbox/{item}/claim/", follow=True).content.decode()
    assert "not asked any more" in late


def test_claims_go_with_their_run(pages):
    run = started()
    act(pages, run, "claim")
    answer(pages, run)

    assert deleting.delete([run.pk]) == 1

    assert not Assignment.objects.exists()
    assert Action.objects.filter(verb="claim").exists()


def test_answering_opens_the_next_question(pages):
    first, second, third = started(), started(), started()
    onward = f"/inbox/?tab=open&next={question_of(second).pk}"

    assert answer(pages, second, next=onward).url == onward
    assert pages.get(onward).url == f"/inbox/?tab=open&item={item_of(third)}"
    answer(pages, third)
    assert pages.get(onward).url == f"/inbox/?tab=open&item={item_of(first)}"
    answer(pages, first)
    assert pages.get(onward).url == "/inbox/?tab=open"


def test_behind_the_last_claimed_question_comes_the_next_open_one(pages):
    claimed, other = started(), started()
    act(pages, claimed, "claim")
    onward = f"/inbox/?tab=mine&next={question_of(claimed).pk}"

    answer(pages, claimed, next=onward)

    assert pages.get(onward).url == f"/inbox/?tab=open&item={item_of(other)}"
    answer(pages, other)
    assert pages.get(onward).url == "/inbox/?tab=open"


def test_every_page_that_says_what_needs_somebody_says_the_same(pages, eva):
    claimed, other, hers = started(), started(), started()
    act(pages, claimed, "claim")
    act(eva[1], hers, "claim")

    found = [
        [part.split('"')[0] for part in pages.get(page).content.decode().split('id="need-')[1:]]
        for page in ("/", "/runs/")
    ]

    assert found[0] == found[1] == [item_of(claimed), item_of(other)]


def test_an_answer_goes_on_only_to_a_page_of_this_site(pages):
    run = started()

    assert answer(pages, run, next="https://evil.example/").url == f"/runs/{run.run_id}/"


def test_a_wrong_answer_keeps_where_to_go_afterwards(pages):
    run = started()
    address = f"/runs/{run.run_id}/answer/{item_of(run)}/"

    refused = pages.post(address, {"tab": "form", "next": "/inbox/?tab=mine"})

    assert refused.status_code == 422
    assert 'name="next" value="/inbox/?tab=mine"' in refused.content.decode()


def test_a_row_that_was_answered_elsewhere_greys_and_says_who(pages, eva):
    run, other = started(), started()
    item = item_of(run)
    answer(eva[1], run)
    new = started()

    part = pages.get(
        f"/inbox/?item={item}&rows={item},{item_of(other)},x", headers=PART
    ).content.decode()

    assert "<html" not in part
    assert rows_in(part) == [item, item_of(other), item_of(new)]
    assert "answered by eva" in part
    assert f'data-row="{item}" data-gone' in part
    # Without the form's section, the page's script locks the form that somebody is typing in.
    assert "Answered by eva" in part
    assert "data-keep-draft" not in part


def test_done_shows_the_latest_answers_of_everyone_and_of_the_person(pages, eva):
    mine, hers = started(), started(title="Chair")
    answer(pages, mine)
    answer(eva[1], hers)

    page = page_at(pages, "?tab=done")
    own = page_at(pages, "?tab=done&who=me")

    assert page.index("May Chair be paid?") < page.index("May Desk be paid?")
    assert "answered by eva" in page
    assert "May Chair be paid?" not in own
    assert "May Desk be paid?" in own


def test_an_answer_to_a_deleted_run_stays_in_done(pages):
    run = started()
    answer(pages, run)
    deleting.delete([run.pk])

    assert "its run was deleted" in page_at(pages, "?tab=done")


def test_a_person_who_may_not_answer_sees_the_question_and_why_the_form_is_locked(person):
    run = started(flows.guarded)
    _, outsider = person("view_run", "resume_run", groups=("starters",))
    _, viewer = person("view_run", groups=("starters",))

    page = page_at(outsider, f"?tab=all&item={item_of(run)}")
    assert "Finance?" in page
    assert "Only members of the group “finance” may do this." in page
    assert '<fieldset class="plain" disabled' in page
    assert rows_in(page_at(outsider)) == []
    assert "You need the permission to answer suspended steps." in page_at(viewer)
    assert 'data-inbox-count="/inbox/count/" hidden' in page_at(viewer)


@pytest.mark.parametrize("verb", ["claim", "release", "take-over"])
def test_a_person_who_may_not_answer_may_not_claim(person, verb):
    run = started(flows.guarded)
    _, outsider = person("view_run", "resume_run", groups=("starters",))

    assert act(outsider, run, verb).status_code == 403
    assert not Assignment.objects.exists()


def test_the_count_of_the_menu_can_be_asked_for(pages, client):
    before = pages.get("/inbox/count/").json()
    started()

    assert before == {"waiting": ""}
    assert pages.get("/inbox/count/").json() == {"waiting": "1"}
    assert client.get("/inbox/count/").status_code == 401


@pytest.mark.parametrize("verb", ["claim", "release"])
def test_looking_claims_nothing(pages, verb):
    run = started()

    assert pages.get(f"/inbox/{item_of(run)}/{verb}/").url.startswith("/inbox/?tab=")
    assert pages.get(f"/inbox/{item_of(run)}/take-over/").status_code == 302
    assert pages.post(f"/inbox/{uuid.uuid4()}/{verb}/").status_code == 404
    assert not Assignment.objects.exists()


def test_a_claim_needs_the_token_of_the_page(ana):
    run = started()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ana)

    assert act(strict, run, "claim").status_code == 403


def test_markup_stays_text_wherever_people_wrote_it(pages, ana):
    run = started(title="<b>Desk</b>")
    Workflow.objects.filter(pk="pages-approval").update(title="<i>Approval</i>")
    User.objects.filter(pk=ana.pk).update(username="<u>ana</u>")
    act(pages, run, "claim")
    other = Client()
    other.force_login(User.objects.create_superuser("bob"))

    page = page_at(other, f"?tab=all&item={item_of(run)}")
    asked = other.get(f"/inbox/{item_of(run)}/take-over/").content.decode()

    for text in ("<b>Desk", "<i>", "<u>"):
        assert text not in page + asked
    assert "&lt;b&gt;Desk&lt;/b&gt;" in page
    assert "&lt;u&gt;ana&lt;/u&gt;" in page
    assert "&lt;i&gt;Approval&lt;/i&gt;" in page


def test_an_empty_inbox_says_so_in_a_friendly_way(pages):
    assert "All clear: nothing waits for you" in page_at(pages)
    assert "All clear: nothing waits for anybody" in page_at(pages, "?tab=all")
    assert "You have claimed nothing" in page_at(pages, "?tab=mine")
    assert "No answers yet" in page_at(pages, "?tab=done")
    assert "This question is gone" in page_at(pages, f"?item={uuid.uuid4()}")
    assert page_at(pages, "?tab=nonsense&item=x&after=y&before=z")


@pytest.mark.parametrize("tab", ["open", "all", "mine"])
def test_pages_go_by_key_forth_and_back(pages, monkeypatch, tab):
    monkeypatch.setattr(inbox_page, "PAGE", 2)
    runs = [started() for _ in range(5)]
    items, keys = [item_of(run) for run in runs], [question_of(run).pk for run in runs]
    if tab == "mine":
        for run in runs:
            act(pages, run, "claim")

    first = page_at(pages, f"?tab={tab}")
    second = page_at(pages, f"?tab={tab}&after={keys[1]}")
    last = page_at(pages, f"?tab={tab}&after={keys[3]}")
    back = page_at(pages, f"?tab={tab}&before={keys[2]}")

    shown = [rows_in(page) for page in (first, second, last, back)]
    assert shown == [items[:2], items[2:4], items[4:], items[:2]]
    assert f"after={keys[1]}" in first
    assert 'rel="prev"' not in first
    assert f"before={keys[2]}" in second
    assert 'rel="next"' not in last
    assert 'rel="prev"' not in back


def test_what_others_must_answer_is_passed_over_to_a_limit(person, monkeypatch):
    monkeypatch.setattr(inbox_page, "SCAN", 3)
    for _ in range(3):
        started(flows.guarded)
    run = started()
    _, outsider = person("view_run", "resume_run", groups=("starters",))

    page = page_at(outsider)

    assert rows_in(page) == []
    assert "There is more on the next page." in page
    after = page.split("after=")[1].split('"')[0]
    assert rows_in(page_at(outsider, f"?tab=open&after={after}")) == [item_of(run)]


@pytest.mark.parametrize(("tab", "queries"), [("open", 9), ("all", 9), ("mine", 9)])
def test_a_page_costs_the_same_with_five_questions_and_with_a_hundred(
    pages, ana, django_assert_num_queries, tab, queries
):
    runs = [started() for _ in range(5)]
    for run in runs if tab == "mine" else runs[1:2]:
        act(pages, run, "claim")
    address = f"/inbox/?tab={tab}&item={item_of(runs[0])}"
    pages.get(address)
    with django_assert_num_queries(queries):
        pages.get(address)
    for _ in range(95):
        run = started()
        if tab == "mine":
            act(pages, run, "claim")

    with django_assert_num_queries(queries):
        assert len(rows_in(pages.get(address).content.decode())) == inbox_page.PAGE


def test_done_and_what_script_asks_for_cost_the_same_however_much_there_is(
    pages, django_assert_max_num_queries
):
    runs = [started() for _ in range(6)]
    items = ",".join(item_of(run) for run in runs)
    for run in runs[:4]:
        answer(pages, run)
    pages.get("/inbox/?tab=done")

    with django_assert_max_num_queries(7):
        pages.get("/inbox/?tab=done")
    with django_assert_max_num_queries(12):
        pages.get(f"/inbox/?rows={items}&item={item_of(runs[5])}", headers=PART)


def test_a_person_with_few_permissions_costs_at_most_twelve_queries(
    person, django_assert_max_num_queries
):
    run = started(flows.guarded)
    started()
    _, member = person("view_run", "resume_run", groups=("finance", "starters"))
    address = f"/inbox/?item={item_of(run)}"
    member.get(address)

    with django_assert_max_num_queries(12):
        member.get(address)


def test_no_large_payload_is_loaded_for_the_list(pages):
    started(title="x" * 9000)

    page = page_at(pages)

    assert "x" * 2000 not in page


def test_the_subject_is_made_of_the_small_facts_beside_the_words():
    text = '{"question": "Pay?", "amount": 7, "ok": true, "deep": {"a": 1}, "to": "Eva", "n": 2}'

    assert inbox_page.subject_in(text) == "Amount: 7 · Ok: yes · To: Eva"
    assert inbox_page.subject_in('{"a": 1}') == ""
    assert inbox_page.subject_in('["a"]') == ""
    assert inbox_page.subject_in('{"cut') == ""
    assert inbox_page.subject_in(None) == ""


def test_an_item_of_a_list_says_which_one_it_is(pages):
    run = flows.items.create_run()
    run.start([3, 1, 6])
    steps = row_of(run).steps.filter(status="suspended", kind="step").order_by("pk")

    page = page_at(pages, f"?item={steps[1].suspension}")

    assert "(item 3 of 3)" in page


def test_a_question_in_a_run_that_goes_on_is_in_the_inbox(pages):
    run = started()
    row = row_of(run)
    row.status = "running"
    row.save(update_fields=["status"])

    assert rows_in(page_at(pages)) == [item_of(run)]


@pytest.mark.parametrize(
    ("flow", "buttons", "chosen", "result"),
    [
        (flows.yes_or_no, ["true", "false"], "false", {"agreed": False}),
        (flows.one_of_a_few, ["ship", "hold"], "hold", {"decided": "hold"}),
    ],
)
def test_a_choice_of_a_few_is_answered_with_one_button(pages, flow, buttons, chosen, result):
    run = started(flow)

    page = page_at(pages, f"?item={item_of(run)}")
    form = page.split("data-schema-form")[1].split("</form>")[0]
    named = re.findall(r'<button type="submit"[^>]* name="(\S+)" value="(\S+)" data-send>', form)

    assert [value for _, value in named] == [f"send:{name}" for name in buttons]
    assert "Send answer" not in form
    address = f"/runs/{run.run_id}/answer/{item_of(run)}/"
    assert pages.post(address, {"tab": "form"}).status_code == 422
    assert pages.post(address, {"tab": "form", named[0][0]: f"send:{chosen}"}).status_code == 302
    assert row_of(run).result == result
