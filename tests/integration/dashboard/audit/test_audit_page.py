"""The audit trail: who did what, filtered, paged and exported."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from django.utils import timezone

from dashboard.audit import page as audit_page
from dashboard.lists import paging
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import snoozes
from workflows_app.engine.run import audit, deleting
from workflows_app.engine.verbs import assignments
from workflows_app.models import Action

MARKUP = "<script>alert(1)</script>"


def did(verb="cancel", who="bo", **values) -> Action:
    return Action.objects.create(at=timezone.now(), actor_name=who, verb=verb, **values)


def text(client, address="/audit/"):
    return client.get(address).content.decode()


def keys_in(page: str) -> list[int]:
    return [int(part.split('"')[0]) for part in page.split('data-action="')[1:]]


def test_it_says_who_did_what_to_which_run_through_which_door_and_why(pages, ana):
    run = started()
    pages.post(f"/runs/{run.run_id}/cancel/")
    did("pause-schedule", "bo", subject="wf_nightly", door="page", data={"note": "Too noisy"})
    did("resume", path="outer.inner", public_run_id="long-gone-run")

    page = text(pages)

    assert "ana" in page
    assert "<strong>cancel</strong>" in page
    assert f'href="/runs/{run.run_id}/"' in page
    assert 'href="/schedules/wf_nightly/"' in page
    assert "Too noisy" in page
    assert "outer.inner" in page
    assert 'href="/runs/long-gone-run/"' not in page
    assert "manage.py prune" in page


def test_every_verb_that_is_written_can_be_chosen(pages):
    source = "".join(path.read_text() for path in Path(audit.__file__).parent.glob("*.py"))
    written = set(re.findall(r'(?:record|record_on_schedule|_action)\(\w+, "([\w-]+)"', source))
    written |= {
        assignments.CLAIM,
        assignments.RELEASE,
        "rerun",
        snoozes.PUT_OFF,
        snoozes.SHOW_AGAIN,
    }

    assert written <= set(audit_page.VERBS)
    assert "delete" in audit_page.VERBS


def test_the_trail_outlives_the_run(pages):
    run = started()
    pages.post(f"/runs/{run.run_id}/cancel/")
    deleting.delete([row_of(run).pk])

    page = text(pages)

    assert "deleted" in page
    assert f'title="{run.run_id}"' in page
    assert f'href="/runs/{run.run_id}/"' not in page


def test_data_of_other_verbs_and_what_is_too_long_is_not_shown(pages):
    did("retry", data={"resume_data": {"note": "private"}})
    did("resume", data={"resume_data": "x" * 5000})

    assert "private" not in text(pages) + text(pages, "/audit/export.json")
    assert "xxx" not in text(pages)


def test_it_is_filtered_by_person_verb_and_run(pages):
    one = did("cancel", "bo", public_run_id="run-1")
    two = did("retry", "bo", public_run_id="run-2")
    three = did("cancel", "cy", public_run_id="run-2")

    assert keys_in(text(pages)) == [three.pk, two.pk, one.pk]
    assert keys_in(text(pages, "/audit/?person=bo")) == [two.pk, one.pk]
    assert keys_in(text(pages, "/audit/?verb=cancel")) == [three.pk, one.pk]
    assert keys_in(text(pages, "/audit/?run=run-2&person=bo")) == [two.pk]
    assert keys_in(text(pages, "/audit/?person=%00bo&before=nonsense&after=-1")) == [two.pk, one.pk]


def test_nothing_yet_and_no_match_say_different_things(pages):
    assert "Nobody has done anything yet" in text(pages)

    did()

    page = text(pages, f"/audit/?person={MARKUP}&verb={MARKUP}&run={MARKUP}")
    assert "Nothing matches" in page
    assert MARKUP not in page
    assert "There is nothing on this page" in text(pages, "/audit/?before=1")


def test_pages_go_by_key_and_keep_the_filter(pages, monkeypatch):
    monkeypatch.setattr(paging, "PAGE", 2)
    keys = [did().pk for _ in range(5)][::-1]
    did(who="cy")

    first = text(pages, "/audit/?person=bo")
    second = text(pages, f"/audit/?person=bo&before={keys[1]}")
    last = text(pages, f"/audit/?person=bo&before={keys[3]}")
    back = text(pages, f"/audit/?person=bo&after={keys[2]}")

    found = [keys_in(page) for page in (first, second, last, back)]
    assert found == [keys[:2], keys[2:4], keys[4:], keys[:2]]
    assert f"?person=bo&amp;before={keys[1]}" in first
    assert "Newer" not in first
    assert "Older" not in last


def test_it_asks_the_database_the_same_however_long_it_is(pages, django_assert_num_queries):
    run = row_of(started())
    did(run=run, public_run_id=run.run_id)
    pages.get("/audit/")
    with django_assert_num_queries(5) as asked:
        pages.get("/audit/")
    for _ in range(80):
        did(run=run, public_run_id=run.run_id)

    with django_assert_num_queries(5):
        pages.get("/audit/?before=70")

    said = " ".join(query["sql"] for query in asked.captured_queries)
    assert "COUNT(" not in said
    assert "OFFSET" not in said


def test_an_export_holds_what_the_filter_finds_as_csv_and_as_json(pages, monkeypatch):
    monkeypatch.setattr(audit_page, "MOST", 2)
    for number in range(3):
        did("cancel", "bo", public_run_id=f"run-{number}", data={"reason": "=1+1"})
    did("cancel", "cy")

    sheet = pages.get("/audit/export.csv?person=bo")
    said = json.loads(text(pages, "/audit/export.json?person=bo"))

    rows = list(csv.DictReader(io.StringIO(sheet.content.decode())))
    assert [row["run"] for row in rows] == ["run-2", "run-1"]
    assert rows[0]["reason"] == "'=1+1"
    assert rows[0]["at"].endswith("+00:00")
    assert sheet["Content-Disposition"] == 'attachment; filename="signalbox-audit.csv"'
    assert sheet["X-Signalbox-Cut"] == "yes"
    assert [action["run"] for action in said["actions"]] == ["run-2", "run-1"]
    assert (said["limit"], said["is_cut"], said["filter"]) == (2, True, {"person": "bo"})
    assert "the newest 2 that match" in text(pages)
    assert 'href="/audit/export.csv?person=bo"' in text(pages, "/audit/?person=bo")


def test_names_full_of_markup_are_shown_and_not_run(pages):
    did(
        MARKUP[:30], MARKUP, public_run_id=MARKUP, path=MARKUP, subject="<i>", data={"note": MARKUP}
    )

    page = text(pages)

    assert MARKUP not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("address", ["/audit/", "/audit/export.csv", "/audit/export.json"])
def test_it_is_for_people_who_signed_in_and_may_see_runs(client, person, pages, address):
    _, stranger = person()

    assert client.get(address).status_code == 302
    assert stranger.get(address).status_code == 403
    assert pages.post(address).status_code == 405


def test_script_gets_the_lines_it_has_and_the_count_of_newer_ones(pages):
    old, new = did(), did("retry")
    headers = {"HX-Request": "true"}
    for _ in range(2):
        did("start")
    did("retry")

    part = pages.get(f"/audit/?rows={new.pk},{old.pk}", headers=headers).content.decode()
    retries = pages.get(f"/audit/?verb=retry&rows={new.pk}", headers=headers).content.decode()

    assert keys_in(part) == [new.pk, old.pk]
    assert "3 new: show" in part
    assert "<html" not in part
    assert keys_in(retries) == [new.pk]
    assert "1 new: show" in retries
    assert 'href="/audit/?verb=retry"' in retries


def test_a_trail_without_lines_gets_those_that_come(pages):
    headers = {"HX-Request": "true"}

    assert "Nobody has done anything yet" in text(pages)
    line = did()
    part = pages.get("/audit/?rows=", headers=headers).content.decode()

    assert keys_in(part) == [line.pk]
    assert "new: show" not in part


def test_newer_lines_are_counted_to_a_limit(db, monkeypatch):
    monkeypatch.setattr(audit_page, "MOST_NEWER", 2)
    first = did()
    for _ in range(5):
        did()

    assert audit_page.newer_than(audit_page.AuditFilters(), first.pk) == 3


def test_only_the_newest_page_of_the_trail_is_live(pages):
    line = did()

    assert "data-feed" in text(pages)
    assert "data-feed" not in text(pages, f"/audit/?before={line.pk + 1}")
