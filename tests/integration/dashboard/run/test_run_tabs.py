"""The views of one run: timeline, playback, data, related, audit, and the page of a step."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.run.view import TABS
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, step
from workflows_app.models import Action, Run, StepSnapshot


@step
def double(item: int) -> int:
    """Double it."""
    return item * 2


each = Workflow("tabs-each").foreach(double, concurrency=3).commit()


def tab(pages, run, name, **query):
    return pages.get(f"/runs/{run.run_id}/", {"tab": name, **query}).content.decode()


def test_the_timeline_draws_a_bar_for_each_step_and_names_it(pages):
    run = started()

    page = tab(pages, run, "timeline")

    assert re.search(r'class="time-row" id="time-\d+".*?>check</a>', page, re.DOTALL)
    assert 'data-kind="ask"' in page
    assert "waited for an answer" in page


def test_long_idle_time_is_folded_and_can_be_unfolded(pages):
    run = started(amount=5)
    last = StepSnapshot.objects.filter(run=row_of(run)).latest("pk")
    later = last.ended_at + timedelta(hours=3)
    StepSnapshot.objects.filter(pk=last.pk).update(
        queued_at=later, started_at=later, ended_at=later
    )
    Run.objects.filter(run_id=run.run_id).update(ended_at=later)

    assert "1 idle stretch folded" in tab(pages, run, "timeline")
    assert "idle stretch" not in tab(pages, run, "timeline", fold="0")


def test_only_errors_are_shown_when_that_is_asked_for(pages):
    run = started(title="break")

    page = tab(pages, run, "timeline", errors="1")

    assert page.count('<li class="time-row"') == 1
    assert "No step has failed." in tab(pages, started(amount=5), "timeline", errors="1")


def test_a_window_of_the_timeline_is_in_the_address(pages):
    page = tab(pages, started(amount=5), "timeline", since="0", until="0.001")

    assert ">Whole run</a>" in page


def hidden_in(form: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def test_the_forms_and_links_of_the_timeline_keep_the_rest_of_the_address(pages, monkeypatch):
    monkeypatch.setattr("dashboard.run.records.MOST_ROWS", 1)
    asked = {"at": "6", "errors": "1", "fold": "0", "since": "0", "until": "9.5"}
    page = tab(pages, started(amount=5), "timeline", **asked, skip="1")
    playback, switches, window = (
        hidden_in(part.partition("</form>")[0]) for part in page.split("<form ")[2:5]
    )
    plain = tab(pages, started(amount=5), "timeline", at="8", fold="0")
    links = html.unescape(page)

    assert playback == {"tab": "timeline"} | {n: t for n, t in asked.items() if n != "at"}
    assert switches == {"tab": "timeline", "at": "6", "since": "0", "until": "9.5"}
    assert window == {"tab": "timeline", "at": "6", "errors": "1", "fold": "0"}
    assert 'href="?tab=timeline&at=6&errors=1&fold=0">Whole run' in links
    assert 'href="?tab=timeline&at=6&errors=1&fold=0&since=0&until=9.5">Earlier steps' in links
    assert 'href="?tab=timeline&errors=1&fold=0&since=0&until=9.5&skip=1">Back to now' in links
    assert 'href="?tab=timeline&at=8&fold=0&skip=1">Later steps' in html.unescape(plain)


def test_a_list_is_one_row_with_its_count(pages):
    run = each.create_run()
    run.start([1, 2, 3])

    page = tab(pages, run.refresh(), "timeline")

    assert page.count('<li class="time-row"') == 1
    assert "3 success" in page


def test_playback_shows_the_run_as_it_was(pages):
    run = started(amount=5)
    first = next(e.seq for e in run.events() if e.type == "workflow-step-start")

    page = tab(pages, run, "graph", at=first)
    now = tab(pages, run, "graph", at=row_of(run).event_seq)

    assert "You are looking at the past" in page
    assert re.search(r'<h1>.*?data-status="running"', page, re.DOTALL)
    assert re.search(r'id="step-check" class="step" data-status="running"', page)
    assert 'id="step-pay" class="step" data-status="pending"' in page
    assert ">Result<" not in page
    assert "You are looking at the past" not in now


def test_playback_at_every_event_has_a_page(pages):
    run = started()
    run.cancel()

    for seq in range(1, row_of(run.refresh()).event_seq):
        assert pages.get(f"/runs/{run.run_id}/", {"at": seq}).status_code == 200


def test_data_shows_input_result_and_each_step(pages):
    page = tab(pages, started(amount=5), "data")

    assert 'data-key="data-step-check"' in page


def test_related_shows_timelines_and_forks(pages):
    run = started(amount=5)
    run.time_travel("pay")
    forked = run.fork("pay")

    page = tab(pages, run.refresh(), "related")
    other = tab(pages, forked, "related")

    assert "time-travel at" in page
    assert forked.run_id in page
    assert "Compare with now" in page
    assert run.run_id in other


def test_audit_shows_the_newest_first_with_the_reason_and_says_that_there_is_more(
    pages, monkeypatch
):
    monkeypatch.setattr("dashboard.run.page.MOST_EVENTS", 3)
    run = started(amount=5)
    row = row_of(run)
    for number in range(3):
        Action.objects.create(
            at=timezone.now(), actor_name=f"person-{number}", verb="resume", run_id=row.pk,
            public_run_id=run.run_id, data={"reason": f"<b>why {number}</b>"},
        )  # fmt: skip
    few = tab(pages, run, "audit")
    Action.objects.create(
        at=timezone.now(), actor_name="latest", verb="cancel", run_id=row.pk,
        public_run_id=run.run_id,
    )  # fmt: skip
    many = tab(pages, run, "audit")

    assert few.index("person-2") < few.index("person-1")
    assert "&lt;b&gt;why 2&lt;/b&gt;" in few
    assert '<span class="tag num">3</span>' in few
    assert "The whole trail of this run" not in few
    assert '<span class="tag num">3+</span>' in many
    assert "latest" in many
    assert "person-0" not in many
    assert f'href="/audit/?run={run.run_id}"' in many


def test_audit_shows_who_did_what(pages, ana):
    run = started()
    run.cancel(actor=ana, door="page")

    page = tab(pages, run, "audit")

    assert re.search(r"<td>ana</td><td>cancel</td>.*?<td>page</td>", page, re.DOTALL)
    assert "Nobody has acted" in tab(pages, started(amount=5), "audit")


def test_the_tab_that_was_looked_at_last_is_remembered(pages):
    run = started(amount=5)
    tab(pages, run, "data")

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert re.search(r'tab=data"[^>]*aria-current="page"', page)


def test_a_step_has_a_page_with_its_values_and_events(pages):
    run = started(amount=5)

    page = pages.get(f"/runs/{run.run_id}/steps/check/").content.decode()

    assert "Look at it." in page
    assert "workflow-step-result" in page
    assert "?from=check" in page


def test_the_page_of_a_list_leads_to_its_items(pages):
    run = each.create_run()
    run.start([1, 2, 3])
    path = run.refresh().workflow.tree.first.path

    page = pages.get(f"/runs/{run.run_id}/steps/{path}/").content.decode()
    item = pages.get(f"/runs/{run.run_id}/steps/{path}[1]/").content.decode()
    later = pages.get(f"/runs/{run.run_id}/steps/{path}/?first=2").content.decode()

    assert page.count('<li><span class="status"') == 3
    assert "4" in item
    assert later.count('<li><span class="status"') == 1


@pytest.mark.parametrize("path", ["nothing", "check[7]"])
def test_a_step_that_does_not_exist_has_no_page(pages, path):
    run = started(amount=5)

    assert pages.get(f"/runs/{run.run_id}/steps/{path}/").status_code == 404


def test_markup_is_shown_and_never_run(pages, ana):
    evil = "<script>alert(1)</script>"
    ana.username = evil
    ana.save()
    run = flows.approval.create_run(resource_id=evil)
    run.start({"title": evil, "amount": 700, "note": evil}, actor=ana)
    run.cancel(actor=ana)
    travelled = run.fork("check", actor=ana)

    addresses = [f"?tab={name}" for name in TABS] + [
        "steps/check/", "log/", "cancel/", "time-travel/?from=check",
    ]  # fmt: skip
    for each in (run, travelled):
        for address in addresses:
            page = pages.get(f"/runs/{each.run_id}/{address}").content.decode()
            assert "<script>alert" not in page, address
    for address in ("/", "/runs/", "/inbox/", "/inbox/?tab=done", "/audit/", "/workers/"):
        assert "<script>alert" not in pages.get(address).content.decode(), address
    compared = f"/runs/compare/?a={run.run_id}&b={travelled.run_id}&only=0"
    assert "<script>alert" not in pages.get(compared).content.decode()


def test_a_step_offers_a_travel_only_where_it_is_possible(pages, person):
    run = started(amount=5)
    _, client = person("view_run")

    assert ">Re-run from here</a>" in tab(pages, run, "graph")
    assert ">Re-run from here</a>" not in tab(client, run, "graph")
