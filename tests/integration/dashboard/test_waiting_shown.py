"""A wait is shown as a wait on every page: in counts, in containers and in durations."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.lists.filters import RunFilters
from dashboard.overview import page as overview_page
from dashboard.runs import counts
from dashboard.templatetags.signalbox import signed
from dashboard.workflows import speeds
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, step
from workflows_app.models import Run, RunEvent, StepSnapshot

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@step(retries=5, retry_delay=600)
def flaky(value):
    raise ConnectionError("no")


@step(retries=5, retry_delay=600)
def odd(number):
    if number % 2:
        raise ConnectionError("no")
    return number


@step
def decide(value, ctx):
    if ctx.resume_data is None:
        ctx.suspend({"question": f"Decide {value}?"})
    return value


@step
def agree(value, ctx):
    if ctx.resume_data is None:
        ctx.suspend({"question": f"Agree {value}?"})
    return value


plain = Workflow("waits-plain").then(step(lambda v: v, id="first")).then(flaky).commit()
items = Workflow("waits-items").foreach(odd, concurrency=4, id="each").commit()
nested = Workflow("waits-nested").then(Workflow("waits-inner").then(flaky).commit()).commit()
arms = Workflow("waits-arms").parallel([flaky, decide]).commit()
asking = Workflow("waits-asking").parallel([decide, agree]).commit()
asked_items = Workflow("waits-asked").foreach(decide, concurrency=10, id="each").commit()
mixed = Workflow("waits-mixed").parallel([flaky, step(lambda v: v, id="calm")]).commit()


def begun(flow, given=7):
    """Return a run that has gone as far as it can for now."""
    run = flow.create_run()
    run.start(given, wait=False)
    run.refresh()
    return run


def read(pages, address: str) -> str:
    return str(pages.get(address).content.decode())


def moved_back(run, by: timedelta) -> None:
    """Move everything that happened to a run back in time."""
    row = row_of(run)
    for each in row.steps.all():
        for name in ("queued_at", "started_at", "suspended_at", "ended_at"):
            if getattr(each, name) is not None:
                setattr(each, name, getattr(each, name) - by)
        each.save()
    for log in RunEvent.objects.filter(run=row.pk):
        log.at -= by
        log.save()
    for name in ("started_at", "settled_at"):
        if getattr(row, name) is not None:
            Run.objects.filter(pk=row.pk).update(**{name: getattr(row, name) - by})


def chips(html: str) -> list[str]:
    return re.findall(r'class="status" data-status="(\w+)"', html)


def head(html: str) -> str:
    return chips(html.partition("<h1")[2])[0]


def card(html: str, path: str) -> str:
    return html.partition(f'<li id="step-{path}"')[2].partition("</li>")[0]


def row(html: str, path: str) -> str:
    return next(
        part.partition("</li>")[0]
        for part in html.split('<li class="time-row" ')
        if f">{path}</a>" in part
    )


def test_runs_that_wait_for_an_attempt_are_counted_and_found_as_waiting(pages, db):
    waits = [begun(flow, given) for flow, given in ((plain, 1), (nested, 1), (items, [1, 2, 3]))]
    lively = begun(plain)
    StepSnapshot.objects.filter(run=row_of(lively).pk, path="flaky").update(wake_at=timezone.now())

    counted = counts.counted(RunFilters())
    by_status = overview_page.counts_since(timezone.now() - HOUR, timezone.now()).by_status
    alive = speeds.under_way().by_workflow

    assert (counted["waiting"], counted["running"]) == (3, 1)
    assert (by_status["waiting"], by_status["running"]) == (3, 1)
    assert alive[plain.id] == {"waiting": 1, "running": 1}
    found = read(pages, "/runs/?status=waiting")
    assert all(f'data-run="{row_of(run).pk}"' in found for run in waits)
    assert f'data-run="{row_of(lively).pk}"' not in found
    others = read(pages, "/runs/?status=running")
    assert re.findall(r'data-run="([^"]+)"', others) == [str(row_of(lively).pk)]
    narrow = read(pages, f"/runs/?status=waiting&workflow={plain.id}&window=1h")
    assert re.findall(r'data-run="([^"]+)"', narrow) == [str(row_of(waits[0]).pk)]


def test_a_run_that_is_being_canceled_or_runs_beside_its_wait_is_not_counted(db):
    canceling, beside = begun(plain), begun(mixed)
    Run.objects.filter(pk=row_of(canceling).pk).update(cancel_requested_at=timezone.now())
    calm = row_of(beside).steps.get(path="calm")
    StepSnapshot.objects.filter(pk=calm.pk).update(status="queued", ended_at=None)
    Run.objects.filter(pk=row_of(beside).pk).update(active_count=2)

    counted = counts.counted(RunFilters())

    assert (counted["waiting"], counted["running"]) == (0, 2)


def test_sleeping_runs_are_still_found_as_waiting(pages):
    flow = Workflow("waits-sleep").then(step(lambda v: v, id="a")).sleep(HOUR).commit()
    run = begun(flow)

    found = read(pages, "/runs/?status=waiting")

    listed = found.partition(f'data-run="{row_of(run).pk}"')[2].partition("</tr>")[0]
    assert chips(listed)[0] == "waiting"
    assert "then waiting" in listed.partition('data-label="Took"')[2]


def test_items_between_attempts_are_shown_as_waiting(pages):
    run = begun(items, [1, 2, 3, 4])
    home = f"/runs/{run.run_id}/"

    page, timeline, of_step = (
        read(pages, home + more) for more in ("", "?tab=timeline", "steps/each/")
    )

    assert "2 waiting" in card(page, "each")
    assert "queued" not in page.partition('class="steps"')[2].partition("</ol>")[0]
    assert "2 waiting" in page.partition('<g class="frame"')[2].partition("</g>")[0]
    assert "2 waiting" in row(timeline, "each")
    assert "2 waiting" in of_step
    assert "2 queued" not in page + timeline + of_step
    grouped = read(pages, home + "?tab=timeline&group=step")
    assert 'time-group" data-status="waiting"' in grouped


def test_the_line_of_an_item_says_how_many_more_wait_as_it_does(pages):
    run = begun(items, [1, 2, 3, 4])

    line = card(read(pages, f"/runs/{run.run_id}/"), "each[]")

    assert "each[2]" in line
    assert "and 1 more waiting" in line


def test_playback_shows_items_between_attempts_as_waiting(pages):
    run = begun(items, [1, 2, 3, 4])

    page = read(pages, f"/runs/{run.run_id}/?at={row_of(run).event_seq}")

    assert "2 waiting" in card(page, "each")


@pytest.mark.parametrize(
    ("flow", "given", "path", "status"),
    [
        (nested, 1, "waits-inner", "waiting"),
        (items, [1, 2], "each", "waiting"),
        (arms, 1, "parallel-1", "waiting"),
        (asking, 1, "parallel-1", "suspended"),
        (asked_items, [1, 2, 3], "each", "suspended"),
    ],
)
def test_what_holds_only_waits_is_shown_as_they_are(pages, flow, given, path, status):
    run = begun(flow, given)
    moved_back(run, 15 * MINUTE)
    home = f"/runs/{run.run_id}/"

    page, timeline, of_step = (
        read(pages, home + more) for more in ("", "?tab=timeline", f"steps/{path}/")
    )

    assert chips(card(page, path))[0] == status
    line = row(timeline, path)
    assert chips(line)[0] == status
    assert "15 min" not in line.partition("time-end")[2]
    assert "data-since" not in line
    assert head(of_step) == status
    took = of_step.partition("<dt>Took so far</dt>")[2].partition("</dd>")[0]
    assert re.search(r">\d+ ms<", took)
    assert "data-since" not in took
    assert "<dt>Stood still</dt>" in of_step


def test_what_holds_a_wait_beside_what_runs_is_running(pages):
    run = begun(asked_items, [1, 2, 3])
    StepSnapshot.objects.filter(run=row_of(run).pk, path="each[1]").update(status="running")
    home = f"/runs/{run.run_id}/"

    assert chips(card(read(pages, home), "each"))[0] == "running"
    assert chips(row(read(pages, home + "?tab=timeline"), "each"))[0] == "running"
    assert head(read(pages, home + "steps/each/")) == "running"


def test_items_that_hold_waits_are_shown_as_waiting(pages):
    inner = Workflow("waits-item").then(flaky).commit()
    flow = Workflow("waits-in-items").foreach(inner, concurrency=4, id="each").commit()
    run = begun(flow, [1, 2])

    listed = read(pages, f"/runs/{run.run_id}/steps/each/").partition('id="items-title"')[2]
    grouped = read(pages, f"/runs/{run.run_id}/?tab=timeline&group=step")

    home = read(pages, f"/runs/{run.run_id}/")
    back = read(pages, f"/runs/{run.run_id}/?at={row_of(run).event_seq}")

    assert set(chips(listed.partition("</ol>")[0])) == {"waiting"}
    assert "running" not in chips(
        grouped.partition('<div class="timeline"')[2].partition("</ol>")[0]
    )
    assert "2 waiting" in row(read(pages, f"/runs/{run.run_id}/?tab=timeline"), "each")
    assert "2 waiting" in card(home, "each")
    assert "2 waiting" in card(back, "each")


# One meaning of "took".


def retried(pages):
    """Return a run of 8.6 s with 40 ms of work, of which it waited 6 s for its next attempt."""
    run = started(flows.approval, amount=5)
    row = row_of(run)
    start = timezone.now() - HOUR
    failed = start + 20 * SECOND / 1000
    again = failed + 6 * SECOND
    end = start + 8.6 * SECOND
    row.steps.update(queued_at=start, started_at=start, ended_at=start)
    checked = row.steps.filter(path="check")
    checked.update(started_at=start, ended_at=again + 0.02 * SECOND, retry_count=1)
    row.steps.filter(path="pay").update(
        started_at=end - 0.01 * SECOND, queued_at=again, ended_at=end
    )
    row.steps.filter(kind="branch").update(ended_at=end)
    event = {
        "type": "workflow-step-retry",
        "payload": {"path": "check", "retry_count": 1, "next_attempt_at": again.isoformat(),
                    "error": {"type": "Refused", "message": "not now"}},
    }  # fmt: skip
    RunEvent.objects.filter(run=row.pk).update(at=start)
    last = RunEvent.objects.filter(run=row.pk).order_by("-last_seq").first()
    seq = last.last_seq + 1
    RunEvent.objects.create(run=row, first_seq=seq, last_seq=seq, at=failed, events=[event])
    Run.objects.filter(pk=row.pk).update(
        started_at=start, ended_at=end, settled_at=end, event_seq=seq
    )
    return run


def test_took_leaves_out_the_wait_for_the_next_attempt(pages):
    run = retried(pages)
    other = started(amount=5)
    home = f"/runs/{run.run_id}/"

    of_step = read(pages, home + "steps/check/")
    page = read(pages, home)
    timeline = read(pages, home + "?tab=timeline")
    compared = read(pages, f"/runs/compare/?a={run.run_id}&b={other.run_id}&only=0")

    took = of_step.partition("<dt>Took</dt>")[2].partition("</dd>")[0]
    assert ">40 ms<" in took
    assert 'Waited between attempts</dt><dd><span class="num">6.0 s' in of_step
    assert ">40 ms<" in card(page, "check")
    assert ">40 ms<" in row(timeline, "check")
    line = compared.partition('id="at-check"')[2].partition("</tbody>")[0]
    assert ">40 ms<" in line.partition('data-label="A took"')[2].partition("</td>")[0]
    side = compared.partition("<dt>Took</dt>")[2].partition("</dd>")[0]
    assert ">2.6 s<" in side


def test_where_a_list_cannot_know_its_words_are_true(pages):
    retried(pages)

    listed = read(pages, "/runs/").partition('data-label="Took"')[2].partition("</td>")[0]
    overview = read(pages, "/")

    assert "8.6 s" in listed
    assert "waits for a next attempt count" in listed
    assert "or for their retry" not in overview
    assert "Sleeps and waits for a next attempt count." in overview


def test_compare_counts_no_further_while_a_run_waits_for_its_next_attempt(pages):
    run = begun(plain)
    moved_back(run, 5 * MINUTE)

    page = read(pages, f"/runs/compare/?a={run.run_id}&b={started(amount=5).run_id}&only=0")

    side = page.partition("<dt>Took so far</dt>")[2].partition("</dd>")[0]
    assert re.search(r">\d+ ms</span> <span class=\"faint nowrap\">then waiting", side)
    line = page.partition('id="at-flaky"')[2].partition("</tbody>")[0]
    assert re.search(r'data-label="A took"[^>]*><span class="num">\d+ ms<', line)


def test_a_sleep_is_shown_as_a_wait(pages):
    inner = Workflow("waits-sleeper").then(step(lambda v: v, id="a")).sleep(HOUR).commit()
    run = begun(Workflow("waits-sleeps").then(inner).commit())
    moved_back(run, 5 * MINUTE)

    timeline = read(pages, f"/runs/{run.run_id}/?tab=timeline")
    parent = read(pages, f"/runs/{run.run_id}/steps/waits-sleeper/")

    assert "slept <span" in row(timeline, "waits-sleeper.sleep-1")
    assert chips(row(timeline, "waits-sleeper"))[0] == "waiting"
    took = parent.partition("<dt>Took so far</dt>")[2].partition("</dd>")[0]
    assert re.search(r">\d+ ms<", took)


def test_differences_are_of_what_is_shown(pages):
    run, other = started(amount=5), started(amount=6)
    start = timezone.now() - MINUTE
    for each, length in ((run, 1600), (other, 1400)):
        row = row_of(each)
        end = start + timedelta(microseconds=length)
        row.steps.update(started_at=start, queued_at=start, ended_at=end)
        Run.objects.filter(pk=row.pk).update(started_at=start, ended_at=end, idle=timedelta())

    page = read(pages, f"/runs/compare/?a={run.run_id}&b={other.run_id}&only=0")

    line = page.partition('id="at-check"')[2].partition("</tbody>")[0]
    assert ">2 ms<" in line
    assert ">1 ms<" in line
    assert "\N{MINUS SIGN}1 ms" in line
    assert "\N{MINUS SIGN}0 ms" not in page
    assert signed(timedelta(microseconds=-400)) == "±0"


def test_a_question_without_other_facts_is_asked_once(pages):
    run = begun(Workflow("waits-once").then(decide).commit())

    page = read(pages, f"/runs/{run.run_id}/")
    asked = page.partition('<section class="question"')[2].partition("</section>")[0]

    assert asked.count("Decide 7?") == 1
    assert "What it tells you" not in asked
    inbox = read(pages, f"/inbox/?item={row_of(run).steps.get(path='decide').suspension}")
    assert "What it tells you" not in inbox
    assert "Waiting for <time" in inbox
