"""A form acts by the button that was pressed: a POST that names none of them changes nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern

from dashboard import urls
from dashboard.request import posted
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import Schedule, Workflow
from workflows_app.definition import registry
from workflows_app.engine.verbs import assignments, schedules

#: Signing in and out changes no run; a password manager sends these forms without their button.
OF_SESSIONS = {"sign-in", "sign-in-link", "sign-out"}
#: Names of no button at all, and names of buttons of other pages.
UNKNOWN = [
    [],
    [""],
    ["sent"],
    ["SEND"],
    ["send "],
    [":"],
    ["tab"],
    ["stay"],
    ["send", "send"],
]
YES = {"tab": "form", "data.approved": "true", "data.title": "T", "data.amount": "5"}


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every row of the engine's tables."""
    models = apps.get_app_config("workflows_app").get_models()
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models
    }


@pytest.fixture
def nightly(monkeypatch) -> Any:
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    monkeypatch.setattr(schedules, "_stored", {})
    flow = Workflow("buttons-nightly", schedule=Schedule("0 9 * * *")).then(flows.anything)
    return flow.commit().schedules()[0]


@pytest.fixture
def values(ana, nightly, person) -> dict[str, Any]:
    """Values for the arguments of addresses, from a run that asks and a schedule."""
    run = started()
    question = question_of(run)
    assignments.claim(question, person("view_run", "resume_run")[0], door="page")
    return {
        "run_id": run.run_id,
        "suspension": question.suspension,
        "schedule_id": nightly.id,
        "workflow_id": "pages-approval",
        "path": "check",
        "field": "input",
        "step": question.pk,
    }


def addresses(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for route in urls.urlpatterns:
        assert isinstance(route, URLPattern)
        if route.name in OF_SESSIONS or route.name == "asset":
            continue
        names = [""]
        if route.name == "run-act":
            names = ["cancel", "retry", "restart", "pause", "proceed", "rerun", "delete"]
        for name in names:
            given = {**values, "name": name, "verb": "pause"}
            text = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(given[m[1]]), str(route.pattern))  # noqa: B023
            yield str(route.name), f"/{text}"


@pytest.mark.parametrize("ops", UNKNOWN, ids=str)
@pytest.mark.parametrize("is_script", [False, True])
def test_no_address_acts_on_a_post_without_the_name_of_its_button(ana, values, ops, is_script):
    client = Client(headers={"HX-Request": "true"} if is_script else {})
    client.force_login(ana)
    before = everything()
    met = []

    for name, address in addresses(values):
        answer = client.post(address, {**YES, "op": ops})
        assert 400 <= answer.status_code < 500, (name, answer.status_code)
        if answer.status_code == 400:
            met.append(name)
            assert "Nothing was sent" in answer.content.decode()
        else:
            assert answer.status_code == 405, name

    assert everything() == before
    assert {"workflow-start", "run-answer", "run-act", "run-travel", "settings"} < set(met)
    assert {"inbox-claim", "inbox-later", "schedule-pause", "schedule-trigger"} < set(met)


#: Prefixes of the names of buttons that name one of many; a prefix alone is not a button.
BEGINNINGS = ["send:", "tab:", "add:", "remove:", "shape:", "later:", "pick:", "edit:", "reset:"]


def test_the_beginning_of_a_buttons_name_is_not_a_button(ana, values):
    client = Client()
    client.force_login(ana)
    before = everything()

    for name, address in addresses(values):
        for op in (*BEGINNINGS, "proceed:", "tab:nowhere", "tab:form:"):
            assert client.post(address, {**YES, "op": op}).status_code in {400, 405}, (name, op)

    assert everything() == before


def test_a_prefix_is_not_a_button_by_itself():
    known = ("send", "send:", "proceed:to-the-end")

    assert posted.is_known(["send"], known)
    assert posted.is_known(["send:ship"], known)
    assert posted.is_known(["send:a:b"], known)
    assert posted.is_known(["proceed:to-the-end"], known)
    for op in ("send:", "proceed:", "proceed", ":", "", "send:to:", "proceed:to-the-end:"):
        assert posted.is_known([op], known) is (op == "send:to:"), op


def test_the_button_of_one_form_does_not_send_another(ana, values):
    client = Client()
    client.force_login(ana)
    before = everything()
    own = {"run-act": "", "workflow-start": "send", "run-answer": "send"}

    for name, address in addresses(values):
        for op in ("save", "send", "start", "claim", "trigger", "pause", "cancel", "delete"):
            ours = own.get(name) == op or f"/{op}/" in address or name.endswith(f"-{op}")
            if ours or (name, op) in {("run-travel", "start"), ("settings", "save")}:
                continue
            if name == "run-travel-value":  # it keeps a value in the page, and nothing else
                continue
            assert client.post(address, {**YES, "op": op}).status_code in {400, 405}, (name, op)

    assert everything() == before


def test_each_button_of_each_page_is_one_that_its_address_knows(pages, values, nightly):
    run = values["run_id"]
    done = started(amount=5).run_id
    shown = [
        f"/runs/{run}/", f"/runs/{run}/cancel/", f"/runs/{done}/rerun/", f"/runs/{done}/delete/",
        f"/runs/{run}/answer/{values['suspension']}/", "/workflows/pages-approval/start/",
        f"/runs/{done}/time-travel/?from=pay", "/settings/", f"/schedules/{nightly.id}/pause/",
        f"/schedules/{nightly.id}/trigger/", f"/inbox/{values['suspension']}/take-over/",
        f"/inbox/?tab=all&item={values['suspension']}",
    ]  # fmt: skip
    for address in shown:
        page = pages.get(address).content.decode()
        forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
        for form in forms:
            if "/sign-out/" in form:
                continue
            buttons = re.findall(r'<button[^>]*type="submit"[^>]*>', form)
            assert buttons, address
            assert all(' name="op" value="' in button for button in buttons), (address, buttons)


def test_a_question_of_two_buttons_is_not_answered_by_a_third(pages):
    run = started(flows.one_of_a_few)
    address = f"/runs/{run.run_id}/answer/{question_of(run).suspension}/"

    for op in ("send", "send:burn", "send:", "send: ship"):
        answer = pages.post(address, {"tab": "form", "op": op})
        assert answer.status_code in {400, 422}, op
    assert row_of(run).status == "suspended"

    assert pages.post(address, {"tab": "form", "op": "send:ship"}).status_code == 302
    assert row_of(run).status == "success"


def test_a_step_that_was_asked_for_twice_is_taken_once(pages):
    run = flows.approval.create_run()
    run.start({"title": "Desk", "amount": 5}, per_step=True)
    address = f"/runs/{run.run_id}/proceed/"
    seen = re.search(r'name="seen" value="(\d+)"', pages.get(address).content.decode())
    fields = {"seen": seen[1] if seen else "", "op": "proceed"}

    pages.post(address, fields)
    once = row_of(run).event_seq
    page = pages.post(address, fields, follow=True).content.decode()

    assert once > int(fields["seen"])
    assert row_of(run).event_seq == once
    assert "The run has moved on since you were asked, so nothing changed." in page
