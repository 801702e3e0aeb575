"""Who may do what through which door: one table, for pages, the admin and Python."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.integration.dashboard.conftest import row_of
from workflows_app import Run, Schedule, StepContext, Workflow, acting, actions, errors, step
from workflows_app.engine import clock, schedules
from workflows_app.models import Action
from workflows_app.models import Run as RunRow
from workflows_app.models import Schedule as ScheduleRow

#: What the breaking step does.
MOOD = {"fails": True}


@step(resume=bool, permission="group:askers")
def ask(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Fine?"})
    return value


@step
def breaks(value: Any) -> Any:
    if MOOD["fails"]:
        raise ValueError("not today")
    return value


@step
def end(value: Any) -> Any:
    return value


yearly = Schedule("0 0 1 1 *", input_data=1)
closed = (
    Workflow("matrix", permission="group:closed", schedule=yearly)
    .then(ask)
    .then(breaks)
    .then(end)
    .commit()
)

#: Kinds of people: the groups they are in, and whether they have the permissions of the actions.
PEOPLE: dict[str, tuple[tuple[str, ...], bool]] = {
    "viewer": ((), False),
    "viewer of the groups": (("closed", "askers"), False),
    "operator": ((), True),
    "operator who asks": (("askers",), True),
    "operator of the workflow": (("closed",), True),
    "operator of all": (("closed", "askers"), True),
    "superuser": ((), True),
}
#: What of these a verb needs; Python asks for no permission of an action.
WORKFLOW, STEP = "closed", "askers"
VERBS: dict[str, frozenset[str]] = {
    "start": frozenset({WORKFLOW}),
    "cancel": frozenset({WORKFLOW}),
    "retry": frozenset({WORKFLOW}),
    "restart": frozenset({WORKFLOW}),
    "proceed": frozenset({WORKFLOW}),
    "rerun": frozenset({WORKFLOW}),
    "delete": frozenset({WORKFLOW}),
    "fork": frozenset({WORKFLOW}),
    "time-travel": frozenset({WORKFLOW}),
    "resume": frozenset({WORKFLOW, STEP}),
    "fork past": frozenset({WORKFLOW, STEP}),
    "time-travel past": frozenset({WORKFLOW, STEP}),
    "pause-schedule": frozenset({WORKFLOW}),
    "unpause-schedule": frozenset({WORKFLOW}),
    "trigger-schedule": frozenset({WORKFLOW}),
    "create-schedule": frozenset({WORKFLOW}),
}
PAGES = sorted(VERBS)
ADMIN = sorted(acting.ACTS)
PYTHON = sorted(VERBS)


def may(kind: str, verb: str, door: str) -> bool:
    """Return what the table says."""
    groups, has_actions = PEOPLE[kind]
    if kind == "superuser":
        return True
    return VERBS[verb] <= set(groups) and (has_actions or door == "python")


@pytest.fixture(params=PEOPLE)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def user(db, kind) -> User:
    groups, has_actions = PEOPLE[kind]
    made = User.objects.create_user(kind.replace(" ", "-"), is_superuser=kind == "superuser")
    made.is_staff = True
    made.save()
    wanted = Permission.objects.filter(content_type__app_label="workflows_app")
    made.user_permissions.set(wanted if has_actions else wanted.filter(codename="view_run"))
    for name in groups:
        made.groups.add(Group.objects.get_or_create(name=name)[0])
    return made


@pytest.fixture
def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def prepared(verb: str) -> Run:
    """Return a run on which the verb is possible."""
    MOOD["fails"] = verb == "retry"
    run: Run = closed.create_run()
    if verb == "start":
        return run
    run.start(1, per_step=verb == "proceed")
    if verb not in {"resume", "cancel", "delete", "time-travel past", "fork past", "proceed"}:
        run.resume(True)
    if verb == "proceed":
        run.resume(True, per_step=True)
    if verb == "restart":
        RunRow.objects.filter(pk=run.pk).update(status="running", active_count=1)
    MOOD["fails"] = False
    return run.refresh()


def world() -> tuple[Any, ...]:
    """Return all that a refused verb must leave as it is."""
    runs = RunRow.objects.order_by("pk").values_list(
        "run_id", "status", "revision", "timeline", "event_seq"
    )
    said = ScheduleRow.objects.order_by("pk").values_list("pk", "status", "last_run_id")
    return tuple(runs), tuple(said), Action.objects.count()


# The doors.


def by_page(client: Client, verb: str, run: Run, row: ScheduleRow) -> int:
    """Do it in the browser; return the status of the answer."""
    name, _, past = verb.partition(" ")
    if name in {"fork", "time-travel"}:
        return travel(client, run, in_place=name == "time-travel", is_past=bool(past))
    if name in {"start", "create-schedule"}:
        return start(client, run, is_planned=name != "start")
    if name.endswith("-schedule"):
        op = name.partition("-")[0]
        return client.post(f"/schedules/{row.pk}/{op}/", {"op": op}).status_code
    if name == "resume":
        (asked,) = row_of(run).steps.filter(status="suspended", kind="step")
        address = f"/runs/{run.run_id}/answer/{asked.suspension}/"
        return client.post(address, {"tab": "form", "data": "true", "op": "send"}).status_code
    return client.post(f"/runs/{run.run_id}/{name}/", {"op": name}).status_code


def travel(client: Client, run: Run, *, in_place: bool, is_past: bool) -> int:
    target = "end" if is_past else "ask"
    changed = '{"ask": 1, "breaks": 1}' if is_past else "{}"
    given = {"ask": {"output": 1}, "breaks": {"output": 1}} if is_past else None
    token = run.plan_time_travel(target, context=given).token
    form = {"from": target, "changed": changed, "mode": "here" if in_place else "new"}
    address = f"/runs/{run.run_id}/time-travel/"
    return client.post(address, {**form, "token": token, "op": "start"}).status_code


def start(client: Client, run: Run, *, is_planned: bool) -> int:
    address = f"/workflows/{closed.id}/start/"
    form = {"tab": "json", "json": "1", "op": "send", "run_key": run.run_id}
    if not is_planned:
        return client.post(address, form).status_code
    form |= {"when": "cron", "data.~when.cron": "0 6 * * *", "data.~when.timezone": "UTC"}
    form["data.~when.overlap"] = "allow"
    seen = client.post(address, form)
    found = re.search(r'name="planned" value="([^"]+)"', seen.content.decode())
    if seen.status_code != 200 or found is None:
        return seen.status_code
    return client.post(address, {**form, "planned": found[1]}).status_code


def by_admin(client: Client, verb: str, run: Run, row: ScheduleRow) -> int:
    """Choose the run in the admin and confirm."""
    chosen = {"action": verb, "op": verb, "_selected_action": [run.pk]}
    return client.post("/admin/workflows_app/run/", chosen).status_code


def by_python(user: User, verb: str, run: Run, row: ScheduleRow) -> int:
    """Call the verb with the person as its actor."""
    try:
        call(user, verb, run)
    except errors.NotPermitted:
        return 403
    return 200


def call(user: User, verb: str, run: Run) -> None:
    given = {"ask": {"output": 1}, "breaks": {"output": 1}}
    doings: dict[str, Any] = {
        "start": lambda: run.start(1, actor=user),
        "resume": lambda: run.resume(True, actor=user),
        "fork": lambda: run.fork("ask", actor=user),
        "time-travel": lambda: run.time_travel("ask", actor=user),
        "fork past": lambda: run.fork("end", actor=user, context=given),
        "time-travel past": lambda: run.time_travel("end", actor=user, context=given),
        "pause-schedule": lambda: closed.schedules()[0].pause(actor=user),
        "unpause-schedule": lambda: closed.schedules()[0].unpause(actor=user),
        "trigger-schedule": lambda: closed.schedules()[0].run_now(actor=user),
        "create-schedule": lambda: schedules.make(
            closed, Schedule("0 7 * * *", id="by-hand"), actor=user
        ),
    }
    doing = doings.get(verb) or (lambda: acting.perform(verb, run, actor=user, door="python"))
    doing()


DOORS: dict[str, Any] = {"page": by_page, "admin": by_admin, "python": by_python}
CASES = [(door, verb) for door, verbs in
         (("page", PAGES), ("admin", ADMIN), ("python", PYTHON)) for verb in verbs]  # fmt: skip


@pytest.mark.parametrize(("door", "verb"), CASES)
def test_each_door_lets_in_whom_the_table_lets_in(user, kind, browser, door, verb):
    run = prepared(verb)
    row = ScheduleRow.objects.get(pk=closed.schedules()[0].id)
    if verb == "unpause-schedule":
        schedules.pause(row.pk, "", clock.now())
    before = world()

    status = DOORS[door](user if door == "python" else browser, verb, run, row)

    did = world() != before
    assert did == may(kind, verb, door), status
    assert status < 500
    if not did:
        assert status in ({200, 302} if door == "admin" else {403})


# What the pages say of it.


@pytest.fixture
def outsider(person) -> Client:
    """Somebody with every permission of an action, and in no group."""
    names = {action.permission for action in actions.ACTIONS.values()} | {
        action.permission for action in actions.SCHEDULE_ACTIONS.values()
    }
    _, client = person("view_run", *(name.partition(".")[2] for name in names))
    made: Client = client
    return made


CLOSED = "Only members of the group “closed” may do this."
ASKED = "Only members of the group “askers” may do this."


def test_pages_say_why_an_act_is_not_for_this_person(outsider):
    run = prepared("resume")
    row = closed.schedules()[0]
    (asked,) = row_of(run).steps.filter(status="suspended", kind="step")

    for address in (
        f"/runs/{run.run_id}/",
        *(f"/runs/{run.run_id}/{name}/" for name in acting.ACTS),
        f"/runs/{run.run_id}/time-travel/?from=ask",
        f"/workflows/{closed.id}/",
        f"/workflows/{closed.id}/start/",
        "/workflows/",
        f"/schedules/{row.id}/",
        f"/schedules/{row.id}/pause/",
        f"/schedules/{row.id}/trigger/",
    ):
        assert CLOSED in outsider.get(address).content.decode(), address
    for address in (
        f"/inbox/?tab=all&item={asked.suspension}",
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/answer/{asked.suspension}/",
    ):
        assert ASKED in outsider.get(address).content.decode(), address
    assert str(asked.suspension) not in outsider.get("/inbox/?tab=open").content.decode()


def test_the_list_of_runs_offers_no_act_that_the_workflow_refuses(outsider, pages):
    run = prepared("resume")

    assert f"/runs/{run.run_id}/cancel/" in pages.get("/runs/").content.decode()
    assert f"/runs/{run.run_id}/cancel/" not in outsider.get("/runs/").content.decode()


def test_the_recent_inputs_are_for_those_who_may_start(outsider, pages):
    prepared("resume")
    closed.create_run().start({"a": 2})
    address = f"/workflows/{closed.id}/start/"

    assert "Recent inputs" in pages.get(address).content.decode()
    assert "Recent inputs" not in outsider.get(address).content.decode()


def test_the_travel_page_says_which_step_is_gone_past_and_who_may(person):
    run = prepared("resume")
    address = f"/runs/{run.run_id}/time-travel/"
    _, client = person("view_run", "start_run", "steer_run", groups=("closed",))
    form = {"from": "end", "changed": '{"ask": 1, "breaks": 1}', "mode": "here"}

    page = client.post(address, {**form, "op": "plan"}).content.decode()
    plain = client.get(f"{address}?from=ask").content.decode()

    says = "Answering step &#x27;ask&#x27; needs membership of the group"
    assert says in page
    assert 'value="start" disabled' in page
    assert says not in plain
    assert 'value="start">' in plain


def test_the_admin_says_of_each_run_why_it_is_refused(outsider, user):
    del user
    run = prepared("cancel")
    staff = User.objects.get(pk=outsider.session["_auth_user_id"])
    staff.is_staff = True
    staff.save()

    page = outsider.post(
        "/admin/workflows_app/run/", {"action": "cancel", "_selected_action": [run.pk]}
    ).content.decode()

    assert CLOSED in page
    assert row_of(run).status == "suspended"
