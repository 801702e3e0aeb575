"""Snoozing a question: it leaves one person's inbox for a time, and nobody else's."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import snoozes
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.engine.run import deleting
from workflows_app.models import Action, Snooze


def item_of(run) -> str:
    return str(question_of(run).suspension)


def put_off(client, run, until="hour", **more):
    return client.post(
        f"/inbox/{item_of(run)}/later/", {"op": f"later:{until}", "tab": "open", **more}
    )


def page_at(client, query=""):
    answer = client.get(f"/inbox/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def rows_in(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('data-row="')[1:]]


def test_what_is_put_off_is_gone_from_the_list_the_count_and_the_overview(pages):
    first, second = started(), started(title="Chair")

    answer = put_off(pages, first)

    assert answer.url == f"/inbox/?tab=open&item={item_of(second)}"
    assert rows_in(page_at(pages)) == [item_of(second)]
    assert pages.get("/inbox/count/").json() == {"waiting": "1"}
    assert "May Desk be paid?" not in pages.get("/").content.decode().partition("<main")[2]


def test_others_still_see_it_and_all_says_until_when(pages, person):
    run = started()
    _, other = person("view_run", "resume_run")

    put_off(pages, run)

    assert rows_in(page_at(other)) == [item_of(run)]
    assert "put off until" not in page_at(other, "?tab=all")
    assert "put off until" in page_at(pages, "?tab=all")
    assert rows_in(page_at(pages, "?tab=later")) == [item_of(run)]


def test_it_can_be_undone_at_once_and_later(pages):
    run = started()

    page = pages.get(put_off(pages, run).url).content.decode()
    assert f'action="/inbox/{item_of(run)}/again/"' in page
    assert "others still see it" in page
    pages.post(f"/inbox/{item_of(run)}/again/")

    assert rows_in(page_at(pages)) == [item_of(run)]
    assert not Snooze.objects.exists()
    rows = Action.objects.filter(public_run_id=run.run_id).values_list("verb", "door", "path")
    assert sorted(rows)[-2:] == [("put-off", "page", "manager"), ("show-again", "page", "manager")]


def test_it_comes_back_by_itself(pages):
    run = started()
    put_off(pages, run)

    Snooze.objects.update(until=timezone.now() - timedelta(seconds=1))

    assert rows_in(page_at(pages)) == [item_of(run)]
    assert rows_in(page_at(pages, "?tab=later")) == []


def test_what_a_person_claimed_can_be_put_off_too(pages):
    run = started()
    pages.post(f"/inbox/{item_of(run)}/claim/")

    put_off(pages, run, tab="mine")

    assert rows_in(page_at(pages, "?tab=mine")) == []


def test_no_other_time_than_those_offered(pages):
    run = started()

    answer = pages.post(f"/inbox/{item_of(run)}/later/", {"op": "later:never"}, follow=True)

    assert "There is no such choice" in answer.content.decode()
    assert not Snooze.objects.exists()


def test_an_answered_question_is_not_put_off(pages):
    run = started()
    address = f"/inbox/{item_of(run)}/later/"
    run.resume({"approved": True})

    pages.post(address, {"op": "later:hour"})

    assert not Snooze.objects.exists()


def test_it_needs_somebody_who_is_signed_in_and_may_see_runs(person):
    run = started()
    _, stranger = person()
    nobody = Client()

    assert put_off(stranger, run).status_code == 403
    put_off(nobody, run)
    assert not Snooze.objects.exists()


def test_deleting_the_run_forgets_it(pages):
    run = started()
    put_off(pages, run)
    run.cancel()

    deleting.delete([row_of(run).pk])

    assert not Snooze.objects.exists()


@pytest.mark.parametrize(
    ("now", "name", "until"),
    [
        ("2026-03-27T12:00", "hour", "2026-03-27T13:00"),
        ("2026-03-27T23:30", "tomorrow", "2026-03-29T07:00"),  # it is Saturday there
        ("2026-03-27T12:00", "monday", "2026-03-30T07:00"),  # the clocks have changed
        ("2026-03-30T12:00", "monday", "2026-04-06T07:00"),
    ],
)
def test_mornings_are_those_of_the_person(now, name, until):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    with timezone.override("Europe/Amsterdam"):
        found = {choice.name: choice.until for choice in snoozes.choices(moment)}

    assert found[name] == datetime.fromisoformat(until).replace(tzinfo=UTC)
