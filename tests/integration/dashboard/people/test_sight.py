"""What a person may not see: workflows whose permission they lack, and the values of runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.live.consumers import FeedConsumer
from dashboard.values import sight
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import Schedule, Workflow, permissions, step
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run as RunRow

#: A text that stands in no page by itself.
VALUE = "walnut-desk-for-the-archive"


@step
def breaks(value: Any) -> Any:
    raise ValueError("It broke.")


broken = Workflow("sight-broken", title="Broken one", permission="group:starters").then(breaks)
broken.commit()


@pytest.fixture
def hidden(db) -> Any:
    """A run that asks in a workflow for starters alone, one that failed, and a schedule."""
    run = started(flows.guarded, title=VALUE)
    failed = broken.create_run()
    failed.start(VALUE)
    given = {"title": "Desk", "amount": 1}
    schedules.make(flows.guarded, Schedule("0 3 * * *", id="guarded-nightly", input_data=given))
    return run


LISTS = (
    "/", "/?window=7d", "/runs/", "/runs/?status=suspended", "/runs/?workflow=pages-guarded",
    "/inbox/?tab=all", "/inbox/?tab=open", "/inbox/?tab=done", "/schedules/", "/workflows/",
    "/audit/", "/audit/export.csv", "/audit/export.json", "/runs/compare/", "/workers/",
)  # fmt: skip


def said(browser: Any, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


def test_a_workflow_without_its_permission_is_in_no_list(hidden, ana, person):
    hidden.resume({"approved": True}, actor=ana)
    started(flows.guarded, title=VALUE)
    _, outside = person("view_run", "resume_run", "start_run")
    _, inside = person("view_run", "resume_run", groups=("starters", "finance"))

    for path in LISTS:
        page = said(outside, path)
        # The address of a filter is shown again as it came.
        told = page.replace("pages-guarded", "") if "workflow=" in path else page
        for word in ("pages-guarded", "sight-broken", "Broken one", VALUE, hidden.run_id):
            assert word not in told, (path, word)
    seen = "".join(said(inside, path) for path in LISTS)
    for word in ("pages-guarded", "sight-broken", hidden.run_id):
        assert word in seen, word


def test_a_run_of_such_a_workflow_is_not_there(hidden, person):
    run_id, asked = hidden.run_id, question_of(hidden)
    _, outside = person("view_run", "resume_run", "steer_run", "start_run")

    for path in (
        f"/runs/{run_id}/", f"/runs/{run_id}/log/", f"/runs/{run_id}/events/",
        f"/runs/{run_id}/steps/finance/", f"/runs/{run_id}/raw/input/",
        f"/runs/{run_id}/raw/{asked.pk}/payload/", f"/runs/{run_id}/time-travel/",
        f"/runs/{run_id}/graph.svg", f"/runs/{run_id}/answer/{asked.suspension}/",
        f"/inbox/{asked.suspension}/take-over/", "/workflows/pages-guarded/",
        "/workflows/pages-guarded/start/", "/schedules/wf_pages-guarded__guarded-nightly/",
    ):  # fmt: skip
        assert outside.get(path).status_code == 404, path
    # What is searched for by its whole id is found by those who may know of it, and opens.
    assert outside.get(f"/runs/?q={run_id}").status_code == 200
    assert row_of(hidden).status == "suspended"


def test_counts_leave_such_a_workflow_out(hidden, person):
    mine = started()
    somebody, _ = person("view_run")

    with sight.seen_by(somebody):
        seen = sight.rows(RunRow.objects.all())
        assert list(seen.values_list("run_id", flat=True)) == [mine.run_id]
    assert RunRow.objects.count() == 3


def test_a_live_list_is_told_of_no_run_of_such_a_workflow(hidden, person):
    mine = started()
    connection = FeedConsumer()
    connection.person, _ = person("view_run")

    assert connection.is_allowed()
    assert connection._hidden
    assert connection._seen([hidden.pk, mine.pk]) == [mine.pk]


def test_who_may_see_all_pays_for_no_condition(hidden, ana, person):
    rows = RunRow.objects.all()
    member, _ = person("view_run", groups=("starters",))

    assert permissions.visible(ana, rows) is rows
    assert not {"pages-guarded", "sight-broken"} & permissions.hidden_from(member)
    assert permissions.hidden_from(ana) == frozenset()


# Values.


def test_without_the_right_to_values_pages_keep_their_shape_with_locks(person, ana):
    run = started(title=VALUE)
    run.resume({"approved": True, "comment": VALUE}, actor=ana)
    asking = started(title=VALUE)
    step = row_of(run).steps.filter(path="manager").get()
    _, viewer = person("view_run", values=False)

    home = f"/runs/{run.run_id}/"
    for path in (
        home, *(f"{home}?tab={tab}" for tab in ("timeline", "graph", "events", "data", "audit")),
        f"{home}log/", f"{home}steps/manager/", f"{home}values/input/",
        f"{home}values/{step.pk}/payload/", f"{home}?tab=data&at=3", "/runs/", "/inbox/?tab=all",
        "/inbox/?tab=done", "/", "/audit/", f"/runs/{asking.run_id}/",
        f"/runs/compare/?a={run.run_id}&b={asking.run_id}&only=0",
    ):  # fmt: skip
        assert VALUE not in said(viewer, path), path
    assert sight.locked() in said(viewer, home)
    assert sight.locked() in said(viewer, f"/runs/{asking.run_id}/")
    assert sight.LOCK in said(viewer, "/runs/")


def test_without_the_right_to_values_none_are_given_as_files_or_events(person, ana):
    run = started(title=VALUE)
    run.resume({"approved": True, "comment": VALUE}, actor=ana)
    step = row_of(run).steps.filter(path="manager").get()
    _, viewer = person("view_run", "start_run", values=False)
    home = f"/runs/{run.run_id}/"

    for path in (f"{home}raw/input/", f"{home}raw/{step.pk}/payload/"):
        answer = viewer.get(path)
        assert (answer.status_code, VALUE in answer.content.decode()) == (403, False)
    events = json.loads(said(viewer, f"{home}events/"))["events"]
    assert events
    assert VALUE not in json.dumps(events)
    for path in ("/audit/export.csv", "/audit/export.json",
                 f"/workflows/pages-approval/start/?from={run.run_id}"):  # fmt: skip
        assert VALUE not in said(viewer, path)


def test_with_the_right_to_values_they_are_shown(person):
    run = started(title=VALUE)
    _, viewer = person("view_run")

    page = said(viewer, f"/runs/{run.run_id}/")

    assert VALUE in page
    assert sight.LOCK not in page


def test_an_error_is_told_without_what_it_carries(person):
    run = broken.create_run()
    run.start(VALUE)
    _, viewer = person("view_run", groups=("starters",), values=False)

    page = said(viewer, f"/runs/{run.run_id}/")

    assert "It broke." in page
    assert "Traceback" not in page
