"""The form: showing values, reading what was posted, and losing nothing in between."""

import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dashboard.forms.form import SchemaForm
from dashboard.forms.inputs import BoundRaw
from tests.unit.dashboard.forms.browser import submitted


class Category(Enum):
    TRAVEL = "travel"
    MEALS = "meals"


class Line(BaseModel):
    what: str
    price: float = Field(gt=0)
    is_private: bool = False


class Person(BaseModel):
    name: str
    phone: str | None = None


class Expense(BaseModel):
    model_config = ConfigDict(extra="allow")

    title: str
    amount: int = Field(gt=0)
    category: Category
    lines: list[Line] = []
    tags: list[str] = []
    approver: Person | None = None
    urgent: bool = False
    paid: bool | None = None
    note: str = "none"
    day: date | None = None
    anything: dict[str, Any] = {}


SCHEMA = TypeAdapter(Expense).json_schema()

FULL = {
    "title": "Trip",
    "amount": 12,
    "category": "travel",
    "lines": [
        {"what": "Train", "price": 9.5, "is_private": False},
        {"what": "Bus", "price": 2.5, "is_private": True},
    ],
    "tags": ["a", "b"],
    "approver": {"name": "Ana", "phone": None},
    "urgent": True,
    "paid": False,
    "note": "x",
    "day": "2026-03-01",
    "anything": {"k": [1, None]},
}


def post(form: SchemaForm, op: str = "", **typed: str) -> SchemaForm:
    names = {name.replace("__", "."): value for name, value in typed.items()}
    again = SchemaForm.posted(SCHEMA, submitted(form, op, **names))
    again.act()
    return again


def pruned(value: Any) -> Any:
    """Return the value without optional keys that hold null: the form leaves those out."""
    if isinstance(value, dict):
        return {key: pruned(inner) for key, inner in value.items() if inner is not None}
    return [pruned(inner) for inner in value] if isinstance(value, list) else value


def at(form: SchemaForm, *path: str | int) -> Any:
    """Return the field in this place."""
    part: Any = form.root
    for key in path:
        part = part.child(key)
    return part


def errors_of(form: SchemaForm) -> dict[str, str]:
    return {complaint.target: complaint.message for complaint in form.complaints}


def test_a_value_comes_back_as_it_was():
    form = post(SchemaForm.blank(SCHEMA, FULL))

    assert form.check()
    assert pruned(form.draft()) == pruned(FULL)


def test_an_empty_form_asks_for_what_it_needs_and_marks_the_first():
    form = post(SchemaForm.blank(SCHEMA))

    assert not form.check()
    assert errors_of(form) == {
        "data.title": "Enter a value.",
        "data.amount": "Enter a value.",
        "data.category": "Choose one.",
    }
    assert [part.name for part in form.root.walk() if part.is_first_error] == ["data.title"]


def test_what_was_left_empty_is_left_out_so_that_the_types_own_defaults_apply():
    form = post(SchemaForm.blank(SCHEMA), data__title="T", data__amount="1", data__category="meals")

    assert form.check()
    assert form.draft() == {
        "title": "T",
        "amount": 1,
        "category": "meals",
        "lines": [],
        "tags": [],
        "urgent": False,
        "note": "none",
        "anything": {},
    }


def test_an_invalid_number_stays_in_its_field_with_an_error():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__amount="abc")

    assert not form.check()
    assert errors_of(form) == {
        "data.amount": "“abc” is not a number; write a whole number such as 12."
    }
    assert at(form, "amount").raw == "abc"


def test_a_comma_in_a_number_is_explained():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__lines__0__price="9,5")

    form.check()

    assert errors_of(form) == {"data.lines.0.price": "“9,5” has a comma; write 9.5."}


@pytest.mark.parametrize("text", ["1e999", "NaN", "1_000", "٣", "--1", "0x10", "9" * 5000])
def test_odd_numbers_are_refused_and_never_crash(text):
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}

    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema), **{"data.n": text}))

    assert not form.check()


def test_a_decimal_keeps_every_digit():
    schema = TypeAdapter(Decimal).json_schema()
    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema), data="0.10"))

    assert form.check()
    assert form.draft() == "0.10"


