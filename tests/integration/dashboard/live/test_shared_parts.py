"""One drawing of a run's live part serves all who look at the same and may do the same."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Run


def part_of(browser, run, seen=None, **cookies):
    browser.cookies.load(cookies)
    headers = {"HX-Request": "true"}
    if seen is not None:
        headers["X-Signalbox-Seen"] = str(seen)
    answer = browser.get(f"/runs/{run.run_id}/?tab=graph", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_part_that_was_drawn_serves_the_next_viewer_who_knows_no_more(pages, person):
    run = row_of(started(amount=5))
    _, first = person("view_run", "cancel_run")
    _, second = person("cancel_run", "view_run")
    drawn = part_of(first, run, run.event_seq)

    with CaptureQueriesContext(connection) as queries:
        given = part_of(second, run, run.event_seq)

    assert given == drawn
    assert not [q for q in queries if "workflows_app_stepsnapshot" in q["sql"]]


def test_a_viewer_who_has_heard_of_more_sees_more(pages):
    run = row_of(started(amount=5))
    before = part_of(pages, run, run.event_seq)
    Run.objects.filter(pk=run.pk).update(event_seq=run.event_seq + 1)

    assert part_of(pages, run, run.event_seq) == before  # this one has heard of nothing new
    assert f'data-seq="{run.event_seq + 1}"' in part_of(pages, run, run.event_seq + 1)


def test_a_browser_that_says_no_number_always_gets_the_current_part(pages):
    run = row_of(started(amount=5))
    part_of(pages, run, run.event_seq)
    Run.objects.filter(pk=run.pk).update(event_seq=run.event_seq + 1)

    assert f'data-seq="{run.event_seq + 1}"' in part_of(pages, run)
    assert f'data-seq="{run.event_seq + 1}"' in part_of(pages, run, "-1")


def test_people_who_may_do_more_or_read_other_clocks_have_parts_of_their_own(pages, person):
    run = row_of(started(amount=5))
    _, looker = person("view_run")
    mine = part_of(pages, run, run.event_seq)

    theirs = part_of(looker, run, run.event_seq)
    elsewhere = part_of(looker, run, run.event_seq, signalbox_zone="Asia/Tokyo")

    assert "/rerun/" in mine
    assert "/rerun/" not in theirs
    assert "JST (+09:00)" in elsewhere
    assert "JST" not in theirs


def test_a_person_who_may_not_see_runs_gets_no_part_of_others(pages, person):
    run = row_of(started(amount=5))
    part_of(pages, run, run.event_seq)
    _, stranger = person()

    headers = {"HX-Request": "true", "X-Signalbox-Seen": "0"}
    assert stranger.get(f"/runs/{run.run_id}/?tab=graph", headers=headers).status_code == 403


def test_a_form_for_an_answer_is_drawn_for_each_person_with_their_own_token(pages):
    run = row_of(started())

    first, second = (part_of(pages, run, run.event_seq) for _ in range(2))

    token = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')
    assert token.findall(first)
    assert token.findall(first) != token.findall(second)
