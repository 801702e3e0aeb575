"""A wait for the next attempt is shown as waiting; and what a run or step took, means one thing."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.status import standing
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Run, RunEvent, StepSnapshot

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def failed_once(path="check", **values):
    """Return a run of which one step failed ten minutes ago, and is tried again in an hour."""
    run = started(amount=5)
    now = timezone.now()
    begun = now - 20 * MINUTE
    row = row_of(run)
    row.steps.exclude(path=path).delete()
    row.steps.filter(path=path).update(
        **{"status": "queued", "retry_count": 1, "wake_at": now + HOUR, "queued_at": begun}
        | {"started_at": begun, "ended_at": None, "worker_id": None} | values
    )  # fmt: skip
    RunEvent.objects.filter(run=row.pk).update(at=begun)
    event = {
        "type": "workflow-step-retry",
        "payload": {
            "path": path, "retry_count": 1, "next_attempt_at": (now + HOUR).isoformat(),
            "error": {"type": "Refused", "message": "not now"},
        },
    }  # fmt: skip
    RunEvent.objects.filter(run=row.pk, first_seq__gt=2).delete()
    RunEvent.objects.create(
        run=row, first_seq=3, last_seq=3, at=begun + 10 * MINUTE, events=[event]
    )
    Run.objects.filter(pk=row.pk).update(
        status="running",
        ended_at=None,
        settled_at=None,
        started_at=begun,
        event_seq=3,
        active_count=1,
    )
    return run


def read(pages, address: str) -> str:
    return str(pages.get(address).content.decode())


def status_in(html: str) -> str:
    return str(re.findall(r'class="status" data-status="(\w+)"', html)[0])


def test_the_page_of_a_run_shows_it_and_its_step_as_waiting(pages):
    run = failed_once()

    page = read(pages, f"/runs/{run.run_id}/")

    assert status_in(page.partition("<h1>")[2]) == "waiting"
    card = page.partition('<li id="step-check"')[2].partition("</li>")[0]
    assert card.startswith(' class="step" data-status="waiting"')
    assert status_in(card) == "waiting"
    assert "until " in card
    node = re.search(r'<a class="node" href="#step-check"[^>]*data-status="(\w+)"', page)
    assert node[1] == "waiting"
    assert 'data-title="Approval waiting' in page
    assert "<dt>Waiting</dt>" in page


def test_the_timeline_has_a_part_of_its_own_for_the_wait(pages):
    run = failed_once()

    page = read(pages, f"/runs/{run.run_id}/?tab=timeline")
    row = page.partition('<li class="time-row" id="time-')[2].partition("</li>")[0]

    kinds = re.findall(r'data-kind="(\w+)"', row)
    assert kinds == ["run", "wait"]
    assert "ran 600.000 s" in row
    assert re.search(r"waited for its next attempt (59\d|60\d)\.", row)
    assert status_in(row) == "waiting"
    assert "data-since" not in row
    assert '<li data-kind="wait">waits for its next attempt</li>' in page


def test_a_step_that_was_tried_again_shows_the_wait_between_its_attempts(pages):
    run = failed_once()
    now = timezone.now()
    row_of(run).steps.filter(path="check").update(
        status="success", ended_at=now + HOUR + MINUTE, wake_at=None
    )
    Run.objects.filter(run_id=run.run_id).update(status="success", ended_at=now + HOUR + MINUTE)

    row = read(pages, f"/runs/{run.run_id}/?tab=timeline").partition('id="time-')[2]

    assert re.findall(r'data-kind="(\w+)"', row.partition("</li>")[0]) == ["run", "wait", "run"]


def test_the_page_of_the_step_says_until_when_and_counts_no_further(pages):
    run = failed_once()

    page = read(pages, f"/runs/{run.run_id}/steps/check/")

    assert status_in(page.partition("<h1>")[2]) == "waiting"
    assert "<dt>Next attempt</dt>" in page
    assert '<dt>Waited between attempts</dt><dd><span class="num">10 min' in page
    assert "Since its start" not in page


def test_a_list_of_runs_shows_it_as_waiting_since_the_attempt_failed(pages):
    run = failed_once()

    page = read(pages, "/runs/?status=waiting")
    row = page.partition(f'data-run="{row_of(run).pk}"')[2].partition("</tr>")[0]

    assert status_in(row) == "waiting"
    assert "attempt 2" in row
    assert '10 min 0 s</span> <span class="faint nowrap">then waiting' in row


def test_what_is_ready_or_runs_beside_it_counts_more(pages):
    run = failed_once()
    row = row_of(run)
    step = row.steps.get(path="check")
    step.pk, step.path, step.status, step.wake_at = step.pk + 1, "small", "running", None
    step.retry_count = 0
    step.save(force_insert=True)

    assert status_in(read(pages, f"/runs/{run.run_id}/").partition("<h1>")[2]) == "running"
    assert status_in(read(pages, "/runs/").partition("data-run=")[2]) == "running"


@pytest.mark.parametrize(
    "values",
    [
        {"wake_at": None},
        {"retry_count": 0},
        {"unknown_since": timezone.now()},
        {"status": "running"},
    ],
)
def test_only_a_failed_attempt_whose_next_has_not_come_is_waited_for(pages, values):
    failed_once(**values)

    assert not standing.is_between_attempts(StepSnapshot.objects.get(path="check"))


def test_playback_shows_the_wait_as_it_was(pages):
    run = failed_once()
    row = row_of(run)
    now = timezone.now()
    row.steps.filter(path="check").update(status="success", ended_at=now, wake_at=None)
    event = {"type": "workflow-step-result", "payload": {"path": "check", "status": "success"}}
    RunEvent.objects.create(run=row, first_seq=4, last_seq=4, at=now, events=[event])
    Run.objects.filter(pk=row.pk).update(event_seq=4)

    page = read(pages, f"/runs/{run.run_id}/?at=3")

    assert 'id="step-check" class="step" data-status="waiting"' in page
    assert status_in(page.partition("<h1>")[2]) == "waiting"


# Took: without the time in which it waited for people.


def answered_late():
    """Return a run that ran for two minutes in all and waited three days for an answer."""
    run = started()
    step = question_of(run)
    run.resume({"approved": True})
    row = row_of(run)
    begun = timezone.now() - timedelta(days=4)
    asked, answered = begun + MINUTE, begun + timedelta(days=3)
    end = answered + MINUTE
    row.steps.update(queued_at=begun, started_at=begun, ended_at=begun)
    row.steps.filter(pk=step.pk).update(suspended_at=asked, resumed_at=answered, ended_at=end)
    row.steps.filter(kind="branch").update(ended_at=end)
    for log in RunEvent.objects.filter(run=row.pk):
        kinds = {event["type"] for event in log.events}
        at = begun if log.first_seq < 6 else end
        at = asked if "workflow-step-suspended" in kinds else at
        at = answered if "workflow-resumed" in kinds else at
        RunEvent.objects.filter(pk=log.pk).update(at=at)
    Run.objects.filter(pk=row.pk).update(
        started_at=begun, ended_at=end, settled_at=end, idle=answered - asked
    )
    return run


def test_took_means_the_same_in_lists_on_pages_and_in_comparisons(pages):
    run = answered_late()
    words = "2 min 0 s"

    listed = read(pages, "/runs/").partition('data-label="Took"')[2].partition("</td>")[0]
    of_run = read(pages, f"/runs/{run.run_id}/?tab=timeline")
    card = of_run.partition('id="step-manager"')[2].partition("</summary>")[0]
    time = of_run.partition(">manager</a>")[2].partition("</li>")[0].partition("time-end")[2]
    step = read(pages, f"/runs/{run.run_id}/steps/manager/")
    compared = read(pages, f"/runs/compare/?a={run.run_id}&b={started(amount=5).run_id}&only=0")
    side = compared.partition("<dt>Took</dt>")[2].partition("</dd>")[0]
    row = compared.partition('id="at-manager"')[2].partition("</tbody>")[0]

    assert words in listed
    assert words in card
    assert words in time
    assert words in step.partition("<dt>Took</dt>")[2].partition("</dd>")[0]
    assert '<dt>Waited for answers</dt><dd><span class="num">2 d 23 h' in step
    assert words in side
    assert words in row.partition('data-label="A took"')[2].partition("</td>")[0]


def test_compare_counts_no_time_in_which_a_run_still_waits_for_people(pages):
    run = started()
    row = row_of(run)
    begun = timezone.now() - timedelta(days=4)
    Run.objects.filter(pk=row.pk).update(started_at=begun, settled_at=begun + MINUTE)

    page = read(pages, f"/runs/compare/?a={run.run_id}&b={started(amount=5).run_id}")

    assert "<dt>Took so far</dt>" in page
    assert '1 min 0 s</span> <span class="faint nowrap">then waiting' in page


def test_an_earlier_timeline_took_until_it_ended_not_until_it_was_left(pages):
    run = started(flows.approval, title="break")
    row = row_of(run)
    begun = timezone.now() - timedelta(days=4)
    Run.objects.filter(pk=row.pk).update(started_at=begun, timeline_started_at=begun)
    RunEvent.objects.filter(run=row.pk).update(at=begun + MINUTE)
    run.refresh()
    run.retry()

    page = read(pages, f"/runs/compare/?a={run.run_id}&at=1&b={run.run_id}&bt=2")

    assert "1 min 0 s" in page.partition("<dt>Took</dt>")[2].partition("</dd>")[0]
