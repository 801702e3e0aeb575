"""Who may do what: every kind of person and of token against every operation."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.integration.api import flows
from tests.integration.api.conftest import Program, refused, started
from workflows_app import Schedule, tokens
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, ApiToken, Run, StepSnapshot
from workflows_app.models import Schedule as ScheduleRow

#: Operation, what it needs: a permission and a scope. `R` is a run, `Q` its question.
OPERATIONS: Final[dict[str, tuple[str, str]]] = {
    "GET /workflows": ("view_run", "read"),
    "GET /workflows/api-order": ("view_run", "read"),
    "GET /workflows/api-order/versions": ("view_run", "read"),
    "GET /runs": ("view_run", "read"),
    "GET /runs/R": ("view_run", "read"),
    "GET /runs/R/result": ("view_run", "read"),
    "GET /runs/R/steps": ("view_run", "read"),
    "GET /runs/R/steps/approve": ("view_run", "read"),
    "GET /runs/R/steps/approve/iterations": ("view_run", "read"),
    "GET /runs/R/timelines": ("view_run", "read"),
    "GET /runs/R/audit": ("view_run", "read"),
    "GET /runs/R/related": ("view_run", "read"),
    "GET /runs/R/suspensions": ("view_run", "read"),
    "GET /runs/R/events": ("view_run", "read"),
    "GET /runs/R/values/input": ("view_run view_payload", "read payloads"),
    "POST /runs/R/time-travel/plan": ("view_run", "read"),
    "GET /inbox": ("view_run", "read"),
    "GET /schedules": ("view_run", "read"),
    "GET /schedules/wf_api-order__s": ("view_run", "read"),
    "GET /schedules/wf_api-order__s/triggers": ("view_run", "read"),
    "GET /schedules/wf_api-order__s/values/input_data": ("view_run view_payload", "read payloads"),
    "GET /workers": ("view_run", "read"),
    "GET /audit": ("view_action", "admin"),
    "GET /tokens": ("", "admin"),
    "POST /tokens": ("", "admin"),
    "DELETE /tokens/0": ("", "admin"),
    "GET /me": ("", ""),
    "POST /workflows/api-order/runs": ("start_run", "start"),
    "POST /runs/R/start": ("start_run", "start"),
    "POST /runs/R/rerun": ("start_run", "start"),
    "POST /runs/R/fork": ("start_run", "start"),
    "POST /schedules/wf_api-order__s/trigger": ("trigger_schedule", "start"),
    "POST /runs/R/resume": ("resume_run", "answer"),
    "POST /events/payment": ("resume_run", "answer"),
    "POST /inbox/Q/claim": ("resume_run", "answer"),
    "POST /inbox/Q/release": ("resume_run", "answer"),
    "POST /inbox/Q/put-off": ("resume_run", "answer"),
    "POST /inbox/Q/answer": ("resume_run", "answer"),
    "POST /runs/R/cancel": ("cancel_run", "steer"),
    "POST /runs/R/restart": ("steer_run", "steer"),
    "POST /runs/R/retry": ("steer_run", "steer"),
    "POST /runs/R/skip-wait": ("steer_run", "steer"),
    "POST /runs/R/give-up": ("steer_run", "steer"),
    "POST /runs/R/pause": ("steer_run", "steer"),
    "POST /runs/R/proceed": ("steer_run", "steer"),
    "POST /runs/R/time-travel": ("steer_run", "steer"),
    "POST /schedules/wf_api-order__s/pause": ("pause_schedule", "steer"),
    "POST /schedules/wf_api-order__s/unpause": ("pause_schedule", "steer"),
    "POST /workflows/api-order/intake/pause": ("steer_run", "steer"),
    "POST /workflows/api-order/intake/resume": ("steer_run", "steer"),
    "POST /schedules/pause-all": ("pause_schedule", "steer"),
    "POST /schedules/unpause-all": ("pause_schedule", "steer"),
    "POST /schedules": ("add_schedule", "admin"),
    "PATCH /schedules/wf_api-order__s": ("change_schedule", "admin"),
    "DELETE /schedules/wf_api-order__s": ("delete_schedule", "admin"),
    "DELETE /runs/R": ("delete_run", "admin"),
}
#: A body that is refused as such: whoever is let in changes nothing.
WRONG: Final = {"nothing-is-called-so": 1}
PERMISSIONS: Final = sorted({name for needed, _ in OPERATIONS.values() for name in needed.split()})


@pytest.fixture
def asked(db) -> dict[str, str]:
    """A run that asks, by what stands for it in the operations, and a schedule."""
    run = started()
    schedules.make(flows.order, Schedule("0 3 * * *", id="s", input_data={"id": "a", "total": 1}))
    question = StepSnapshot.objects.get(status="suspended")
    return {"R": run.run_id, "Q": str(question.suspension)}


def ask(program: Program, operation: str, asked: dict[str, str]) -> Any:
    method, _, path = operation.partition(" ")
    parts = [asked.get(part, part) for part in path.split("/")]
    body = WRONG if method in {"POST", "PATCH"} else None
    query = "?x=1" if method == "DELETE" else ""
    return program.ask(method, "/".join(parts) + query, body)


def state() -> tuple[Any, ...]:
    """Return what no refused request may change."""
    made = ScheduleRow.objects.filter(is_from_code=False)
    return (
        list(Run.objects.order_by("pk").values_list("pk", "status", "revision")),
        list(made.order_by("pk").values_list("pk", "status", "hash")),
        ApiToken.objects.count(),
        Action.objects.exclude(verb="resume-refused").count(),
    )


def test_the_table_has_every_operation(program):
    document = program.look("/openapi.json").json()
    there = {
        (method.upper(), path.removeprefix("/api/v1").count("/"))
        for path, methods in document["paths"].items()
        for method in methods
        if path != "/api/v1/events"
    }
    listed = {(op.split()[0], op.count("/")) for op in OPERATIONS}
    assert there == listed
    number = sum(len(methods) for methods in document["paths"].values())
    assert number - 1 == len(OPERATIONS)


@pytest.mark.parametrize("permission", [*PERMISSIONS, "nothing"])
def test_a_person_with_one_permission(asked, with_rights, permission):
    given = () if permission == "nothing" else (permission,)
    # Values are looked at by those who see runs.
    given += ("view_run",) if permission == "view_payload" else ()
    _, program = with_rights(*given)
    before = state()
    for operation, (needed, _) in OPERATIONS.items():
        answer = ask(program, operation, asked)
        missing = [name for name in needed.split() if name not in given]
        if missing:
            error = refused(answer, 403, "NotAllowed")
            assert error["details"] == {"permission": f"workflows_app.{missing[0]}"}, operation
        else:
            assert answer.status_code in {200, 400, 404}, (operation, answer.content)
    assert state() == before


@pytest.mark.parametrize("scope", [*tokens.SCOPES, "nothing"])
def test_a_token_with_one_scope(asked, ana, scope):
    given = [] if scope == "nothing" else [scope]
    given += ["read"] if scope == "payloads" else []
    program = Program(tokens.make(ana, "one", scopes=given)[1])
    before = state()
    for operation, (_, needed) in OPERATIONS.items():
        answer = ask(program, operation, asked)
        missing = [name for name in needed.split() if name not in given]
        if missing:
            error = refused(answer, 403, "NotAllowed")
            assert error["details"] == {"scope": missing[0]}, operation
        else:
            assert answer.status_code in {200, 400, 404}, (operation, answer.content)
    assert state() == before


def test_nobody_is_let_in(asked, ana):
    for program in (Program(), Program("sbx_wrong")):
        for operation in [*OPERATIONS, "GET /events", "GET /openapi.json"]:
            refused(ask(program, operation, asked), 401, "NotAuthenticated")


@pytest.mark.parametrize("by", ["token", "permission"])
def test_the_ids_of_another_workflow_name_nothing(ana, with_rights, by):
    run = started(flows.guarded)
    schedules.make(flows.guarded, Schedule("0 3 * * *", id="s", input_data={"id": "a", "total": 1}))
    question = StepSnapshot.objects.get(status="suspended")
    asked = {"R": run.run_id, "Q": str(question.suspension)}
    if by == "token":
        program = Program(tokens.make(ana, "narrow", workflows=["api-order"])[1])
    else:
        _, program = with_rights(*PERMISSIONS, groups=("finance",))
    before = state()
    for operation in OPERATIONS:
        if not {"R", "Q", "wf_api-order__s", "api-order"} & set(operation.split("/")):
            continue
        there = operation.replace("api-order", "api-guarded").replace("approve", "finance")
        answer = ask(program, there, asked)
        assert answer.status_code == 404, (there, answer.content)
        assert answer.json()["error"]["type"].endswith("NotFound")
    for path in ("/runs", "/inbox?put_off=true", "/schedules", "/audit", "/workflows"):
        page = program.look(path).json()
        assert "api-guarded" not in str(page)
    made = program.act("/schedules", {"workflow_id": "api-guarded", "cron": "@daily"})
    refused(made, 404, "WorkflowNotFound")
    assert state() == before
