"""Schedules, workers, the audit trail, tokens and oneself over the API."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.api import flows
from tests.integration.api.conftest import Program, refused, started
from workflows_app import tokens
from workflows_app.engine.host import clock
from workflows_app.models import Action, ApiToken, Schedule, Worker

NIGHTLY = {"workflow_id": "api-plain", "id": "nightly", "cron": "0 3 * * *", "input_data": [1]}


def made(program: Program, **changes: Any) -> Any:
    answer = program.act("/schedules", {**NIGHTLY, **changes})
    assert answer.status_code == 201, answer.content
    return answer


def test_a_schedule_is_made_once(program):
    answer = made(program, timezone="Europe/Amsterdam", metadata={"team": "a"})
    shown = answer.json()
    assert answer["Location"] == "/api/v1/schedules/wf_api-plain__nightly"
    assert (shown["id"], shown["is_from_code"]) == ("wf_api-plain__nightly", False)
    assert (shown["timezone"], shown["metadata"]) == ("Europe/Amsterdam", {"team": "a"})
    assert shown["next_fire_at"]
    assert "input_data" not in shown
    same = program.act(
        "/schedules?include=input_data",
        {**NIGHTLY, "timezone": "Europe/Amsterdam", "metadata": {"team": "a"}},
    )
    assert (same.status_code, same.json()["input_data"]) == (200, [1])
    refused(program.act("/schedules", NIGHTLY), 409, "DuplicateSchedule")
    unnamed = {key: value for key, value in NIGHTLY.items() if key != "id"}
    assert program.act("/schedules", unnamed).status_code == 201
    assert Action.objects.filter(verb="create-schedule", door="api").count() == 2


@pytest.mark.parametrize(("changes", "kind"), [
    ({"cron": "nonsense"}, "InvalidCron"),
    ({"run_at": "2090-01-01T00:00:00Z"}, "InvalidSchedule"),
    ({"cron": None}, "InvalidSchedule"),
    ({"timezone": "Mars/Base"}, "InvalidSchedule"),
    ({"overlap": "never"}, "InvalidSchedule"),
    ({"cron": None, "run_at": "2001-01-01T00:00:00Z"}, "InvalidSchedule"),
    ({"cron": None, "run_at": "2090-01-01T00:00:00"}, "InvalidRequest"),
    ({"id": "a.b"}, "InvalidId"),
    ({"colour": 1}, "InvalidRequest"),
    ({"workflow_id": "api-order", "input_data": {"id": 5}}, "InvalidInput"),
])  # fmt: skip
def test_schedules_that_cannot_be(program, changes, kind):
    refused(program.act("/schedules", {**NIGHTLY, **changes}), 400, kind)
    assert not Schedule.objects.filter(is_from_code=False).exists()


def test_a_schedule_is_changed_and_deleted(program):
    made(program)
    path = "/schedules/wf_api-plain__nightly"
    changed = program.ask("PATCH", path, {"cron": "0 4 * * *", "overlap": "skip"}).json()
    assert (changed["cron"], changed["overlap"]) == ("0 4 * * *", "skip")
    once = program.ask("PATCH", path, {"run_at": "2090-01-01T00:00:00Z"}).json()
    assert (once["cron"], once["run_at"][:10]) == (None, "2090-01-01")
    assert program.ask("PATCH", path, {}).json()["run_at"] == once["run_at"]
    refused(program.ask("PATCH", path, {"cron": "x"}), 400, "InvalidCron")
    refused(program.ask("PATCH", path, {"id": "x"}), 400, "InvalidRequest")
    assert program.ask("DELETE", path).status_code == 204
    refused(program.look(path), 404, "ScheduleNotFound")
    acts = Action.objects.exclude(verb="create-token").order_by("pk")
    verbs = list(acts.values_list("verb", flat=True))
    assert verbs == ["create-schedule", "change-schedule", "change-schedule", "delete-schedule"]


def test_a_schedule_of_code_is_paused_and_triggered_alone(program):
    path = "/schedules/wf_api-scheduled"
    assert program.look(path).json()["is_from_code"] is True
    refused(program.ask("PATCH", path, {"cron": "0 4 * * *"}), 409, "ScheduleFromCode")
    refused(program.ask("DELETE", path), 409, "ScheduleFromCode")
    paused = program.act(f"{path}/pause", {"note": "holiday"}).json()
    assert (paused["status"], paused["note"], paused["next_fire_at"]) == (
        "paused", "holiday", None,
    )  # fmt: skip
    assert program.act(f"{path}/pause", {"note": "other"}).json()["note"] == "holiday"
    assert program.act(f"{path}/unpause").json()["status"] == "active"
    assert program.act(f"{path}/unpause").status_code == 200
    run = program.act(f"{path}/trigger?wait=true&include=output")
    assert (run.status_code, run.json()["result"]) == (201, {"n": 1})
    assert run["Location"] == f"/api/v1/runs/{run.json()['run_id']}"
    (trigger,) = program.look(f"{path}/triggers").json()["items"]
    assert (trigger["kind"], trigger["run_id"]) == ("manual", run.json()["run_id"])
    listed = program.look("/schedules?workflow=api-scheduled&include=input_data").json()
    assert [each["id"] for each in listed["items"]] == ["wf_api-scheduled"]
    assert listed["items"][0]["input_data"] == {"n": 1}


def test_schedules_of_other_workflows_are_not_there(program, ana):
    made(program)
    narrow = Program(tokens.make(ana, "n", workflows=["api-two"])[1])
    path = "/schedules/wf_api-plain__nightly"
    for verb in ("pause", "unpause", "trigger"):
        refused(narrow.act(f"{path}/{verb}"), 404, "ScheduleNotFound")
    for method in ("GET", "PATCH", "DELETE"):
        refused(narrow.ask(method, path), 404, "ScheduleNotFound")
    refused(narrow.look(f"{path}/triggers"), 404, "ScheduleNotFound")
    refused(narrow.act("/schedules", {**NIGHTLY, "id": "x"}), 404, "WorkflowNotFound")
    assert narrow.look("/schedules").json()["items"] == []


def test_workers_and_their_state(program):
    now = clock.now()
    common = {"host": "h", "mode": "embedded", "started_at": now}
    Worker.objects.create(pid=1, heartbeat_at=now, **common)
    Worker.objects.create(pid=2, heartbeat_at=now - timedelta(hours=1), **common)
    Worker.objects.create(pid=3, heartbeat_at=now, stopped_at=now, queues=["a"], **common)
    listed = program.look("/workers").json()["items"]
    assert [(each["pid"], each["status"], each["queues"]) for each in listed] == [
        (3, "stopped", ["a"]), (2, "lost", None), (1, "live", None),
    ]  # fmt: skip


def test_the_audit_trail_is_filtered(program, with_rights):
    run = started(flows.plain, 1)
    before = clock.now().isoformat()
    program.act(f"/runs/{run.run_id}/rerun", X_Request_Id="r-1")
    program.act(f"/runs/{run.run_id}/time-travel?wait=true", {"step": "anything", "reason": "why"})

    def verbs(query: str) -> list[str]:
        return [each["verb"] for each in program.look(f"/audit?{query}").json()["items"]]

    assert verbs("door=api&verb=rerun") == ["rerun"]
    assert verbs(f"run_id={run.run_id}") == ["time-travel"]
    assert verbs("actor=nobody") == []
    assert verbs("workflow=api-plain") == ["time-travel", "rerun"]
    assert "create-token" in verbs(f"before={before.replace('+', '%2B')}")
    assert verbs(f"after={before.replace('+', '%2B')}") == ["time-travel", "rerun"]
    (row,) = program.look("/audit?verb=time-travel").json()["items"]
    assert (row["reason"], row["path"], row["actor"]) == ("why", "anything", "ana")
    assert verbs("door=terminal") == []
    refused(program.look("/audit?door=zz"), 400, "InvalidRequest")
    _, reader = with_rights("view_run")
    error = refused(reader.look("/audit"), 403, "NotAllowed")
    assert error["details"] == {"permission": "workflows_app.view_action"}


# Tokens.


def test_a_token_is_made_shown_once_and_revoked(program):
    answer = program.act("/tokens", {"name": "ci", "scopes": ["read"], "workflows": ["api-order"]})
    token = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/tokens/{token['id']}"
    new = Program(token["token"])
    me = new.look("/me").json()
    assert (me["through"], me["scopes"], me["token"]["name"]) == ("token", ["read"], "ci")
    assert "token" not in me["token"]
    listed = program.look("/tokens").json()["items"]
    assert [each["name"] for each in listed] == ["ci", "all"]
    assert not any("token" in each for each in listed)
    refused(new.look("/tokens"), 403, "NotAllowed")
    assert program.ask("DELETE", f"/tokens/{token['id']}").status_code == 204
    refused(new.look("/me"), 401, "NotAuthenticated")
    refused(program.ask("DELETE", f"/tokens/{token['id']}"), 404, "TokenNotFound")
    rows = Action.objects.filter(subject=token["id"]).order_by("pk")
    assert [row.verb for row in rows] == ["create-token", "revoke-token"]
    assert token["token"] not in str([row.data for row in rows])


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x", "scopes": ["all"]},
                                  {"name": "x", "expires_at": "2001-01-01T00:00:00Z"},
                                  {"name": "x", "expires_at": "2090-01-01"},
                                  {"name": "x", "user": "ben"}])  # fmt: skip
def test_tokens_that_cannot_be(program, body):
    assert program.act("/tokens", body).status_code == 400
    assert ApiToken.objects.count() == 1


def test_a_token_names_workflows_that_are_there_for_its_user(program, with_rights):
    for unknown in (["nowhere"], ["api-order", "nowhere"]):
        error = refused(program.act("/tokens", {"name": "x", "workflows": unknown}), 400,
                        "InvalidInput")  # fmt: skip
        assert "'nowhere'" in error["message"]
    _, outside = with_rights("view_run")
    _, inside = with_rights("view_run", groups=("starters",))
    wanted = {"name": "x", "workflows": ["api-guarded"]}
    refused(outside.act("/tokens", wanted), 400, "InvalidInput")
    assert inside.act("/tokens", wanted).status_code == 201


def test_a_token_makes_none_that_can_do_more(ana):
    later = clock.now() + timedelta(days=2)
    text = tokens.make(
        ana, "weak", scopes=["read", "admin"], workflows=["api-order"],
        expires_at=clock.now() + timedelta(days=1),
    )[1]  # fmt: skip
    weak = Program(text)
    fits: dict[str, Any] = {
        "name": "x", "scopes": ["read"], "workflows": ["api-order"],
        "expires_at": (clock.now() + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    assert weak.act("/tokens", fits).status_code == 201
    for more in ({"scopes": ["start"]}, {"scopes": None}, {"workflows": None},
                 {"workflows": ["api-plain"]}, {"expires_at": None},
                 {"expires_at": later.isoformat()}):  # fmt: skip
        refused(weak.act("/tokens", {**fits, **more}), 403, "NotAllowed")


def test_tokens_of_others_are_for_superusers(program, with_rights):
    ben, bens = with_rights()
    assert [each["name"] for each in bens.look("/tokens").json()["items"]] == ["some"]
    refused(bens.look("/tokens?user=ana"), 403, "NotAllowed")
    mine = ApiToken.objects.get(name="all")
    refused(bens.ask("DELETE", f"/tokens/{mine.pk}"), 404, "TokenNotFound")
    listed = program.look(f"/tokens?user={ben.username}").json()["items"]
    assert [each["user"] for each in listed] == [ben.username]
    assert program.ask("DELETE", f"/tokens/{listed[0]['id']}").status_code == 204


def test_me_says_what_one_may(with_rights, ana):
    user, program = with_rights("view_run", groups=("finance",), scopes=["read", "start"])
    me = program.look("/me").json()
    assert me["username"] == user.username
    assert me["groups"] == ["finance"]
    assert me["permissions"] == ["workflows_app.view_run"]
    assert (me["is_superuser"], me["scopes"]) == (False, ["read", "start"])
    browser = Program()
    browser.force_login(ana)
    own = browser.look("/me").json()
    assert (own["through"], own["token"], own["is_superuser"]) == ("session", None, True)
    assert "workflows_app.steer_run" in own["permissions"]
