"""The zone in which a person's times are shown and read."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app.models import Preference, Run

WINTER = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 5, 23, 30, tzinfo=UTC)


def run_at(moment):
    run = started(flows.open_flow)
    Run.objects.filter(pk=run.pk).update(started_at=moment)
    return f"/runs/{run.run_id}/"


def choose(client, zone):
    return client.post("/settings/", {"zone": zone}, follow=True)


def test_times_are_in_utc_until_something_else_is_known(pages):
    page = pages.get(run_at(WINTER)).content.decode()

    assert 'title="2026-01-05 23:30:00 UTC"' in page


@pytest.mark.parametrize(
    ("moment", "said"),
    [(WINTER, "2026-01-06 00:30:00 CET (+01:00)"), (SUMMER, "2026-07-06 01:30:00 CEST (+02:00)")],
)
def test_a_chosen_zone_is_that_of_every_page_and_machines_still_read_utc(pages, moment, said):
    answer = choose(pages, "Europe/Berlin")
    page = pages.get(run_at(moment)).content.decode()

    assert "Times are now shown in Europe/Berlin." in answer.content.decode()
    assert f'title="{said}"' in page
    assert f'datetime="{moment:%Y-%m-%dT%H:%M}:00.000+00:00"' in page


def test_the_zone_of_the_browser_serves_where_none_was_chosen(pages):
    pages.cookies["signalbox_zone"] = "Asia/Kathmandu"
    address = run_at(WINTER)

    assert "2026-01-06 05:15:00 +05:45" in pages.get(address).content.decode()
    assert "As this browser (Asia/Kathmandu)" in pages.get("/settings/").content.decode()
    choose(pages, "America/New_York")
    assert "2026-01-05 18:30:00 EST (-05:00)" in pages.get(address).content.decode()
    choose(pages, "")
    assert "2026-01-06 05:15:00 +05:45" in pages.get(address).content.decode()


@pytest.mark.parametrize("zone", ["Nowhere/Land", "../../etc/passwd", "<b>x</b>", "x" * 5000, "\0"])
def test_a_zone_that_does_not_exist_is_refused_and_harmless(pages, ana, zone):
    answer = choose(pages, zone)

    assert answer.status_code == 422
    assert "There is no time zone" in answer.content.decode()
    assert "<b>x</b>" not in answer.content.decode()
    assert not Preference.objects.exists()
    pages.cookies["signalbox_zone"] = "Nowhere/Land"
    assert pages.get("/runs/").status_code == 200


def test_a_stored_zone_that_is_gone_does_no_harm(pages, ana):
    Preference.objects.create(user=ana, zone="Soviet/Leningrad")

    assert pages.get(run_at(WINTER)).status_code == 200
    assert 'value="Soviet/Leningrad" selected' in pages.get("/settings/").content.decode()


def test_the_choice_belongs_to_the_person(pages, person, ana):
    choose(pages, "Europe/Berlin")
    _, other = person("view_run")
    again = Client()
    again.force_login(ana)
    address = run_at(WINTER)

    assert "CET (+01:00)" in again.get(address).content.decode()
    assert "CET (+01:00)" not in other.get(address).content.decode()
    assert timezone.get_current_timezone_name() == "UTC"


def test_looking_at_the_settings_changes_nothing_and_strangers_see_none(pages, client):
    assert pages.get("/settings/?zone=Europe/Berlin").status_code == 200
    assert not Preference.objects.exists()
    assert client.get("/settings/").status_code == 302
    assert client.post("/settings/", {"zone": "UTC"}).status_code == 401


def test_the_account_menu_leads_there(pages):
    assert 'href="/settings/"' in pages.get("/runs/").content.decode()


def test_events_are_shown_in_the_zone_too(pages):
    choose(pages, "Europe/Berlin")
    page = pages.get(run_at(WINTER) + "?tab=events").content.decode()

    assert re.search(r"\d\d:\d\d:\d\d\.\d{3} CES?T</time>", page)


def test_what_goes_on_counts_from_a_moment_that_script_reads(pages):
    choose(pages, "Europe/Berlin")
    run_at(WINTER)
    Run.objects.update(status="running", ended_at=None)

    assert 'data-since="2026-01-05T23:30:00.000+00:00"' in pages.get("/runs/").content.decode()


def test_a_form_is_read_in_the_zone_it_was_shown_in_even_if_the_person_changed_it_since(pages):
    address = "/workflows/pages-timed/start/"
    choose(pages, "Europe/Berlin")
    page = pages.get(address).content.decode()
    assert "Time zone: Europe/Berlin." in page
    assert 'name="zone" value="Europe/Berlin"' in page
    choose(pages, "America/New_York")

    typed = {"tab": "form", "zone": "Europe/Berlin", "data.due": "2026-07-01T12:00"}
    pages.post(address, typed)

    assert Run.objects.get().input == {"due": "2026-07-01T10:00:00Z"}


@pytest.mark.parametrize("zone", ["", "Nowhere", "<b>", "../x"])
def test_a_form_with_a_forged_zone_is_read_in_that_of_the_person(pages, zone):
    choose(pages, "America/New_York")
    typed = {"tab": "form", "zone": zone, "data.due": "2026-07-01T12:00"}

    pages.post("/workflows/pages-timed/start/", typed)

    assert Run.objects.get().input == {"due": "2026-07-01T16:00:00Z"}


def test_a_time_that_does_not_exist_starts_nothing_and_is_explained(pages):
    typed = {"tab": "form", "zone": "Europe/Berlin", "data.due": "2026-03-29T02:30"}

    answer = pages.post("/workflows/pages-timed/start/", typed)

    assert answer.status_code == 422
    assert "does not exist in Europe/Berlin" in answer.content.decode()
    assert not Run.objects.exists()
