"""Rights on one workflow are none on another: ids of a closed one, in every place that takes an id.

Whoever comes may do everything in the open workflow. What they name belongs to the closed one, by
itself or beside a run of the open one.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.integration.doors import by_admin, by_api, by_page, by_socket, by_terminal, table, world
from tests.integration.doors.table import CLOSED, OPEN, ROWS
from tests.integration.doors.world import Subject, Visitor
from workflows_app.api.client import operations
from workflows_app.api.client import urls as _urls  # noqa: F401 - registers them all
from workflows_app.models import Run, StepSnapshot

#: Every permission, and the group of the closed workflow's step, but not the workflow's own; and a
#: token of somebody who may do all, for the open workflow alone.
OUTSIDERS: Final = ("operator who asks", "token for the open workflow")
#: They may do all, so that only the address is wrong.
INSIDERS: Final = ("superuser", "token for all")


@pytest.fixture
def open_(db) -> Subject:
    return world.made(OPEN)


@pytest.fixture
def closed(db) -> Subject:
    return world.made(CLOSED)


def comer(name: str) -> Visitor:
    return world.visitor(table.KINDS[name])


def step_of(subject: Subject, row: str = "resume") -> StepSnapshot:
    return StepSnapshot.objects.get(run__run_id=subject.runs[row].run_id, path="ask")


def tells_nothing(text: str, closed: Subject) -> None:
    """Check that somebody to whom a workflow is not there learns nothing of it."""
    assert closed.value not in text
    assert closed.flow.id not in text


# The API.


def mixed_bodies(open_: Subject, closed: Subject) -> list[tuple[str, str, Any]]:
    ours, theirs = open_.runs, closed.runs
    run, step = ours["resume"].run_id, step_of(closed)
    travel = {"step": "ask", "plan": closed.plans["time-travel"]}
    return [
        ("POST", f"/workflows/{OPEN.workflow}/runs", {"run_id": theirs["start"].run_id}),
        (
            "POST",
            f"/workflows/{OPEN.workflow}/runs",
            {"run_id": theirs["start"].run_id, "start": False},
        ),
        ("POST", f"/runs/{run}/resume", {"suspension": closed.questions["resume"]}),
        ("POST", f"/runs/{ours['time-travel'].run_id}/time-travel", travel),
        ("POST", f"/runs/{ours['fork'].run_id}/fork", {**travel, "plan": closed.plans["fork"]}),
        ("GET", f"/runs/{run}/values/{step.pk}.payload", None),
        ("GET", f"/runs/{run}/values/{step.pk}.suspend_payload", None),
        ("POST", f"/runs/{theirs['time-travel'].run_id}/time-travel/plan", {"step": "ask"}),
        ("POST", f"/inbox/{closed.questions['resume']}/answer", {"resume_data": True}),
        ("POST", f"/inbox/{closed.questions['resume']}/put-off", {"until": "2100-01-01T00:00Z"}),
        ("GET", f"/runs/{theirs['rerun'].run_id}/events", None),
        ("GET", f"/runs/{theirs['rerun'].run_id}/result", None),
        ("GET", f"/runs/{theirs['rerun'].run_id}/values/input", None),
    ]


@pytest.mark.parametrize("name", OUTSIDERS)
def test_the_api_takes_no_id_of_another_workflow(open_, closed, name):
    program = comer(name)
    before = world.state()

    for method, path, body in mixed_bodies(open_, closed):
        answer = by_api.call(program, method, f"/api/v1{path}", body, open_)
        assert answer.status_code in {400, 404, 409}, (method, path, answer.content)
        tells_nothing(answer.content.decode(), closed)

    assert world.state() == before


@pytest.mark.parametrize("name", OUTSIDERS)
def test_no_list_of_the_api_has_another_workflow(open_, closed, name):
    program = comer(name)
    run_id = closed.runs["resume"].run_id

    for path in (
        "/runs?limit=200", f"/runs?workflow={CLOSED.workflow}", f"/runs?run_id={run_id}",
        f"/runs?q={run_id}", "/inbox?put_off=true", f"/inbox?run_id={run_id}", "/schedules",
        "/audit?limit=200", f"/audit?run_id={run_id}", "/workflows",
    ):  # fmt: skip
        answer = by_api.call(program, "GET", f"/api/v1{path}", None, open_)
        assert answer.status_code == 200, (path, answer.content)
        tells_nothing(answer.content.decode(), closed)
        assert run_id not in answer.content.decode()


# The wire of the JavaScript client.


@pytest.mark.parametrize("name", [*OUTSIDERS, *INSIDERS])
def test_the_wire_finds_no_run_under_another_workflow(open_, closed, name):
    program = comer(name)
    body = {"step": "ask", "resumeData": True, "inputData": open_.value}
    asked = [
        (method, route)
        for route, specs in operations._operations.items()
        for method, spec in specs.items()
        if "<str:run_id>" in route or "run_id" in spec.query.model_fields
    ]
    before = world.state()

    for method, route in asked:
        for row in ("start", "resume", "rerun"):
            run_id = closed.runs[row].run_id
            path = route.replace("<str:workflow_id>", OPEN.workflow)
            path = f"/api/{path.replace('<str:run_id>', run_id)}?runId={run_id}"
            answer = by_api.call(program, method, path, None if method == "GET" else body, open_)
            assert answer.status_code in {404, 409}, (method, path, answer.content)
            if name in OUTSIDERS:
                tells_nothing(answer.content.decode(), closed)

    assert len(asked) > 15
    assert world.state() == before


@pytest.mark.parametrize("name", OUTSIDERS)
def test_no_list_of_the_wire_has_another_workflow(open_, closed, name):
    program = comer(name)

    for path in ("/workflows", "/workflows/run-counts", "/schedules"):
        answer = by_api.call(program, "GET", f"/api{path}", None, open_)
        assert answer.status_code == 200
        tells_nothing(answer.content.decode(), closed)


# The pages.


def crossed_forms(open_: Subject, closed: Subject) -> list[tuple[str, Any]]:
    ours, pending = open_.runs, closed.runs["start"].run_id
    asked, step = closed.questions["resume"], step_of(closed)
    home = f"/runs/{ours['resume'].run_id}"
    answer = {"tab": "form", "data": "true", "op": "send"}
    travel, fork = (by_page.travel(row, closed.plans[row]) for row in ("time-travel", "fork"))
    fork_of_ours = by_page.travel("fork", open_.plans["fork"])
    trigger = open_.schedules["trigger-schedule"].pk
    return [
        (f"{home}/answer/{asked}/", None),
        (f"{home}/answer/{asked}/", answer),
        (f"{home}/raw/{step.pk}/payload/", None),
        (f"{home}/raw/{step.pk}/suspend_payload/", None),
        (f"{home}/values/{step.pk}/payload/", None),
        (f"{home}/?question={asked}", None),
        (f"/workflows/{OPEN.workflow}/start/?from={closed.runs['rerun'].run_id}", None),
        (f"/workflows/{OPEN.workflow}/start/?run={pending}", None),
        (f"/workflows/{OPEN.workflow}/start/", by_page.start(open_, pending)),
        (f"/runs/{ours['rerun'].run_id}/rerun/", {"op": "rerun", "run_key": pending}),
        (f"/runs/{ours['time-travel'].run_id}/time-travel/", travel),
        (f"/runs/{ours['fork'].run_id}/time-travel/", fork),
        (f"/runs/{ours['fork'].run_id}/time-travel/", {**fork_of_ours, "run_key": pending}),
        (f"/schedules/{trigger}/trigger/", {"op": "trigger", "run_key": pending}),
        *(
            (f"/inbox/{asked}/{verb}/", {"op": verb, "holder": "1"})
            for verb in ("claim", "release", "take-over")
        ),
    ]


@pytest.mark.parametrize("name", [OUTSIDERS[0], INSIDERS[0]])
def test_a_page_takes_no_id_of_another_workflow(open_, closed, name):
    browser = comer(name).browser
    before = world.state()

    for path, form in crossed_forms(open_, closed):
        if name in INSIDERS and path.startswith("/inbox/"):
            continue  # nothing is crossed
        answer = browser.get(path) if form is None else browser.post(path, form)
        assert answer.status_code < 500, path
        # The form of a start is refused with what was typed in it, which is ours.
        assert closed.value not in answer.content.decode(), path

        assert world.state() == before, path


def test_a_question_of_another_workflow_is_not_shown_in_the_inbox_to_answer(open_, closed):
    browser = comer(OUTSIDERS[0]).browser

    page = browser.get("/inbox/?tab=open").content.decode()

    assert open_.questions["resume"] in page
    assert closed.questions["resume"] not in page


# The terminal and the admin.


def test_the_terminal_takes_no_id_of_another_workflow(open_, closed):
    person = comer(OUTSIDERS[0])
    pending, asked = closed.runs["start"].run_id, closed.questions["resume"]
    before = world.state()

    for words in (
        ["start", OPEN.workflow, "--run-id", pending, "--input", "1"],
        ["resume", open_.runs["resume"].run_id, "--suspension", asked, "--data", "true"],
        ["answer", asked, "--data", "true"],
    ):
        code, out = by_terminal.call(person, *words)
        assert code in {4, 5}, (words, out)
        assert closed.value not in out

    assert world.state() == before


def test_the_admin_acts_on_those_of_the_chosen_runs_that_are_ours(open_, closed):
    browser = comer(OUTSIDERS[0]).browser
    rows = sorted(set(ROWS) - set(by_admin.NOT_OFFERED) - table.LOOKS)
    before = of_workflow(closed)

    for row in rows:
        had = of_workflow(open_)
        pks = [subject.runs[row].pk for subject in (open_, closed)]
        browser.post(by_admin.LIST, {"action": row, "op": row, "_selected_action": pks})
        assert of_workflow(open_) != had, row

    assert rows
    assert of_workflow(closed) == before


def of_workflow(subject: Subject) -> list[Any]:
    runs = Run.objects.filter(workflow=subject.flow.id).order_by("pk")
    return list(runs.values_list("pk", "status", "revision"))


# Live connections.


@pytest.mark.django_db(transaction=True)
def test_a_live_connection_to_one_run_draws_no_part_of_another():
    ours, theirs = world.made(OPEN).runs["rerun"], world.made(CLOSED).runs["rerun"]
    visitor = comer(INSIDERS[0])

    drawn, not_drawn = (
        by_socket.first(
            visitor,
            f"/ws/runs/{ours.run_id}/",
            json.dumps({"look": f"/runs/{looked_at.run_id}/", "shown": 0}),
        )["text"]
        for looked_at in (ours, theirs)
    )

    assert ours.run_id in json.loads(drawn)["html"]
    assert json.loads(not_drawn)["html"] is None
