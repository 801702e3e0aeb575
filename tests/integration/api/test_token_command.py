"""`manage.py token`."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from tests.integration.api.conftest import Program
from workflows_app.models import Action, ApiToken


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("token", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_token_is_printed_alone_on_the_last_line(ana):
    out = run("ana", "--name", "ci", "--scope", "read,start", "--scope", "answer",
              "--workflow", "api-order", "--expires", "90d")  # fmt: skip
    text = out.splitlines()[-1]

    me = Program(text).look("/me").json()
    assert me["scopes"] == ["read", "start", "answer"]
    row = ApiToken.objects.get()
    assert (row.name, row.workflows) == ("ci", ["api-order"])
    assert row.expires_at - row.created_at >= timedelta(days=89)
    act = Action.objects.get(verb="create-token")
    assert (act.door, act.actor_name[:4]) == ("terminal", "cli:")


def test_tokens_are_listed_and_revoked(ana):
    run("ana")
    page = json.loads(run("--list", "--json"))
    (token,) = page["items"]
    assert (page["total"], token["user"], len(token["scopes"])) == (1, "ana", 6)
    assert token["prefix"] in run("ana", "--list")
    run("--revoke", token["id"])
    assert not ApiToken.objects.exists()
    assert json.loads(run("--list", "--json"))["items"] == []


@pytest.mark.parametrize(("arguments", "code"), [
    (["nobody"], 5), (["--revoke", "7"], 5), (["--revoke", "x"], 5), ([], 2),
    (["ana", "--scope", "all"], 2), (["ana", "--name", " "], 2),
])  # fmt: skip
def test_what_cannot_be_done_has_an_exit_code(ana, arguments, code):
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert refusal.value.returncode == code


@pytest.mark.parametrize("life", ["90", "0d", "5y", "-1d", "99999999d"])
def test_a_life_that_is_none(ana, life):
    with pytest.raises(CommandError):
        run("ana", "--expires", life)
    assert not ApiToken.objects.exists()
