"""The page of one run: what it shows, to whom, and at what cost."""

import json
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.graph import graphs
from dashboard.run import gathering, records
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Run, StepSnapshot, Worker, Workflow, WorkflowVersion


def page_of(client, run, **headers):
    return client.get(f"/runs/{run.run_id}/", headers=headers)


def test_a_suspended_run_shows_its_question_its_form_and_who_started_it(pages, ana):
    run = flows.approval.create_run()
    run.start({"title": "Desk", "amount": 700}, actor=ana)

    page = page_of(pages, run).content.decode()

    assert "manager is asking: May Desk be paid?" in page
    assert 'name="data.approved"' in page
    assert str(question_of(run).suspension) in page
    assert "by ana" in page
    assert "Cancel run" in page


def test_the_arm_that_a_branch_did_not_take_says_so_at_once(pages):
    run = row_of(started())
    page = gathering.page_for(run, pages.get("/runs/").wsgi_request.user)

    assert page.statuses == {
        "check": "success",
        "branch-1": "suspended",
        "manager": "suspended",
        "small": "untaken",
        "pay": "pending",
    }


def test_a_failed_run_says_why_and_where_and_trusts_no_markup(pages):
    run = started(title="break")

    page = page_of(pages, run).content.decode()

    assert "ValueError" in page
    assert "The &lt;b&gt;bank&lt;/b&gt; said no." in page
    assert "<b>bank</b>" not in page
    assert "flows.py" in page


def test_a_finished_run_shows_input_and_result(pages):
    page = page_of(pages, started(amount=5)).content.decode()

    assert '<span class="key">paid</span>: <span class="value" data-kind="boolean">true<' in page
    assert '<span class="key">amount</span>: <span class="value" data-kind="number">5<' in page
    assert "Run again" in page


def test_script_gets_the_part_that_changes_and_no_more(pages):
    part = page_of(pages, started(), **{"HX-Request": "true"}).content.decode()

    assert part.lstrip().startswith('<div id="live"')
    assert "<html" not in part


def test_a_run_page_asks_the_database_a_handful_of_times_however_many_steps_there_are(
    pages, django_assert_max_num_queries
):
    run = row_of(started())
    page_of(pages, run)
    with django_assert_max_num_queries(14):
        page_of(pages, run)
    steps = StepSnapshot.objects.filter(run=run)
    for number in range(40):
        step = steps.first()
        step.pk, step.path, step.base_path = None, f"more-{number}", "pay"
        step.save(force_insert=True)

    with django_assert_max_num_queries(14):
        page_of(pages, run)


def test_a_large_payload_is_cut_and_can_be_had_whole(pages):
    run = started(flows.open_flow, note="y" * 50_000)

    page = page_of(pages, run).content.decode()
    raw = pages.get(f"/runs/{run.run_id}/raw/input/")

    assert len(page) < 60_000
    assert "50,000 characters" in page
    assert json.loads(raw.content)["note"] == "y" * 50_000
    assert raw.headers["Content-Type"].startswith("application/json")


def test_the_payloads_of_steps_can_be_had_as_they_are(pages):
    run = started(amount=5, note="z" * 3000)
    step = row_of(run).steps.get(path="pay")

    for field in ("payload", "output", "error"):
        raw = pages.get(f"/runs/{run.run_id}/raw/{step.pk}/{field}/")
        assert raw.status_code == 200
        json.loads(raw.content)
    assert pages.get(f"/runs/{run.run_id}/raw/{step.pk}/worker/").status_code == 404
    assert pages.get(f"/runs/other/raw/{step.pk}/output/").status_code == 404


def test_the_polling_twin_gives_the_events_after_a_number_without_a_gap(pages):
    run = started()
    last = row_of(run).event_seq

    first = pages.get(f"/runs/{run.run_id}/events/?after=0").json()
    rest = pages.get(f"/runs/{run.run_id}/events/?after=5").json()
    none = pages.get(f"/runs/{run.run_id}/events/?after={last}").json()

    assert [event["seq"] for event in first["events"]] == list(range(1, last + 1))
    assert [event["seq"] for event in rest["events"]] == list(range(6, last + 1))
    assert none["events"] == []
    assert first["seq"] == none["seq"] == last


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "٣"])
def test_a_strange_number_gives_all_events_and_no_error(pages, after):
    run = started(flows.open_flow)

    assert pages.get(f"/runs/{run.run_id}/events/", {"after": after}).status_code == 200


def test_the_log_page_goes_back_to_the_first_event(pages):
    run = started()

    page = pages.get(f"/runs/{run.run_id}/log/?before=3").content.decode()

    assert "workflow-start" in page
    assert 'id="event-3"' not in page


def test_a_run_that_does_not_exist_is_a_friendly_404(pages):
    answer = pages.get("/runs/nope/")

    assert answer.status_code == 404
    assert "There is no run with the id “nope”" in answer.content.decode()


