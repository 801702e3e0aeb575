"""Signing in, and what happens to typed text when a person is signed out."""

import re

import pytest
from django.test import Client

from dashboard.people import signin
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app.models import Run

START = "/workflows/pages-approval/start/"
PAGES = ["/runs/", "/workflows/", START, "/runs/x/", "/runs/x/log/", "/runs/x/cancel/"]


@pytest.mark.parametrize("address", PAGES)
def test_every_page_asks_strangers_to_sign_in_and_brings_them_back(client, db, address):
    answer = client.get(address)

    assert answer.status_code == 302
    assert answer.url.startswith("/sign-in/?next=%2F")


def test_a_name_and_a_password_sign_in(client, ana):
    fields = {"username": "ana", "password": "secret-of-ana", "next": "/workflows/"}

    assert client.post("/sign-in/", fields).url == "/workflows/"


def test_a_wrong_password_says_so_and_keeps_the_name(client, ana):
    answer = client.post("/sign-in/", {"username": "ana", "password": "no"})

    assert answer.status_code == 422
    assert 'value="ana"' in answer.content.decode()
    assert "Please enter a correct username and password" in answer.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_signing_in_leads_to_no_other_site(client, ana, target):
    fields = {"username": "ana", "password": "secret-of-ana", "next": target}

    assert client.post("/sign-in/", fields).url == "/"


def test_a_link_is_used_up_by_the_button_and_not_by_a_look(client, ana):
    address = signin.link(ana, "")

    assert "Sign in as ana" in client.get(address).content.decode()
    assert client.get(address).status_code == 200
    assert client.post(address).url == "/"

    again = Client().post(address)
    assert again.status_code == 410
    assert "This link no longer works" in again.content.decode()


def test_signing_out_is_a_post(pages):
    assert pages.get("/sign-out/").status_code == 405
    assert pages.post("/sign-out/").url == "/sign-in/"
    assert pages.get("/runs/").status_code == 302


def test_what_was_typed_while_signed_out_is_there_again_after_signing_in(client, ana):
    typed = {"tab": "form", "data.title": "Do not lose me", "data.amount": "7"}

    refused = client.post(START, typed)
    page = refused.content.decode()
    assert refused.status_code == 401
    assert "what you typed is kept" in page
    (draft,) = re.findall(r'name="draft" value="([^"]+)"', page)

    fields = {"username": "ana", "password": "secret-of-ana", "next": START, "draft": draft}
    assert client.post("/sign-in/", fields).url == START
    back = client.get(START).content.decode()

    assert 'value="Do not lose me"' in back
    assert "It has not been sent yet." in back
    assert not Run.objects.exists()
    assert "Do not lose me" not in client.get(START).content.decode()


def test_a_forged_draft_is_ignored(client, ana):
    fields = {"username": "ana", "password": "secret-of-ana", "next": START, "draft": "forged"}

    assert client.post("/sign-in/", fields).url == START


def test_a_page_with_an_old_token_says_that_nothing_was_sent_and_shows_what_was_typed(
    ana, settings
):
    settings.CSRF_FAILURE_VIEW = "dashboard.request.errors.csrf_failure"
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)

    answer = client.post(START, {"data.title": "Precious", "data.lines:rows": "0"})

    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Precious" in page
    assert "Nothing was sent." in page


def test_somebody_who_may_see_nothing_is_told_so(person):
    _, client = person()

    answer = client.get("/runs/")

    assert answer.status_code == 403
    assert "You need the permission to see runs." in answer.content.decode()


def test_addresses_for_scripts_answer_with_a_status_and_not_with_a_page(client, person):
    run = started(flows.open_flow)
    _, stranger = person()

    assert client.get(f"/runs/{run.run_id}/events/").status_code == 401
    assert stranger.get(f"/runs/{run.run_id}/events/").status_code == 403
    part = client.get("/runs/", headers={"HX-Request": "true"})
    assert part.status_code == 401


def test_pages_allow_nothing_inline(pages):
    page = pages.get("/runs/")

    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert " style=" not in page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page.content.decode())
