"""Maps, unions of plain values, durations and passwords in forms."""

from datetime import date, timedelta
from typing import Any, Literal

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from dashboard.forms import durations
from dashboard.forms.compound import BoundEither, BoundPairs
from dashboard.forms.form import SchemaForm
from dashboard.forms.inputs import BoundRaw
from tests.unit.dashboard.forms.browser import submitted

NASTY = "</textarea><script>alert(1)</script>\"'&"


class Pay(BaseModel):
    what: str
    price: float = 1.0


class Odd(BaseModel):
    rates: dict[str, int]
    names: dict[str, str] = {}
    pays: dict[str, Pay] = {}
    when: date | str | None = None
    ref: int | str
    flag: bool | int | None = None
    mode: Literal["auto"] | float = "auto"
    wait: timedelta | None = None
    pause: timedelta = timedelta(minutes=5)


ADAPTER = TypeAdapter(Odd)
SCHEMA = ADAPTER.json_schema()
FULL = {
    "rates": {"EUR": 1, "US D.x": 2},
    "names": {"a": ""},
    "pays": {"x": {"what": "y", "price": 2.0}},
    "when": "2026-03-01",
    "ref": 5,
    "flag": True,
    "mode": "auto",
    "wait": "PT90S",
    "pause": "PT5M",
}


def post(form: SchemaForm, op: str = "", schema: Any = None, **typed: str) -> SchemaForm:
    names = {name.replace("__", "."): value for name, value in typed.items()}
    again = SchemaForm.posted(schema or SCHEMA, submitted(form, op, **names))
    again.act()
    return again


def at(form: SchemaForm, *path: str | int) -> Any:
    part: Any = form.root
    for key in path:
        part = part.child(key)
    return part


def errors_of(form: SchemaForm) -> dict[str, str]:
    return {complaint.target: complaint.message for complaint in form.complaints}


def page_of(form: SchemaForm) -> str:
    return render_to_string("dashboard/forms/form.html", {"form": form, "verb": "Send"})


def test_a_value_comes_back_as_it_was():
    form = post(SchemaForm.blank(SCHEMA, FULL))

    assert form.check(), form.complaints
    assert ADAPTER.validate_python(form.draft()) == ADAPTER.validate_python(FULL)


# Maps.


def test_a_map_is_rows_of_keys_and_values():
    form = SchemaForm.blank(SCHEMA, FULL)

    rates = at(form, "rates")
    assert isinstance(rates, BoundPairs)
    assert [(row.key, row.draft()) for row in rates.rows] == [("EUR", 1), ("US D.x", 2)]
    assert 'name="data.rates.0:key"' in page_of(form)


def test_a_pair_is_added_and_gets_the_focus_and_is_removed():
    form = post(SchemaForm.blank(SCHEMA, FULL), "add:data.rates")
    assert form.focus == "data.rates.2:key"

    form = post(form, "remove:data.rates.0", **{"data.rates.2:key": "GBP", "data.rates.2": "3"})
    assert form.draft()["rates"] == {"US D.x": 2, "GBP": 3}


def test_a_required_map_begins_with_one_pair_and_empty_pairs_are_dropped():
    form = post(SchemaForm.blank(SCHEMA), data__ref="1", **{"data.ref:kind": "0"})

    assert len(at(form, "rates").rows) == 1
    assert form.check()
    assert form.draft()["rates"] == {}


def test_a_missing_or_repeated_key_is_explained():
    form = post(SchemaForm.blank(SCHEMA, FULL), **{"data.rates.0:key": ""})
    assert not form.check()
    assert errors_of(form) == {"data.rates.0:key": "Enter a key."}

    form = post(SchemaForm.blank(SCHEMA, FULL), **{"data.rates.0:key": "US D.x"})
    assert not form.check()
    assert "is in two rows" in next(iter(errors_of(form).values()))

    form = post(SchemaForm.blank(SCHEMA, FULL), **{"data.rates.0:key": "$signalbox:secret-json"})
    assert not form.check()
    assert "is reserved" in next(iter(errors_of(form).values()))
    form = post(form, "tab:json")
    assert form.tab == "form"
    assert [row.draft() for row in at(form, "rates").rows] == [1, 2]


def test_the_servers_errors_stand_at_the_value_of_the_key():
    form = post(SchemaForm.blank(SCHEMA, FULL | {"rates": {"EUR": 1, "USD": "x"}}))
    form.refuse([{"loc": ("rates", "USD"), "msg": "No number", "type": "x"}])
    form.refuse([{"loc": ("rates", "EUR", "[key]"), "msg": "No key", "type": "x"}])

    assert form.root.child("rates").rows[1].errors == ["No number."]
    assert form.root.child("rates").rows[0].errors == ["No key."]


@pytest.mark.parametrize("value", [{"": 1}, {str(n): n for n in range(60)}, [1]])
def test_a_map_that_cannot_be_rows_is_json(value):
    form = post(SchemaForm.blank(SCHEMA, FULL | {"rates": value}))

    assert isinstance(at(form, "rates"), BoundRaw)
    assert form.draft()["rates"] == value


def test_a_map_of_anything_has_a_key_and_json_in_each_row():
    schema = TypeAdapter(dict[str, Any]).json_schema()

    form = SchemaForm.blank(schema, {"a": [1, None]})
    assert isinstance(form.root, BoundPairs)
    assert isinstance(form.root.rows[0].part, BoundRaw)


# One of several kinds.


