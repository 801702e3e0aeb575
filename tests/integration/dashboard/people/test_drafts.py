"""What somebody chose or typed in a tab that was signed out is there again, on every form."""

import re

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, started
from workflows_app import Schedule, Workflow
from workflows_app.definition import registry
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run


def sent_signed_out(client, address, fields):
    """Send a form without being signed in, sign in, and return the page that comes then."""
    refused = client.post(address, fields)
    assert refused.status_code == 401
    page = refused.content.decode()
    (draft,) = re.findall(r'name="draft" value="([^"]+)"', page)
    (target,) = re.findall(r'name="next" value="([^"]+)"', page)
    typed = {"username": "ana", "password": "secret-of-ana", "next": target, "draft": draft}
    back = client.post("/sign-in/", typed, follow=True)
    assert back.status_code == 200
    return back


@pytest.mark.parametrize("verb", ["claim", "release"])
def test_a_person_who_was_signed_out_gets_to_the_question_they_wanted(client, ana, verb):
    question = question_of(started())

    page = sent_signed_out(client, f"/inbox/{question.suspension}/{verb}/", {})

    assert page.redirect_chain[-1][0].startswith("/inbox/?")
    assert str(question.suspension) in page.redirect_chain[-1][0]
    assert "Nothing has changed yet" in page.content.decode()


def test_the_note_of_a_pause_is_kept(client, ana, monkeypatch):
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    monkeypatch.setattr(schedules, "_stored", {})
    flow = Workflow("drafts-nightly", schedule=Schedule("0 9 * * *")).then(flows.anything).commit()
    address = f"/schedules/{flow.schedules()[0].id}/pause/"

    page = sent_signed_out(client, address, {"note": "moving house"}).content.decode()

    assert "moving house</textarea>" in page


def test_what_was_chosen_for_a_travel_is_kept(client, ana):
    run = started(amount=5)
    fields = {"from": "pay", "changed": '{"check": {"title": "Chair"}}', "per_step": "1",
              "mode": "here", "op": "plan"}  # fmt: skip

    page = sent_signed_out(client, f"/runs/{run.run_id}/time-travel/", fields).content.decode()

    assert 'name="mode" value="here" checked' in page
    assert 'name="per_step" value="1" checked' in page
    assert "Chair" in page


def test_the_value_of_a_travel_is_kept(client, ana):
    run = started(amount=5)
    fields = {"of": "$input", "from": "check", "changed": "{}", "mode": "new", "tab": "form",
              "data.title": "Sofa", "data.amount": "x"}  # fmt: skip
    address = f"/runs/{run.run_id}/time-travel/value/"

    page = sent_signed_out(client, address, fields).content.decode()

    assert 'value="Sofa"' in page
    assert not Run.objects.filter(origin=run.run_id).exists()


@pytest.mark.parametrize("tab", ["form", "json"])
@pytest.mark.parametrize("where", ["answer", "start", "travel"])
def test_what_was_typed_has_the_focus_in_its_first_field(client, ana, where, tab):
    run = started(amount=5) if where == "travel" else started()
    address = {
        "answer": lambda: f"/runs/{run.run_id}/answer/{question_of(run).suspension}/",
        "start": lambda: f"/workflows/{flows.approval.id}/start/",
        "travel": lambda: f"/runs/{run.run_id}/time-travel/value/",
    }[where]()
    fields = {"tab": tab, "json": "{}", "data.title": "Sofa", "data.approved": "true"}
    hidden = {"of": "$input", "from": "check", "changed": "{}", "mode": "new"}

    page = sent_signed_out(client, address, fields | hidden).content.decode()

    (focused,) = re.findall(r"<[^<>]* autofocus[^<>]*>", page)
    first = "data.approved" if where == "answer" else "data.title"
    assert f'name="{first if tab == "form" else "json"}"' in focused


def test_the_zone_that_was_chosen_is_kept(client, ana):
    page = sent_signed_out(client, "/settings/", {"zone": "Asia/Tokyo"}).content.decode()

    assert 'value="Asia/Tokyo" selected' in page


def test_what_is_too_long_to_be_kept_is_said(client, ana):
    address = f"/workflows/{flows.approval.id}/start/"

    page = client.post(address, {"tab": "json", "json": "x" * 250_000}).content.decode()

    assert "too long to be kept" in page