def test_a_pending_run_has_a_page(pages):
    run = flows.approval.create_run()

    assert page_of(pages, run).status_code == 200


def test_the_run_id_of_somebody_is_shown_as_text(pages):
    flows.open_flow.create_run(run_id="a:b.c-d_e").start({"x": "<script>"})

    page = page_of(pages, Run.objects.get()).content.decode()

    assert "<script>&quot;" not in page
    assert "&lt;script&gt;" in page


def test_a_run_that_is_being_canceled_says_what_still_happens(pages):
    run = row_of(started())
    Run.objects.filter(pk=run.pk).update(
        status="running",
        cancel_requested_at=timezone.now() - timedelta(seconds=30),
        canceled_by="ana",
    )

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert "This run is being canceled." in page
    assert 'data-status="canceling"' in page
    assert re.search(r"Asked by ana <time [^>]*data-ago>30 s ago</time>", page)
    assert "This run is being canceled already" in page


def test_a_step_whose_worker_is_silent_says_so(pages):
    run = row_of(started())
    long_ago = timezone.now() - timedelta(hours=1)
    worker = Worker.objects.create(
        host="h", pid=1, mode="embedded", started_at=long_ago, heartbeat_at=long_ago
    )
    run.steps.filter(path="check").update(status="running", worker=worker)

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert "No sign of life from the worker that runs check." in page


def test_a_run_with_very_many_steps_shows_some_and_says_how_many_it_hides(pages, monkeypatch):
    monkeypatch.setattr(records, "MOST_CARDS", 2)

    run = started(amount=5)
    page = page_of(pages, run).content.decode()
    asking = page_of(pages, started()).content.decode()

    left = len(graphs.of_version(row_of(run).version_id).entries) - 2
    assert f"{left} more entries of the graph are not listed" in page
    assert "is asking" in asking  # what asks for attention comes along


def test_a_run_whose_code_is_gone_is_drawn_from_the_version_that_ran(pages):
    run = row_of(started())
    Workflow.objects.create(id="gone-for-good")
    version = WorkflowVersion.objects.create(
        workflow_id="gone-for-good", hash="x", graph={**run.version.graph, "id": "gone-for-good"}
    )
    Run.objects.filter(pk=run.pk).update(workflow="gone-for-good", version=version)

    assert pages.get(f"/runs/{run.run_id}/").status_code == 200
    page = pages.get("/workflows/gone-for-good/").content.decode()
    assert "The code of this workflow is not in this process" in page
    assert pages.get("/workflows/").status_code == 200
    answer = pages.post(f"/runs/{run.run_id}/cancel/", follow=True).content.decode()
    assert "gone-for-good" in answer


def test_a_foreach_shows_its_counts_and_a_question_says_which_item_it_is_about(pages):
    run = flows.items.create_run()
    run.start(list(range(7)))

    page = page_of(pages, run).content.decode()

    assert "each[3] (item 4 of 7) is asking: Item 3 is large" in page
    assert page.index("each[0] (item 1") < page.index("each[6] (item 7")
    assert "each item, 100 at a time" in page
    assert "4 success" in page
    assert "3 suspended" in page
    for question in run.suspended_steps():
        run.resume("yes", suspension=question["suspension"])
    page = page_of(pages, run).content.decode()
    assert "again until True" in page
    assert "7 success" in page


def test_the_page_costs_the_same_for_ten_items_and_for_hundreds(
    pages, django_assert_max_num_queries
):
    for count in (10, 200):
        run = flows.items.create_run()
        run.start(list(range(1, count, 3)) + list(range(2, count, 3)))
        with django_assert_max_num_queries(16):
            page = page_of(pages, run).content.decode()
        assert page.count('<li id="step-') <= 300


def test_a_step_that_no_worker_has_code_for_says_so(pages):
    run = flows.items.create_run()
    run.start([3])
    StepSnapshot.objects.filter(run=run.pk, path="each[0]").update(
        status="queued", unknown_since=timezone.now()
    )
    page = page_of(pages, run).content.decode()
    assert "No worker has this version of the code for each[0]" in page


def test_a_step_whose_queue_nobody_serves_says_so(pages):
    run = flows.items.create_run()
    run.start([3])
    long_ago = timezone.now() - timedelta(minutes=1)
    steps = StepSnapshot.objects.filter(run=run.pk, path="each[0]")
    steps.update(status="queued", queue="gpu", queued_at=long_ago)
    Worker.objects.all().delete()
    now = timezone.now()
    Worker.objects.create(host="h", pid=1, mode="distributed", queues=["default"],
                          started_at=now, heartbeat_at=now)  # fmt: skip
    page = page_of(pages, run).content.decode()
    assert "No living worker serves the queue gpu, so each[0] waits." in page

    Worker.objects.update(queues=["default", "gpu"])
    assert "serves the queue" not in page_of(pages, run).content.decode()