def test_emptying_a_text_with_a_default_means_an_empty_text():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__note="")

    assert form.check()
    assert form.draft()["note"] == ""


def test_emptying_a_nullable_field_with_a_default_means_null():
    schema = {
        "type": "object",
        "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 0}},
    }
    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema), **{"data.n": ""}))

    assert form.check()
    assert form.draft() == {"n": None}


def test_an_optional_object_is_left_out_until_something_is_typed_into_it():
    form = post(SchemaForm.blank(SCHEMA, FULL | {"approver": None}))
    assert form.check()
    assert "approver" not in form.draft()

    form = post(form, data__approver__phone="123")
    assert not form.check()
    assert errors_of(form) == {"data.approver.name": "Enter a value."}


def test_an_object_that_was_given_empty_stays_an_object():
    schema = {
        "type": "object",
        "properties": {
            "who": {
                "anyOf": [
                    {"type": "object", "properties": {"name": {"type": "string", "default": "x"}}},
                    {"type": "null"},
                ],
                "default": None,
            }
        },
    }

    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema, {"who": {}})))

    assert form.draft() == {"who": {"name": "x"}}


# Rows.


def test_a_row_can_be_added_and_gets_the_focus():
    form = post(SchemaForm.blank(SCHEMA, FULL), "add:data.lines", data__title="typed")

    assert len(at(form, "lines").rows) == 3
    assert form.focus == "data.lines.2.what"
    assert at(form, "title").raw == "typed"


def test_a_row_can_be_removed_and_the_others_move_up():
    form = post(SchemaForm.blank(SCHEMA, FULL), "remove:data.lines.0")

    assert [row.draft()["what"] for row in at(form, "lines").rows] == ["Bus"]
    assert at(form, "lines", 0, "what").name == "data.lines.0.what"


def test_a_list_does_not_grow_beyond_its_limit():
    schema = {"type": "array", "items": {"type": "string"}, "maxItems": 1}
    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema, ["a"]), "add:data"))
    form.act()

    assert len(at(form).rows) == 1


def test_a_required_list_shows_a_row_to_begin_with():
    assert len(at(SchemaForm.blank({"type": "array", "items": {"type": "string"}})).rows) == 1


def test_empty_rows_are_dropped_and_the_servers_indexes_still_meet_the_right_row():
    form = SchemaForm.blank(SCHEMA, FULL | {"lines": []})
    for _ in range(3):
        form = post(form, "add:data.lines")
    form = post(
        form,
        data__lines__0__what="Bus",
        data__lines__0__price="1",
        data__lines__2__what="Cab",
        data__lines__2__price="-1",
    )
    form.check()
    assert [line["what"] for line in form.draft()["lines"]] == ["Bus", "Cab"]

    form.refuse([{"loc": ("lines", 1, "price"), "msg": "Too low", "type": "x"}])

    assert at(form, "lines", 1, "what").raw == "Cab"
    assert errors_of(form) == {"data.lines.1.price": "Too low."}


def test_an_operation_that_names_nothing_changes_nothing():
    for op in (
        "add:data.nowhere",
        "remove:data.lines.77",
        "remove:data.title.0",
        "add:",
        "remove:x",
    ):
        form = post(SchemaForm.blank(SCHEMA, FULL), op)
        assert pruned(form.draft()) == pruned(FULL)


@pytest.mark.parametrize("count", ["", "x", "-1", "99999999999999999999", "٣", "51"])
def test_a_forged_number_of_rows_does_no_harm(count):
    form = post(SchemaForm.blank(SCHEMA, FULL), **{"data.lines:rows": count})

    assert len(at(form, "lines").rows) <= 50


def test_a_long_list_is_shown_as_json():
    schema = {"type": "array", "items": {"type": "integer"}}
    form = SchemaForm.blank(schema, list(range(60)))

    assert isinstance(form.root, BoundRaw)
    again = SchemaForm.posted(schema, submitted(form))
    assert again.check()
    assert again.draft() == list(range(60))


# Tabs.