@pytest.mark.parametrize(
    ("type_", "value", "label"),
    [
        (int | str, 5, "Whole number"),
        (int | str, "5", "Text"),
        (str | float, "x", "Text"),
        (str | float, 1.5, "Number"),
        (bool | int, False, "No"),
        (bool | int, 0, "Whole number"),
        (date | str, "2026-03-01", "Date"),
        (date | str, "tomorrow", "Text"),
        (date | int | None, "2026-03-01", "Date"),
        (Literal["auto"] | int, "auto", "Auto"),
    ],
)
def test_a_value_finds_its_kind_and_comes_back(type_, value, label):
    schema = TypeAdapter(type_).json_schema()
    form = SchemaForm.blank(schema, value)

    assert isinstance(form.root, BoundEither)
    assert form.root.chosen is not None
    assert form.root.chosen.label == label
    again = post(form, schema=schema)
    assert again.check()
    assert again.draft() == value
    assert type(again.draft()) is type(value)


def test_no_kind_is_chosen_for_somebody():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__ref="7", **{"data.ref:kind": ""})

    assert not form.check()
    assert errors_of(form) == {"data.ref": "Choose one."}
    assert at(form, "ref").raw == "7"


def test_a_text_of_another_kind_is_explained():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__ref="7a")

    assert not form.check()
    assert "“7a” is not a number" in errors_of(form)["data.ref"]


def test_of_the_servers_errors_only_those_of_the_chosen_kind_are_shown():
    schema = TypeAdapter(Odd).json_schema()
    form = SchemaForm.blank(schema, FULL | {"when": "2026-03-01"})
    form.refuse(
        [
            {"loc": ("ref", "int"), "msg": "Bad number", "type": "x"},
            {"loc": ("ref", "str"), "msg": "Bad text", "type": "x"},
        ]
    )

    assert at(form, "ref").errors == ["int: Bad number."]


@pytest.mark.parametrize("kind", ["9", "-1", "x", "9" * 50])
def test_a_forged_kind_is_ignored(kind):
    assert not post(SchemaForm.blank(SCHEMA, FULL), **{"data.ref:kind": kind}).check()


# Durations.


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("PT15M", "15", "minutes"),
        ("PT1H30M", "90", "minutes"),
        ("P2D", "2", "days"),
        ("P14D", "2", "weeks"),
        ("PT0.5S", "0.5", "seconds"),
        ("-PT5S", "-5", "seconds"),
        ("PT0S", "0", "seconds"),
        ("P1Y", "P1Y", "iso"),
        ("soon", "soon", "iso"),
        ("P", "P", "iso"),
    ],
)
def test_a_duration_is_read_as_a_number_and_a_unit(text, amount, unit):
    assert durations.read(text) == (amount, unit)


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        ("15", "minutes", "PT15M"),
        ("1.5", "hours", "PT5400S"),
        ("-2", "weeks", "-P2W"),
        ("+3", "days", "P3D"),
        ("P1Y", "iso", "P1Y"),
        ("1e3", "days", None),
        ("", "days", None),
        ("٣", "days", None),
        ("9" * 50, "days", None),
    ],
)
def test_a_duration_is_written(amount, unit, text):
    assert durations.written(amount, unit) == text


@given(st.timedeltas(max_value=timedelta(days=100_000)))
def test_every_duration_survives(value):
    adapter = TypeAdapter(timedelta)
    text = adapter.dump_python(value, mode="json")

    assert adapter.validate_python(durations.written(*durations.read(text)) or "") == value


def test_an_invalid_duration_is_explained_and_stays():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__wait="ten")

    assert not form.check()
    assert "“ten” is not a number" in errors_of(form)["data.wait"]
    assert at(form, "wait").raw == "ten"


def test_an_empty_duration_is_left_out():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__wait="", data__pause="")

    assert form.check()
    assert "wait" not in form.draft()
    assert "pause" not in form.draft()


# Passwords.


class Login(BaseModel):
    name: str = Field(min_length=3)
    password: SecretStr
    others: list[SecretStr] = []


def test_a_password_is_never_written_into_the_page_again():
    schema = TypeAdapter(Login).json_schema()
    form = SchemaForm.blank(schema, {"name": "ana", "password": "hunter2", "others": ["s3cret"]})
    assert "hunter2" not in page_of(form)
    assert "s3cret" not in page_of(form)

    data = submitted(form, **{"data.name": "x", "data.password": "hunter2"})
    form = SchemaForm.posted(schema, data)
    assert form.draft()["password"] == "hunter2"
    with pytest.raises(ValidationError) as refusal:
        Login.model_validate(form.draft())
    form.refuse(refusal.value.errors())
    page = page_of(form)
    assert "hunter2" not in page
    assert "type it again" in page

    data["op"] = "tab:json"
    turned = SchemaForm.posted(schema, data)
    turned.act()
    assert turned.tab == "json"
    assert "hunter2" not in page_of(turned)
    assert turned.has_secrets
    assert "data-no-draft" in page_of(turned)


def test_markup_is_text_everywhere_in_a_form():
    class Bad(BaseModel):
        free: dict[str, str] = Field(title=NASTY, description=NASTY)
        either: int | str = Field(alias=NASTY)
        wait: timedelta = Field(title=NASTY)

    schema = TypeAdapter(Bad).json_schema()
    form = SchemaForm.blank(schema, {"free": {NASTY: NASTY}, NASTY: NASTY, "wait": NASTY})
    form.root.walk()

    page = page_of(form)

    assert "<script" not in page
    assert page.count("</textarea>") == page.count("<textarea")
