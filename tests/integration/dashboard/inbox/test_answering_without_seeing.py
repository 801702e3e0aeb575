"""A person who may answer but not see runs reads what is missing and has an inbox."""

import re
from html import unescape

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Preference

YES = {"tab": "form", "data.approved": "true"}


@pytest.fixture
def answerer(person):
    return person("resume_run")


def test_the_page_of_a_run_says_what_is_missing_and_offers_the_inbox(answerer):
    run = started()

    for address in (f"/runs/{run.run_id}/", "/runs/", "/audit/", f"/runs/{run.run_id}/?tab=data"):
        answer = answerer[1].get(address)
        page = answer.content.decode()
        assert answer.status_code == 403
        assert "You need the permission to see runs. It is called workflows_app.view_run" in page
        assert 'href="/inbox/">Open the inbox</a>' in page
        assert "Desk" not in page


def test_the_first_page_leads_to_the_inbox_and_the_menu_has_nothing_else(answerer):
    started()
    assert answerer[1].get("/").url == "/inbox/"

    page = answerer[1].get("/inbox/").content.decode()

    assert "May Desk be paid?" in page
    nav = page.split('<nav aria-label="Main">')[1].split("</nav>")[0]
    assert nav.count("<a ") == 1
    assert '<span class="count num" data-inbox-count="/inbox/count/">1</span>' in nav
    assert answerer[1].get("/inbox/count/").json() == {"waiting": "1"}


def test_a_question_is_claimed_answered_and_found_among_the_done(answerer, pages, ana):
    run, other = started(), started()
    item = question_of(run).suspension
    theirs = question_of(other).suspension
    pages.post(f"/runs/{other.run_id}/answer/{theirs}/", {**YES, "data.note": "of ana"})

    page = answerer[1].get(f"/inbox/?item={item}").content.decode()
    assert f'href="/runs/{run.run_id}/"' not in page
    claimed = answerer[1].post(f"/inbox/{item}/claim/")
    assert claimed.url == f"/inbox/?tab=mine&item={item}"
    answer = answerer[1].post(f"/runs/{run.run_id}/answer/{item}/", {**YES, "data.note": "mine"})

    assert answer.url == "/inbox/?tab=open"
    assert row_of(run).status == "success"
    done = answerer[1].get("/inbox/?tab=done").content.decode()
    assert "&#x27;mine&#x27;" in done
    assert "of ana" not in done
    assert "/runs/" not in done


def test_what_others_must_answer_is_not_shown(answerer, pages):
    run = flows.guarded.create_run()
    run.start({"title": "Secret plan", "amount": 5})
    item = question_of(run).suspension

    addresses = [
        "/inbox/?tab=all", f"/inbox/?tab=all&item={item}", f"/inbox/?tab=open&item={item}",
        f"/runs/{run.run_id}/answer/{item}/",
    ]  # fmt: skip
    for address in addresses:
        page = answerer[1].get(address).content.decode()
        assert "Finance?" not in page, address
    part = answerer[1].get(f"/inbox/?tab=open&rows={item}", headers={"HX-Request": "true"})
    assert "Finance?" not in part.content.decode()
    assert "Finance?" in pages.get(f"/inbox/?tab=all&item={item}").content.decode()
    assert answerer[1].post(f"/inbox/{item}/claim/").status_code == 404


def test_a_person_who_may_neither_see_nor_answer_sees_no_inbox(person):
    _, client = person()

    answer = client.get("/inbox/")

    assert answer.status_code == 403
    assert "Open the inbox" not in answer.content.decode()
    assert client.get("/inbox/count/").status_code == 403
    assert client.get("/").status_code == 403
    assert "/settings/" not in answer.content.decode()
    assert client.get("/settings/").status_code == 403


def test_a_person_may_set_their_own_zone(answerer):
    user, client = answerer
    page = client.get("/inbox/").content.decode()
    assert page.count('href="/settings/"') == 2

    shown = client.get("/settings/")
    kept = client.post("/settings/", {"zone": "Asia/Tokyo"}, follow=True).content.decode()

    assert shown.status_code == 200
    assert "Times are now shown in Asia/Tokyo" in kept
    assert "Times are in Asia/Tokyo" in client.get("/inbox/").content.decode()
    assert Preference.objects.get(pk=user.pk).zone == "Asia/Tokyo"


def test_no_link_of_their_pages_is_refused(answerer):
    run = started()
    item = question_of(run).suspension
    _, client = answerer

    for address in ("/inbox/", f"/inbox/?item={item}", f"/runs/{run.run_id}/answer/{item}/",
                    "/settings/", "/runs/"):  # fmt: skip
        page = client.get(address).content.decode()
        for link in re.findall(r'<a [^>]*href="(/[^"]*)"', page):
            assert client.get(unescape(link)).status_code in {200, 302}, (address, link)