def test_turning_to_json_and_back_keeps_what_was_typed_even_what_is_wrong():
    form = post(SchemaForm.blank(SCHEMA, FULL), "tab:json", data__amount="abc")
    assert form.tab == "json"
    assert json.loads(form.text)["amount"] == "abc"

    form = post(form, "tab:form")
    assert form.tab == "form"
    assert at(form, "amount").raw == "abc"
    assert pruned(form.draft()) == pruned(FULL | {"amount": "abc"})


def test_json_that_cannot_be_read_stays_on_its_tab():
    form = post(SchemaForm.blank(SCHEMA), "tab:json")
    form = post(form, "tab:form", json='{"title": ')

    assert form.tab == "json"
    assert form.text == '{"title": '
    assert "line 1, column 11" in form.complaints[0].message


def test_a_part_that_is_not_json_keeps_the_form_open():
    form = post(SchemaForm.blank(SCHEMA, FULL), "tab:json", data__anything__0="{")

    assert form.tab == "form"
    assert at(form, "anything", "k").part.raw == "{"
    assert any("not JSON" in complaint.message for complaint in form.complaints)


def test_keys_that_have_no_field_are_kept():
    value = FULL | {"colour": "red", "lines": [{"what": "A", "price": 1.0, "deep": {"x": 1}}]}

    form = post(SchemaForm.blank(SCHEMA, value))

    assert form.draft()["colour"] == "red"
    assert form.draft()["lines"][0]["deep"] == {"x": 1}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lines", "not a list"),
        ("approver", [1]),
        ("amount", True),
        ("title", 12),
        ("urgent", "perhaps"),
        ("day", {"y": 1}),
        ("category", 5),
    ],
)
def test_a_value_of_another_shape_is_shown_as_it_is(key, value):
    form = post(SchemaForm.blank(SCHEMA, FULL | {key: value}))

    assert form.draft()[key] == value or key == "urgent"


def test_the_json_tab_sends_what_it_holds():
    form = post(SchemaForm.blank(SCHEMA), "tab:json")
    form = post(form, json='{"title": "T", "list": [1.50, 12345678901234567890]}')

    assert form.check()
    assert form.draft() == {"title": "T", "list": [1.5, 12345678901234567890]}


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": 1, "a": 2}', "[" * 100_000])
def test_the_json_tab_says_what_is_not_json(text):
    form = post(SchemaForm.blank(SCHEMA), "tab:json")
    form = post(form, json=text)

    assert not form.check()
    assert form.text == text


def test_an_empty_json_tab_means_nothing():
    form = SchemaForm.blank(None)
    again = SchemaForm.posted(None, submitted(form))

    assert again.check()
    assert again.draft() is None


# The server's errors.


def test_the_servers_errors_stand_beside_their_fields():
    value = FULL | {
        "amount": -1,
        "lines": [{"what": "A", "price": -2}],
        "anything": {},
        "approver": {},
    }
    form = post(SchemaForm.blank(SCHEMA, value))
    try:
        Expense.model_validate(value)
    except ValidationError as refusal:
        form.refuse(refusal.errors())

    assert errors_of(form) == {
        "data.amount": "Input should be greater than 0.",
        "data.lines.0.price": "Input should be greater than 0.",
        "data.approver.name": "Enter a value.",
    }


def test_an_error_without_a_field_goes_to_the_nearest_one_and_says_where():
    form = SchemaForm.blank(SCHEMA, FULL)
    form.refuse(
        [
            {"loc": ("anything", "k", 1), "msg": "Bad", "type": "x"},
            {"loc": (), "msg": "Value error, the dates cross", "type": "value_error"},
            {"loc": ("unknown",), "msg": "Extra inputs are not permitted", "type": "x"},
        ]
    )

    assert at(form, "anything", "k").errors == ["2: Bad."]
    assert form.root.errors == ["The dates cross.", "unknown: Extra inputs are not permitted."]


def test_a_field_that_has_an_error_of_its_own_gets_no_second_one():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__amount="abc")
    form.check()
    form.refuse([{"loc": ("amount",), "msg": "Input should be a valid integer", "type": "x"}])

    assert len(at(form, "amount").errors) == 1


def test_on_the_json_tab_the_servers_errors_say_where_they_are():
    form = post(SchemaForm.blank(SCHEMA, FULL), "tab:json")
    form.refuse([{"loc": ("lines", 0, "price"), "msg": "Bad", "type": "x"}])

    assert form.complaints[0].message == "lines.1.price: Bad."


