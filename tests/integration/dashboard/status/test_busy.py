"""Run time and waiting time are separate, and nothing is called idle while something runs."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.status import busy
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import Workflow, step
from workflows_app.models import Run, RunEvent, StepSnapshot, Timeline

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def shifted(run, length, **wanted):
    """Move the log and the records of a run into the past by this length."""
    row = row_of(run)
    for each in StepSnapshot.objects.filter(run=row, **wanted):
        for name in ("queued_at", "started_at", "ended_at", "suspended_at", "resumed_at"):
            if getattr(each, name):
                setattr(each, name, getattr(each, name) - length)
        each.save()
    for each in RunEvent.objects.filter(run=row):
        RunEvent.objects.filter(pk=each.pk).update(at=each.at - length)
    for name in ("created_at", "started_at", "settled_at", "ended_at"):
        if getattr(row, name):
            setattr(row, name, getattr(row, name) - length)
    row.save()


def facts(page):
    head = page.partition('<dl class="facts">')[2].partition("</dl>")[0]
    return {
        word: re.sub(r"<[^>]+>", "", said).strip()
        for word, said in re.findall(r"<dt>([^<]+)</dt><dd[^>]*>(.*?)</dd>", head, re.DOTALL)
    }


def page_of(pages, run, **query):
    return pages.get(f"/runs/{run.run_id}/", query).content.decode()


def test_a_run_that_waits_for_an_answer_does_not_count_as_running(pages):
    run = started()
    shifted(run, 8 * MINUTE)

    said = facts(page_of(pages, run))

    assert said["Ran"].endswith("ms")
    assert said["Waiting"].startswith("8 min")
    assert "Going for" not in said


def test_a_long_run_that_has_just_stopped_is_looked_at_again(monkeypatch):
    monkeypatch.setattr(busy, "LONG", 0)
    row = row_of(started())
    asked = StepSnapshot.objects.get(run=row, status="suspended")
    StepSnapshot.objects.filter(pk=asked.pk).update(status="running", suspended_at=None)
    row.status, row.event_seq = "running", row.event_seq - 1
    assert busy.of(row).runs_at(timezone.now())

    StepSnapshot.objects.filter(pk=asked.pk).update(
        status="suspended", suspended_at=asked.suspended_at
    )

    assert not busy.of(row_of(row)).runs_at(timezone.now())


def test_an_answered_run_says_how_long_it_ran_and_how_long_it_waited(pages):
    run = started()
    shifted(run, 5 * MINUTE)
    run.resume({"approved": True}, suspension=question_of(run).suspension)

    said = facts(page_of(pages, run))

    assert said["Ran"].endswith("ms")
    assert said["Waited"].startswith("5 min")


def test_the_time_between_a_failure_and_its_retry_is_waiting(pages):
    run = started(title="break")
    shifted(run, 3 * MINUTE)
    run.retry()

    said = facts(page_of(pages, run))

    assert said["Ran"].endswith("ms")
    assert said["Waited"].startswith("3 min")


def test_the_pause_before_the_next_attempt_is_waiting():
    run = flows.open_flow.create_run()
    run.start({"a": 1})
    row = row_of(run)
    begun = timezone.now() - MINUTE
    at = begun + SECOND
    RunEvent.objects.create(
        run=row, first_seq=row.event_seq + 1, last_seq=row.event_seq + 1, at=at,
        events=[{"type": "workflow-step-retry", "payload": {
            "path": "anything", "retry_count": 1,
            "next_attempt_at": (begun + 40 * SECOND).isoformat()}}],
    )  # fmt: skip
    row.steps.update(queued_at=begun, started_at=begun, ended_at=begun + 45 * SECOND, retry_count=1)
    row.event_seq += 1

    assert busy.of(row).ran_for(begun, timezone.now()) == 6 * SECOND


def test_what_runs_at_the_same_time_counts_once_and_what_runs_now_to_the_end():
    run = flows.items.create_run()
    run.start([1, 2])
    row = row_of(run)
    begun = timezone.now() - MINUTE
    row.steps.exclude(path__startswith="each[").update(kind="sleep")
    row.steps.filter(path="each[0]").update(
        queued_at=begun, started_at=begun, ended_at=begun + 10 * SECOND
    )
    row.steps.filter(path="each[1]").update(
        queued_at=begun, started_at=begun + 5 * SECOND, ended_at=None, status="running"
    )
    known = busy.of(row)

    assert known.ran_for(begun, begun + 30 * SECOND) == 30 * SECOND
    assert known.runs_at(timezone.now())


def test_nothing_is_called_idle_while_the_items_of_a_foreach_run(pages):
    run = Workflow("busy-each").foreach(step(lambda item: item, id="one")).commit().create_run()
    run.start([1, 2, 3])
    row = row_of(run)
    begun = row.started_at - 30 * SECOND
    for number, each in enumerate(row.steps.filter(path__contains="[").order_by("position")):
        at = begun + number * 10 * SECOND
        row.steps.filter(pk=each.pk).update(queued_at=at, started_at=at, ended_at=at + 10 * SECOND)
    row.steps.filter(kind="foreach").update(queued_at=begun, started_at=begun)
    Run.objects.filter(pk=row.pk).update(started_at=begun, ended_at=begun + 30 * SECOND)

    for query in ({}, {"errors": "1"}, {"group": "step"}, {"skip": "5"}):
        assert "nothing ran" not in page_of(pages, run, tab="timeline", **query), query


def test_a_run_with_too_many_records_says_how_long_it_took_with_its_waiting(pages, monkeypatch):
    monkeypatch.setattr(busy, "MOST_RECORDS", 1)
    run = started(amount=5)

    said = facts(page_of(pages, run))

    assert "waiting included" in said["Took"]
    assert "nothing ran" not in page_of(pages, run, tab="timeline")
    assert not Timeline.objects.exists()


def took(page, run):
    row = page.partition(f'data-run="{row_of(run).pk}"')[2].partition("</tr>")[0]
    cell = row.partition('data-label="Took"')[2].partition(">")[2].partition("</td>")[0]
    return re.sub(r"<[^>]+>", "", cell).strip()


def test_lists_count_no_time_in_which_a_run_waited_for_people(pages):
    asking, answered = started(), started()
    failed = started(title="break")
    for run in (asking, answered, failed):
        shifted(run, 8 * MINUTE)
    answered.resume({"approved": True}, suspension=question_of(answered).suspension)
    failed.retry()

    page = pages.get("/runs/").content.decode()

    assert re.match(r"\d+ ms then waiting 8 min", took(page, asking))
    assert re.fullmatch(r"\d+ ms", took(page, answered))
    assert re.fullmatch(r"\d+ ms", took(page, failed))
    assert row_of(answered).idle >= 8 * MINUTE
    slow = pages.get("/").content.decode().partition('id="slow-title"')[2]
    assert re.search(r'<td class="num nowrap">\d+ ms</td>', slow)
    assert " min " not in slow.partition("</table>")[0]
    paces = pages.get("/workflows/pages-approval/").content.decode()
    assert re.search(r"<dt>95 % within</dt><dd[^>]*>\d+ ms<", paces)


def test_a_canceled_question_counts_as_waiting():
    run = started()
    shifted(run, 8 * MINUTE)
    run.cancel()

    assert row_of(run).duration < MINUTE


@step
def count(number: int) -> int:
    """Count an iteration."""
    return number + 1


ROUNDS = Workflow("busy-rounds").do_until(count, lambda number: number >= 4).commit()


def read_again(run):
    return busy._read(run, busy._Ended())[0]


def gone_on(run, *, at, ended_at, **values):
    """Record one more iteration of a run."""
    row = row_of(run)
    last = row.steps.filter(path__contains="[").order_by("-pk").first()
    index = int(last.path.partition("[")[2].rstrip("]")) + 1
    last.pk, last.path = last.pk + 1, f"count[{index}]"
    last.queued_at, last.started_at, last.ended_at = at, at + SECOND, ended_at
    for name, value in values.items():
        setattr(last, name, value)
    last.save(force_insert=True)
    Run.objects.filter(pk=row.pk).update(event_seq=row.event_seq + 1, revision=row.revision + 1)
    return row_of(run)


def known_run():
    """Return a run under way whose records so far are known, and when it went on."""
    run = ROUNDS.create_run()
    run.start(0)
    Run.objects.filter(run_id=run.run_id).update(status="running", ended_at=None)
    busy.of(row_of(run))
    return run, timezone.now() + MINUTE


def test_of_a_run_that_goes_on_only_what_is_new_is_read(django_assert_num_queries):
    run, now = known_run()
    row = gone_on(run, at=now, ended_at=now + MINUTE)

    with django_assert_num_queries(1):
        found = busy.of(row)

    assert found.ran_for(now, now + MINUTE) == MINUTE - SECOND
    assert found == read_again(row)
    assert len(busy._rows_of(row, busy._kept._found[row.pk].ended.last)) == 1


def test_a_step_that_has_not_ended_is_read_again_until_it_has():
    run, now = known_run()
    row = gone_on(run, at=now, ended_at=None, status="running")
    assert busy.of(row).runs_at(now + MINUTE)

    StepSnapshot.objects.filter(run=row, ended_at=None).update(
        status="success", ended_at=now + 2 * SECOND
    )
    row = gone_on(run, at=now + MINUTE, ended_at=now + 2 * MINUTE, status="success")

    assert not busy.of(row).runs_at(now + 30 * SECOND)
    assert busy.of(row) == read_again(row)


def test_a_record_that_came_after_one_that_ended_later_is_found():
    run, now = known_run()
    busy.of(gone_on(run, at=now + MINUTE, ended_at=now + 2 * MINUTE))

    row = gone_on(run, at=now, ended_at=now + MINUTE)

    assert busy.of(row).ran_for(now, now + MINUTE) == MINUTE - SECOND
    assert busy.of(row) == read_again(row)


def test_a_run_whose_step_asks_after_many_iterations_is_read_whole():
    run, now = known_run()
    busy.of(gone_on(run, at=now, ended_at=now + MINUTE))

    row = gone_on(
        run, at=now + MINUTE, ended_at=None, suspended_at=now + 2 * MINUTE, status="suspended"
    )

    assert not busy.of(row).runs_at(now + 3 * MINUTE)
    assert busy.of(row) == read_again(row)
