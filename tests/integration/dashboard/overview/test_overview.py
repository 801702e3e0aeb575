"""The overview: the first page."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.lists.filters import first_key
from dashboard.overview import page as overview_page
from dashboard.overview import sparks
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Run, Schedule, StepSnapshot, Worker, Workflow


def page_at(pages, address="/"):
    return pages.get(address).content.decode()


def test_an_empty_installation_shows_three_steps(pages):
    page = page_at(pages)

    assert "Three steps to your first run" in page
    assert "python manage.py worker --processes 2 --threads 8" in page
    assert "WORKFLOWS_MODULES=shop.workflows" in page


def test_what_needs_the_person_comes_first_and_what_they_claimed_before_it(pages):
    first, second = started(), started(title="Chair")
    pages.post(f"/inbox/{question_of(second).suspension}/claim/")

    page = page_at(pages)

    assert page.index("May Chair be paid?") < page.index("May Desk be paid?")
    assert f"?tab=mine&amp;item={question_of(second).suspension}" in page
    assert f"?tab=open&amp;item={question_of(first).suspension}" in page
    assert page.index("Needs you") < page.index("Latest failures")


def test_a_person_who_may_not_answer_is_not_asked(person):
    started()
    _, viewer = person("view_run")

    page = page_at(viewer)

    assert "Needs you" not in page
    assert "Latest failures" in page


def test_runs_are_counted_by_status_in_the_window_of_the_address(db):
    started()
    started(amount=5)
    now = timezone.now()

    counts = overview_page.counts_since(now - timedelta(hours=1), now)

    assert (counts.by_status["suspended"], counts.by_status["success"]) == (1, 1)
    assert counts.total == 2
    later = now + timedelta(seconds=5)
    assert overview_page.counts_since(later, later + timedelta(hours=1)).total == 0


def test_a_tile_draws_when_its_runs_were_created(db):
    now = timezone.now()
    for minutes, runs in ((58, 1), (1, 2)):
        for number in range(runs):
            run = started(amount=5)
            key = first_key(now - timedelta(minutes=minutes)).int + number
            Run.objects.filter(run_id=run.run_id).update(id=uuid.UUID(int=key))

    counts = overview_page.counts_since(now - timedelta(hours=1), now)

    assert counts.sparks["success"] == sparks.path_of([1, *[0] * 22, 2])
    assert counts.sparks["failed"] == ""


def test_tiles_and_slow_workflows_lead_to_lists_of_the_same_window(pages):
    started(amount=5)

    page = page_at(pages, "/?window=7d")

    assert "/runs/?status=success&amp;window=7d" in page
    assert "/runs/?status=failed&amp;window=7d" in page
    assert "/runs/?workflow=pages-approval&amp;window=7d" in page
    assert ">Approval</a>" in page
    assert '<path d="M' in page


def test_a_count_that_reaches_its_limit_says_so(pages, monkeypatch):
    monkeypatch.setattr(overview_page, "MOST_COUNTED", 2)
    for _ in range(3):
        started(amount=5)

    page = page_at(pages)

    assert "2+" in page
    assert "10,000+ runs were created" in page


def test_the_window_is_in_the_address_and_nonsense_means_the_default(pages):
    started()

    assert '?window=7d" aria-current="true"' in page_at(pages, "/?window=7d")
    assert '?window=24h" aria-current="true"' in page_at(pages, "/?window=x")


def test_failures_say_why_and_markup_in_them_stays_text(pages):
    started(title="break")
    Workflow.objects.filter(pk="pages-approval").update(title="<i>Approval</i>")

    page = page_at(pages)

    assert "ValueError: The &lt;b&gt;bank&lt;/b&gt; said no." in page
    assert "&lt;i&gt;Approval&lt;/i&gt;" in page
    assert "<i>" not in page


def test_the_database_finds_the_slowest_workflows(db):
    for seconds in range(1, 101):
        run = row_of(started(flows.open_flow))
        end = run.started_at + timedelta(seconds=seconds)
        Run.objects.filter(pk=run.pk).update(ended_at=end)
    started(amount=5)

    slow, quick = overview_page.slowest_since(timezone.now() - timedelta(hours=1))

    assert (slow.workflow, slow.runs) == ("pages-open", 100)
    assert (slow.p50, slow.p95) == (timedelta(seconds=50), timedelta(seconds=95))
    assert (quick.workflow, quick.runs) == ("pages-approval", 1)
    assert quick.p50 == quick.p95


def a_worker(**values) -> Worker:
    now = timezone.now()
    given = {"host": "h", "pid": 1, "mode": "distributed", "started_at": now, "heartbeat_at": now}
    return Worker.objects.create(**{**given, **values})


def test_a_step_whose_worker_is_silent_is_late(pages):
    run = started()
    hour = timezone.now() - timedelta(hours=1)
    worker = a_worker(heartbeat_at=hour)
    step = question_of(run)
    StepSnapshot.objects.filter(pk=step.pk).update(status="running", worker=worker)

    assert "Step manager runs on a worker that gives no sign of life." in page_at(pages)

    Worker.objects.update(heartbeat_at=timezone.now())
    assert "Stuck or late" not in page_at(pages)


def test_a_queue_that_nobody_serves_is_late(pages):
    run = started()
    hour = timezone.now() - timedelta(hours=1)
    step = question_of(run)
    StepSnapshot.objects.filter(pk=step.pk).update(status="queued", queue="gpu", queued_at=hour)

    assert "serves the queue gpu: 1 step waits." in page_at(pages)

    a_worker(queues=["other"])
    assert "serves the queue gpu" in page_at(pages)

    a_worker(queues=["gpu"])
    assert "serves the queue" not in page_at(pages)


@pytest.mark.parametrize(("overlap", "is_late"), [("skip", True), ("queue", False)])
def test_a_schedule_that_did_not_fire_is_late(pages, overlap, is_late):
    started()
    Schedule.objects.create(
        pk="nightly",
        workflow_id="pages-approval",
        definition={"overlap": overlap},
        hash="x",
        next_fire_at=timezone.now() - timedelta(hours=1),
    )

    assert ("The schedule nightly should have fired" in page_at(pages)) is is_late


def test_the_overview_costs_the_same_however_much_there_is(pages, django_assert_num_queries):
    for _ in range(2):
        started()
        started(title="break")
    page_at(pages)
    with django_assert_num_queries(12):
        page_at(pages)
    for _ in range(30):
        started()
        started(title="break")

    with django_assert_num_queries(12):
        page_at(pages)


def test_script_gets_only_the_part_that_changes(pages):
    started()

    part = pages.get("/?window=1h", headers={"HX-Request": "true"}).content.decode()

    assert 'id="live"' in part
    assert "<html" not in part


def test_strangers_sign_in_first(client):
    assert client.get("/").url == "/sign-in/?next=%2F"
