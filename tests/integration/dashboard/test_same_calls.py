"""What dialogs show to be copied, over HTTP and at a terminal, does what the dialog does."""

import html
import json
import re
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import tokens
from workflows_app.models import Run, Schedule

SHOWN = re.compile(r'<p class="label" id="[^"]*">([^<]*)</p>\s*<pre [^>]*>(.*?)</pre>', re.DOTALL)


def shown(page: Any) -> dict[str, str]:
    """Return the ways that a page shows, by name."""
    found = SHOWN.findall(page.content.decode())
    return {name: html.unescape(re.sub(r"</?bdi>", "", text)) for name, text in found}


def commands(text: str) -> list[list[str]]:
    """Return the commands of a text, in words as a shell splits them."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [shlex.split(line) for line in lines]


@pytest.fixture
def token(ana) -> str:
    """A token with every scope."""
    return tokens.make(ana, "copied")[1]


def sent(words: list[str], token: str) -> Any:
    """Send what a curl command says, and return the answer."""
    assert words[:2] == ["curl", "-X"]
    method, address, *rest = words[2:]
    options = list(zip(rest[::2], rest[1::2], strict=True))
    headers = dict(value.split(": ", 1) for flag, value in options if flag == "-H")
    assert headers.pop("Authorization") == "Bearer $SIGNALBOX_TOKEN"
    body = next((value for flag, value in options if flag == "-d"), "")
    return Client().generic(
        method,
        urlsplit(address).path,
        body,
        content_type=headers.get("Content-Type", ""),
        headers={"Authorization": f"Bearer {token}"},
    )


def typed(words: list[str], person: Any, capsys: Any) -> Any:
    """Run what a terminal command says; return its exit code and what it printed."""
    assert words[:3] == ["python", "manage.py", "workflows"]
    code = 0
    try:
        call_command("workflows", *words[3:], "--json", "--as", str(person))
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


def suspended() -> Run:
    """Return a run that asks."""
    return row_of(started())


@pytest.mark.parametrize("name", ["cancel", "rerun"])
def test_the_curl_of_a_dialog_does_what_it_says(pages, token, name):
    run = suspended()
    ways = shown(pages.get(reverse("signalbox:run-act", args=[run.run_id, name])))
    assert list(ways) == ["Python", "curl", "Terminal"]
    (command,) = commands(ways["curl"])

    answer = sent(command, token)

    assert answer.status_code in {200, 201, 202}, answer.content
    if name == "cancel":
        assert row_of(run).status == "canceled"
    else:
        assert Run.objects.filter(origin=run.run_id).count() == 1


def test_the_terminal_command_of_a_dialog_does_what_it_says(pages, ana, capsys):
    run = suspended()
    ways = shown(pages.get(reverse("signalbox:run-act", args=[run.run_id, "cancel"])))
    (command,) = commands(ways["Terminal"])

    _code, printed = typed(command, ana, capsys)

    assert printed["status"] == "canceled"
    assert row_of(run).status == "canceled"


def test_a_deleted_run_is_deleted_by_the_curl_that_is_shown(pages, token):
    run = suspended()
    flows.approval.get_run(run.run_id).cancel()
    ways = shown(pages.get(reverse("signalbox:run-act", args=[run.run_id, "delete"])))
    assert list(ways) == ["Python", "curl"]

    assert sent(commands(ways["curl"])[0], token).status_code == 204

    assert not Run.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize("way", ["curl", "Terminal"])
def test_a_start_is_done_by_what_is_shown(pages, ana, token, capsys, way):
    address = reverse("signalbox:workflow-start", args=["pages-approval"])
    form = {"op": "python", "data.title": "A 'quoted' ünit", "data.amount": "5"}
    ids = {"data.~run.run_id": "copied-1", "data.~run.resource_id": "shop 1"}
    page = pages.post(address, {**form, **ids})
    (command,) = commands(shown(page)[way])

    if way == "curl":
        assert sent(command, token).status_code == 201
    else:
        typed(command, ana, capsys)

    run = Run.objects.get(run_id="copied-1")
    assert run.resource_id == "shop 1"
    assert run.input["title"] == "A 'quoted' ünit"


def test_an_answer_is_given_by_what_is_shown(pages, token):
    run = suspended()
    step = run.steps.get(status="suspended")
    address = reverse("signalbox:run-answer", args=[run.run_id, step.suspension])
    page = pages.post(address, {"op": "python", "data.approved": "true"})
    (command,) = commands(shown(page)["curl"])

    answer = sent(command, token)

    assert answer.status_code in {200, 202}, answer.content
    assert row_of(run).suspended_count == 0


def test_a_fork_is_made_by_the_curl_that_is_shown(pages, token):
    run = suspended()
    flows.approval.get_run(run.run_id).cancel()
    page = pages.get(reverse("signalbox:run-travel", args=[run.run_id]), {"from": _first_of(run)})
    (command,) = commands(shown(page)["curl"])

    answer = sent(command, token)

    assert answer.status_code == 201, answer.content
    assert Run.objects.filter(origin=run.run_id).count() == 1


def _first_of(run: Run) -> str:
    path: str = run.steps.order_by("pk").values_list("path", flat=True)[0]
    return path


def test_a_schedule_is_paused_by_the_curl_that_is_shown(pages, ana, token):
    made = pages.post(
        reverse("signalbox:workflow-start", args=["pages-approval"]),
        {"op": "python", "when": "cron", "data.~when.cron": "@daily", "data.title": "T",
         "data.amount": "5"},
    )  # fmt: skip
    (command,) = commands(shown(made)["curl"])
    assert sent(command, token).status_code == 201
    row = Schedule.objects.get(workflow="pages-approval")
    page = pages.get(reverse("signalbox:schedule-pause", args=[row.pk]))
    (pause,) = commands(shown(page)["curl"])

    assert sent(pause, token).status_code == 200

    assert Schedule.objects.get(pk=row.pk).status == "paused"
