"""The timeline's groups: what a heading says, folds, windows, attempts, and what is measured."""

import html
import re
from datetime import timedelta

import pytest

from dashboard.run import records
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import StepContext, Workflow, step
from workflows_app.models import Run, StepSnapshot


@step(retries=0)
def odd(item: int) -> int:
    """Refuse one of them."""
    if item == 2:
        raise ValueError("even")
    return item


@step(retries=2, retry_delay=0)
def shaky(value: int, ctx: StepContext) -> int:
    """Fail once."""
    if ctx.retry_count == 0:
        raise ConnectionError("not yet")
    return value


each = Workflow("groups-each").foreach(odd, concurrency=1, id="each").commit()
tried = Workflow("groups-tried").then(shaky).commit()


def ran(flow, given):
    run = flow.create_run()
    run.start(given)
    run.refresh()
    return run


def tab(pages, run, **query):
    answer = pages.get(f"/runs/{run.run_id}/", {"tab": "timeline", **query})
    assert answer.status_code == 200
    return answer.content.decode()


def headings(page):
    found = re.findall(r'class="time-row time-group".*?</li>', page, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", one)).split()) for one in found]


def rows(page):
    return re.findall(r'id="time-\d+".*?title="([^"]+)"', page, re.DOTALL)


def test_a_heading_carries_count_and_the_worst_status(pages):
    page = tab(pages, ran(each, [1, 2]), group="step")

    (heading,) = headings(page)
    assert re.search(r"each\[\] failed 2 steps", heading)
    assert rows(page) == ["each", "each[0]", "each[1]"]


def test_a_group_is_folded_by_a_link_that_keeps_the_rest(pages):
    run = ran(each, [1, 3])

    page = tab(pages, run, group="step", fold="0")
    (link,) = re.findall(r'class="step-name" href="(\?[^"]+)" data-turn', page)
    folded = pages.get(f"/runs/{run.run_id}/{html.unescape(link)}").content.decode()

    assert {"group=step", "fold=0"} <= set(html.unescape(link)[1:].split("&"))
    assert rows(folded) == ["each"]
    assert len(headings(folded)) == 1


def test_arms_are_groups_and_the_rest_is_the_main_line(pages):
    page = tab(pages, started(amount=5), group="branch")

    main, arm = headings(page)
    assert "The main line success 3 steps" in main
    assert "→ small, if" in arm


@pytest.mark.parametrize("skip", [0, 3, 6])
def test_windows_follow_each_other_without_gaps(pages, monkeypatch, skip):
    monkeypatch.setattr(records, "MOST_ROWS", 3)
    run = ran(each, [1, 3, 5, 7])
    # A long timeline has its groups folded at first; this one is opened.
    page = tab(pages, run, group="step", turned="each[]", skip=skip)

    expected = {0: ["each", "each[0]"], 3: ["each[1]", "each[2]", "each[3]"], 6: []}
    assert rows(page) == expected[skip]
    assert ("Later steps" in page) == (skip == 0)
    assert ("continued" in page) == (skip == 3)


def test_errors_only_and_a_part_combine_with_groups(pages):
    run = ran(each, [1, 2])
    last = StepSnapshot.objects.get(run=row_of(run), path="each[1]")
    later = row_of(run).started_at + timedelta(hours=1)
    StepSnapshot.objects.filter(pk=last.pk).update(
        queued_at=later, started_at=later, ended_at=later
    )
    Run.objects.filter(run_id=run.run_id).update(ended_at=later)

    assert rows(tab(pages, run, group="step", errors="1")) == ["each", "each[1]"]
    assert "each[1]" not in rows(tab(pages, run, group="step", since="0", until="60"))
    page = tab(pages, run, group="step", since="0", until="60", errors="1")
    assert 'name="group" value="step"' in page
    assert "since=0" not in re.search(r'href="([^"]+)">Whole run<', page)[1]


def test_earlier_attempts_are_marks_on_the_bar(pages):
    run = ran(tried, 1)

    page = tab(pages, run)

    assert "attempt 1 failed" in page
    assert 'class="attempt"' in page


def test_the_time_between_two_rows_is_shown(pages):
    run = started(amount=5)
    first, last = row_of(run).steps.get(path="check"), row_of(run).steps.get(path="pay")
    StepSnapshot.objects.filter(pk=last.pk).update(
        started_at=first.started_at + timedelta(seconds=3)
    )

    one = tab(pages, run, mark=f"{first.pk}")
    both = tab(pages, run, mark=f"{first.pk}-{last.pk}")

    assert "Measuring from check: choose the second row." in one
    assert f"mark={first.pk}-" in one
    assert "From the start of check to the start of pay: 3.000 s" in both
    assert "Measuring" not in tab(pages, run, mark="nobody")
