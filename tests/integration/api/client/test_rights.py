"""Who may do what over the wire: each kind of person and of token against each operation."""

from typing import Any, Final

import pytest

from tests.integration.api.client import flows
from tests.integration.api.client.conftest import Wire, refused, started
from workflows_app import Schedule, tokens
from workflows_app.api.client import operations
from workflows_app.api.client import urls as _urls  # noqa: F401 - registers them all
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.models import Schedule as ScheduleRow

W: Final = "workflows/<str:workflow_id>"
S: Final = "schedules/<str:schedule_id>"
#: Operation, the permission and the scope that it needs.
OPERATIONS: Final[dict[str, tuple[str, str]]] = {
    "GET workflows": ("view_run", "read"),
    "GET workflows/run-counts": ("view_run", "read"),
    f"GET {W}": ("view_run", "read"),
    f"GET {W}/runs": ("view_run", "read"),
    f"GET {W}/runs/<str:run_id>": ("view_run", "read"),
    f"POST {W}/observe": ("view_run", "read"),
    f"POST {W}/create-run": ("start_run", "start"),
    f"POST {W}/start": ("start_run", "start"),
    f"POST {W}/start-async": ("start_run", "start"),
    f"POST {W}/stream": ("start_run", "start"),
    f"POST {W}/resume": ("resume_run", "answer"),
    f"POST {W}/resume-async": ("resume_run", "answer"),
    f"POST {W}/resume-no-wait": ("resume_run", "answer"),
    f"POST {W}/resume-stream": ("resume_run", "answer"),
    f"POST {W}/restart": ("steer_run", "steer"),
    f"POST {W}/restart-async": ("steer_run", "steer"),
    f"POST {W}/time-travel": ("steer_run", "steer"),
    f"POST {W}/time-travel-async": ("steer_run", "steer"),
    f"POST {W}/time-travel-stream": ("steer_run", "steer"),
    f"POST {W}/restart-all-active-workflow-runs": ("steer_run", "steer"),
    f"POST {W}/restart-all-active-workflow-runs-async": ("steer_run", "steer"),
    f"POST {W}/runs/<str:run_id>/cancel": ("cancel_run", "steer"),
    f"DELETE {W}/runs/<str:run_id>": ("delete_run", "admin"),
    "GET schedules": ("view_run", "read"),
    f"GET {S}": ("view_run", "read"),
    f"GET {S}/triggers": ("view_run", "read"),
    "POST schedules": ("add_schedule", "admin"),
    f"PATCH {S}": ("change_schedule", "admin"),
    f"DELETE {S}": ("delete_schedule", "admin"),
    f"POST {S}/pause": ("pause_schedule", "steer"),
    f"POST {S}/resume": ("pause_schedule", "steer"),
    f"POST {S}/run": ("trigger_schedule", "start"),
}
PERMISSIONS: Final = sorted({permission for permission, _ in OPERATIONS.values()})


@pytest.fixture
def asked(db) -> str:
    """A run that asks, and a schedule."""
    schedules.make(flows.two, Schedule("0 3 * * *", id="s"))
    return started(run_id="r").run_id


def ask(program: Wire, operation: str, workflow: str = "js-orders") -> Any:
    """Ask for something that changes nothing, whoever is let in: at most it is refused."""
    method, _, route = operation.partition(" ")
    path = route.replace("<str:workflow_id>", workflow).replace("<str:run_id>", "r")
    key = "wf_js-two__s" if workflow == "js-orders" else f"wf_{workflow}__s"
    body: Any = {} if method in {"POST", "PATCH"} else None
    return program.ask(method, "/" + path.replace("<str:schedule_id>", key), body)


def state() -> tuple[Any, ...]:
    """Return what no refused request may change."""
    made = ScheduleRow.objects.filter(is_from_code=False)
    return (
        list(Run.objects.order_by("pk").values_list("pk", "status", "revision")),
        list(made.order_by("pk").values_list("pk", "status", "hash")),
        Action.objects.count(),
    )


def test_the_table_has_every_operation():
    there = {
        f"{method} {route}"
        for route, specs in operations._operations.items()
        for method in specs
    }  # fmt: skip
    assert there == set(OPERATIONS)


@pytest.mark.parametrize("permission", [*PERMISSIONS, "nothing"])
def test_a_person_with_one_permission_does_nothing_else(asked, wire_with, permission):
    program = wire_with(*([] if permission == "nothing" else [permission]))
    before = state()
    for operation, (needed, _) in OPERATIONS.items():
        if needed != permission:
            refused(ask(program, operation), 403, f"workflows_app.{needed}")
    assert state() == before


@pytest.mark.parametrize("scope", [*tokens.SCOPES, "nothing"])
def test_a_token_with_one_scope_does_nothing_else(asked, ana, scope):
    given: list[str] = [] if scope == "nothing" else [scope]
    program = Wire(tokens.make(ana, "one", scopes=given)[1])
    before = state()
    for operation, (_, needed) in OPERATIONS.items():
        if needed != scope:
            refused(ask(program, operation), 403, needed)
    assert state() == before


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_permission_lets_in(asked, wire_with, permission):
    program = wire_with(permission)
    for operation, (needed, _) in OPERATIONS.items():
        if needed == permission and not operation.endswith(("stream", "observe")):
            assert ask(program, operation).status_code in {200, 400, 404, 409}, operation


def test_nobody_is_let_in(asked, ana):
    for program in (Wire(), Wire("sbx_wrong")):
        for operation in OPERATIONS:
            refused(ask(program, operation), 401)


def test_the_ids_of_another_workflow_name_nothing(asked, wire_with):
    schedules.make(flows.guarded, Schedule("0 3 * * *", id="s"))
    program = wire_with(*PERMISSIONS)
    before = state()
    for operation in OPERATIONS:
        if W not in operation and S not in operation:
            continue
        answer = ask(program, operation, "js-guarded")
        if operation.endswith("triggers"):
            assert answer.json() == {"triggers": []}
        else:
            refused(answer, 404, "not found")
    assert "js-guarded" not in program.look("/schedules").content.decode()
    made = program.act("/schedules", {"workflowId": "js-guarded", "cron": "@daily"})
    refused(made, 404, "Workflow not found")
    assert state() == before


def test_pausing_by_a_change_needs_the_permission_to_pause(asked, wire_with):
    program = wire_with("change_schedule")
    path = "/schedules/wf_js-two__s"
    refused(program.ask("PATCH", path, {"status": "paused"}), 403, "pause_schedule")
    assert program.ask("PATCH", path, {"cron": "@hourly"}).status_code == 200


def test_the_permission_of_a_step_is_asked_for(wire_with):
    flows.for_finance.create_run("f").start(1)
    path = "/workflows/js-finance/resume-async?runId=f"
    refused(wire_with("resume_run").act(path, {"resumeData": 1}), 403)
    assert StepSnapshot.objects.filter(status="suspended").exists()
    insider = wire_with("resume_run", groups=("finance",))
    assert insider.act(path, {"resumeData": 1}).json()["status"] == "success"
    assert Action.objects.filter(verb="resume-refused", door="client").exists()
