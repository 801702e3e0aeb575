"""The page of a run says by when it has to begin and to end, and what happens otherwise."""

import html
import re
from datetime import timedelta

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.run.test_why_waiting import told
from workflows_app import Deadline
from workflows_app.engine.host import clock
from workflows_app.engine.run import expiry
from workflows_app.models import Run


def begun(deadline, flow=flows.approval):
    run = flow.create_run()
    run.start({"title": "Desk", "amount": 700}, deadline=deadline)
    assert run.status == "suspended"
    return run


def facts(pages, run):
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    part = page.partition('<dl class="facts">')[2].partition("</dl>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", part)).split())


@pytest.mark.parametrize(
    ("then", "says"),
    [
        ("fail", "This run fails if it has not ended by"),
        ("cancel", "This run is canceled if it has not ended by"),
        ("warn", "People are warned if this run has not ended by"),
    ],
)
def test_a_run_with_a_deadline_says_when_and_what_happens_then(pages, then, says):
    run = begun(Deadline(timedelta(hours=2), then))
    assert re.search(rf"{says} \d{{4}}-.*, in (1|2) h\.", told(pages, run))


def test_a_warning_stays_and_a_passed_deadline_is_told(pages):
    run = begun(Deadline(timedelta(hours=2), "warn"))
    expiry.expire_due(clock.now() + timedelta(hours=3))
    assert "This run has not ended by its deadline," in told(pages, run)
    page = pages.get(f"/runs/{run.run_id}/?tab=events").content.decode()
    assert "workflow-deadline-warning" in page
    assert pages.get(f"/runs/{run.run_id}/?at=3").status_code == 200


def test_a_deadline_that_stands_still_says_what_is_left(pages):
    run = begun(Deadline(timedelta(hours=2), while_suspended=False))
    assert re.search("does not count while it waits; .* of it are left", told(pages, run))


def test_a_run_that_failed_at_its_deadline_says_so(pages):
    run = begun(Deadline(timedelta(hours=2)))
    expiry.expire_due(clock.now() + timedelta(hours=3))
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "RunDeadlineExceeded" in page
    assert run.refresh().status == "failed"


def test_a_canceled_run_says_why(pages):
    run = begun(Deadline(timedelta(hours=2), "cancel"))
    expiry.expire_due(clock.now() + timedelta(hours=3))
    assert "by code, without a name: at its deadline" in facts(pages, run)


def test_a_start_that_waits_says_until_when(pages):
    run = flows.approval.create_run()
    run.pause("not yet")
    run.start({"title": "Desk", "amount": 700}, start_within=timedelta(hours=2))
    assert "This run is canceled if it has not begun by" in told(pages, run)
    expiry.expire_due(clock.now() + timedelta(hours=3))
    assert "because it did not begin in time" in facts(pages, run)
    assert not Run.objects.get(run_id=run.run_id).is_held


def test_a_run_shows_its_unique_key(pages):
    run = flows.approval.create_run(unique="order-7")
    assert "Unique keyorder-7" in facts(pages, run)
