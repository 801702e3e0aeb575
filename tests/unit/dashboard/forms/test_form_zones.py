"""Moments in forms: shown and read in the person's zone, also where its clocks are changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, TypeAdapter

from dashboard.forms.form import SchemaForm
from tests.unit.dashboard.forms.browser import submitted

SCHEMA = TypeAdapter(AwareDatetime).json_schema()
BERLIN = ZoneInfo("Europe/Berlin")
ST_JOHNS = ZoneInfo("America/St_Johns")


def shown(value, zone=BERLIN):
    return SchemaForm.blank(SCHEMA, value, zone=zone)


def sent(form, typed=None, zone=BERLIN):
    data = submitted(form) if typed is None else submitted(form, data=typed)
    return SchemaForm.posted(SCHEMA, data, zone=zone)


@pytest.mark.parametrize(
    ("value", "local"),
    [
        ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00"),
        ("2026-03-29T01:30:00Z", "2026-03-29T03:30:00"),
        ("2026-10-24T23:30:00Z", "2026-10-25T01:30:00"),
        ("2026-10-25T02:30:00Z", "2026-10-25T03:30:00"),
        ("2026-01-01T12:00:00-05:00", "2026-01-01T18:00:00"),
        ("2026-07-01T12:00:00", "2026-07-01T14:00:00"),
    ],
)
def test_a_moment_is_shown_in_the_zone_and_comes_back_the_same(value, local):
    form = shown(value)
    again = sent(form)

    assert form.root.raw == local
    assert form.root.input == "datetime-local"
    assert again.check()
    meant = datetime.fromisoformat(value)
    assert datetime.fromisoformat(again.draft()) == meant.replace(tzinfo=meant.tzinfo or UTC)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-03-29T01:59", "2026-03-29T00:59:00Z"),
        ("2026-03-29T03:00", "2026-03-29T01:00:00Z"),
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
        ("2026-10-25T01:59", "2026-10-24T23:59:00Z"),
        ("2026-10-25T03:00", "2026-10-25T02:00:00Z"),
        ("2026-12-01 12:00", "2026-12-01T11:00:00Z"),
        ("2026-12-01T12:00:00+05:00", "2026-12-01T12:00:00+05:00"),
    ],
)
def test_what_is_typed_is_a_time_of_the_zone_and_is_sent_in_utc(typed, meant):
    form = sent(shown(None), typed)

    assert form.check()
    assert form.draft() == meant


def test_the_field_names_the_zone():
    assert shown(None).root.field.hint == "Time zone: Europe/Berlin."
    assert shown(None, UTC).root.field.hint == "Time zone: UTC."


def test_a_time_that_the_clocks_skip_is_refused():
    form = sent(shown(None), "2026-03-29T02:30")

    assert not form.check()
    assert form.root.errors == [
        "“2026-03-29 02:30” does not exist in Europe/Berlin: the clocks go forward past it."
    ]
    assert form.root.raw == "2026-03-29T02:30"


def test_a_time_that_comes_twice_asks_which_one_and_takes_the_answer():
    form = sent(shown(None), "2026-10-25T02:30")

    assert not form.check()
    assert form.root.errors == [
        "“2026-10-25 02:30” occurs twice in Europe/Berlin, because the clocks go back. Write "
        "2026-10-25T02:30:00+02:00 for the first or 2026-10-25T02:30:00+01:00 for the second."
    ]
    assert form.root.input == "text"
    again = sent(form, "2026-10-25T02:30:00+01:00")
    assert again.check()
    assert again.draft() == "2026-10-25T02:30:00+01:00"


@pytest.mark.parametrize("value", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"])
def test_a_value_in_the_hour_that_comes_twice_keeps_its_offset(value):
    form = shown(value)
    again = sent(form)

    assert again.check()
    assert datetime.fromisoformat(again.draft()) == datetime.fromisoformat(value)


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "T", "soon T"])
def test_the_ends_of_time_do_no_harm(value):
    for zone in (BERLIN, ST_JOHNS):
        form = sent(shown(value, zone), zone=zone)
        form.check()
        assert form.draft()
        sent(shown(None, zone), value.removesuffix("Z"), zone).draft()


def test_the_zone_stays_with_the_form_over_both_tabs():
    schema = {"type": "object", "properties": {"due": {"type": "string", "format": "date-time"}}}
    form = SchemaForm.blank(schema, {"due": "2026-07-01T10:00:00Z"}, zone=BERLIN)
    form = SchemaForm.posted(schema, submitted(form, "tab:json"), zone=BERLIN)
    form.act()
    assert '"2026-07-01T10:00:00Z"' in form.text

    form = SchemaForm.posted(schema, submitted(form, "tab:form"), zone=BERLIN)
    form.act()
    assert form.root.child("due").raw == "2026-07-01T12:00:00"


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(
        [BERLIN, ST_JOHNS, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Kathmandu")]
    ),
)
def test_every_moment_survives_the_form_in_every_zone(moment, zone):
    form = sent(shown(moment.isoformat(), zone), zone=zone)

    assert form.check()
    assert datetime.fromisoformat(form.draft()) == moment
