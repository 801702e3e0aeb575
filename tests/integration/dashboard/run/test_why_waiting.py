"""A run that does not run says why, and offers what fits."""

import html
import re
from datetime import timedelta

from django.utils import timezone

from dashboard.run import notices
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import Workflow, step
from workflows_app.engine.host import ports
from workflows_app.engine.verbs import assignments
from workflows_app.models import Run, StepSnapshot, Worker

SOON = timedelta(seconds=40)


def told(pages, run):
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    part = page.partition('id="notices">')[2].partition("</div>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", part))


def primary(pages, run):
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    part = page.partition('<div class="actions">')[2].partition("<details")[0]
    return re.sub(r"<[^>]+>", "", part).strip()


def put(run, path="check", **values):
    """Let the run go on, with a step of it in another state."""
    Run.objects.filter(run_id=run.run_id).update(status="running", ended_at=None)
    row_of(run).steps.filter(path=path).update(**values)


def served():
    now = timezone.now()
    return Worker.objects.create(host="h", pid=1, mode="distributed", started_at=now,
                                 heartbeat_at=now)  # fmt: skip


def test_a_question_says_who_may_answer_it_and_who_has_claimed_it(pages, ana, person):
    person(groups=("finance",))
    run = started()
    assert "manager waits for an answer: nobody has claimed it; anyone who may" in told(pages, run)

    assignments.claim(question_of(run), ana)

    assert "manager waits for an answer: claimed by ana." in told(pages, run)
    guarded = started(flows.guarded)
    assert "the group finance may answer" in told(pages, guarded)


def test_a_sleep_says_until_when(pages):
    run = started(amount=5)
    put(run, kind="sleep", status="waiting", wake_at=timezone.now() + timedelta(hours=1))

    assert re.search(r"check sleeps until \d{4}-.*, in (59 min|1 h)\.", told(pages, run))


def test_a_retry_says_which_attempt_begins_when(pages):
    flow = Workflow("why-retry").then(step(lambda value: value, id="check", retries=4)).commit()
    run = flow.create_run()
    run.start(1)
    put(run, status="queued", retry_count=2, wake_at=timezone.now() + SOON, ended_at=None)

    said = told(pages, run)

    assert re.search(r"check failed, and attempt 3 of 5 begins .*, in \d\d s\.", said)


def test_a_queued_step_says_how_many_come_before_it(pages):
    served()
    run, other = started(amount=5), started(amount=6)
    long_ago = timezone.now() - timedelta(minutes=1)
    for each in (run, other):
        put(each, status="queued", queued_at=long_ago, started_at=None, ended_at=None)

    assert "check waits for a worker, as the next on the queue default" in told(pages, run)
    assert "behind 1 other on the queue default" in told(pages, other)
    many = [
        StepSnapshot(run_id=row_of(run).pk, path=f"x{number}", base_path="x", kind="step",
                     queued_at=long_ago, timeline=1, id=number + 1)
        for number in range(3)
    ]  # fmt: skip
    StepSnapshot.objects.bulk_create(many)
    assert "behind 4 others" in told(pages, other)
    assert notices.MOST_AHEAD == 1000


def test_a_lost_run_offers_to_be_restarted_first(pages):
    run = started()
    long_ago = timezone.now() - timedelta(hours=1)
    worker = Worker.objects.create(
        host="h", pid=1, mode="embedded", started_at=long_ago, heartbeat_at=long_ago
    )
    put(run, status="running", worker=worker)

    assert "No sign of life" in told(pages, run)
    assert primary(pages, run) == "Restart"
    Worker.objects.update(heartbeat_at=timezone.now())
    assert primary(pages, run) == "Cancel run"


def test_a_paused_and_a_pending_run_say_what_they_wait_for(pages):
    pending = flows.approval.create_run()
    paused = flows.approval.create_run()
    paused.start({"title": "Desk", "amount": 7}, per_step=True)

    assert "nobody has started it" in told(pages, pending)
    assert "Paused before" in told(pages, paused)


def test_the_page_offers_to_end_a_wait_and_does_it(pages):
    run = Workflow("why-nap").sleep(3600).then(step(lambda n: n, id="a")).commit().create_run()
    with ports.holding_back():
        run.start(1, wait=False)
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert f"/runs/{run.run_id}/skip-wait/?step=sleep-1" in page
    says = pages.get(f"/runs/{run.run_id}/skip-wait/?step=sleep-1").content.decode()
    assert "does not understand" not in says
    assert "End this wait now?" in says
    pages.post(f"/runs/{run.run_id}/skip-wait/", {"op": "skip-wait", "step": "sleep-1"})
    assert run.refresh().status != "waiting"