# Small print.


def test_names_with_dots_and_colons_do_not_meet():
    schema = {
        "type": "object",
        "properties": {
            "a.b": {"type": "string"},
            "a": {"type": "object", "properties": {"b": {"type": "string"}}},
            "x:json": {"type": "string"},
            "x": {"type": "string"},
            "100% sure": {"type": "string"},
        },
    }
    value = {"a.b": "1", "a": {"b": "2"}, "x:json": "3", "x": "4", "100% sure": "5"}

    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema, value)))

    assert form.draft() == value


def test_a_moment_is_shown_in_utc_and_sent_with_its_zone():
    schema = TypeAdapter(datetime).json_schema()
    form = SchemaForm.blank(schema, "2026-03-01T12:00:00+02:00")
    assert at(form).raw == "2026-03-01T10:00:00"

    form = SchemaForm.posted(schema, submitted(form))
    assert form.draft() == "2026-03-01T10:00:00Z"


def test_an_invalid_date_is_shown_in_a_plain_field():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__day="31 March")

    assert at(form, "day").input == "text"
    assert at(form, "day").raw == "31 March"


def test_an_invalid_option_stays_visible():
    form = post(SchemaForm.blank(SCHEMA, FULL), data__category="boats")

    assert form.draft()["category"] == "boats"
    assert ("boats", "boats (not one of the options)", True) in at(form, "category").choices


def test_lines_of_a_long_text_end_as_they_do_everywhere_but_in_browsers():
    schema = {"type": "string", "contentMediaType": "text/csv"}
    form = SchemaForm.posted(schema, submitted(SchemaForm.blank(schema), data="a,b\r\n1,2\r\n"))

    assert form.draft() == "a,b\n1,2\n"


def test_an_uploaded_text_takes_the_place_of_the_typed_one():
    schema = {"type": "string", "contentMediaType": "text/csv"}
    data = submitted(SchemaForm.blank(schema), data="old")

    form = SchemaForm.posted(schema, data, {"data:file": "new"})

    assert form.draft() == "new"


ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


class Everything(BaseModel):
    text: str
    number: int
    ratio: float
    yes: bool
    maybe: bool | None = None
    word: Literal["a", "b", 1, 2]
    day: date
    hour: time
    moment: datetime
    people: list[Person]
    names: list[str]
    sets: set[Category]
    free: dict[str, int]


@given(
    st.builds(
        Everything,
        text=PRINTED,
        names=st.lists(PRINTED, max_size=5),
        people=st.lists(
            st.builds(
                Person,
                name=st.text("abc", min_size=1),
                phone=st.none() | st.text("123", min_size=1),
            ),
            max_size=3,
        ),
        ratio=st.floats(allow_nan=False, allow_infinity=False),
        moment=st.datetimes(timezones=ZONES).filter(lambda at: 1900 < at.year < 2100),
    )
)
def test_every_value_of_a_type_survives_the_form_and_both_tabs(value):
    adapter = TypeAdapter(Everything)
    schema = adapter.json_schema()
    form = SchemaForm.blank(schema, adapter.dump_python(value, mode="json"))

    for op in ("", "tab:json", "tab:form", ""):
        form = SchemaForm.posted(schema, submitted(form, op))
        form.act()

    assert form.check()
    assert adapter.validate_python(form.draft()) == value


@pytest.mark.parametrize(
    ("schema", "focus"),
    [
        ({"type": "array", "items": {"type": "string"}, "default": []}, "data:add"),
        (
            {
                "type": "object",
                "properties": {
                    "a": {"type": "array", "items": {"type": "string"}, "default": []},
                },
            },
            "data.a:add",
        ),
        ({"type": "array", "items": {"type": "string"}}, "data.0"),
        ({"type": "object", "properties": {"b": {"type": "string"}}}, "data.b"),
    ],
)
def test_the_first_of_a_form_has_the_focus_also_where_it_is_a_button_that_adds(schema, focus):
    form = SchemaForm.blank(schema)

    form.focus_first()

    assert form.focus == focus
