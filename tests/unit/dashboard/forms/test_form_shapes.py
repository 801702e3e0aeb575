"""Forms for objects of one of several shapes."""

from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dashboard.forms.form import SchemaForm
from dashboard.forms.inputs import BoundRaw
from tests.unit.dashboard.forms.browser import submitted


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str = Field(min_length=4)


class Transfer(BaseModel):
    kind: Literal["transfer"] = "transfer"
    iban: str
    days: int = 3


class Payment(BaseModel):
    amount: int
    how: Annotated[Card | Transfer, Field(discriminator="kind")]
    back: Card | Transfer | None = None
    more: list[Card | Transfer] = []


ADAPTER = TypeAdapter(Payment)
SCHEMA = ADAPTER.json_schema()
FULL = {"amount": 1, "how": {"kind": "transfer", "iban": "NL1", "days": 3}}


def post(form, op="", **typed):
    names = {name.replace("__", "."): value for name, value in typed.items()}
    again = SchemaForm.posted(SCHEMA, submitted(form, op, **names))
    again.act()
    return again


def errors_of(form):
    return {complaint.target: complaint.message for complaint in form.complaints}


def test_a_shape_is_asked_for_first():
    form = post(SchemaForm.blank(SCHEMA), data__amount="1")

    assert not form.check()
    assert errors_of(form) == {"data.how:shape": "Choose one."}


def test_choosing_a_shape_shows_its_fields_and_keeps_the_rest():
    form = post(
        SchemaForm.blank(SCHEMA),
        "shape:data.how:shape",
        data__amount="1",
        **{"data.how:shape": "1"},
    )
    assert form.root.child("how").child("days").raw == "3"
    assert form.focus == "data.how:shape"

    form = post(form, data__how__iban="NL1")
    assert form.check()
    assert ADAPTER.validate_python(form.draft()).how == Transfer(iban="NL1")


def test_a_shape_whose_fields_nobody_saw_is_not_sent():
    form = SchemaForm.blank(SCHEMA, FULL)
    form = post(form, **{"data.how:shape": "0"})

    assert not form.check()
    assert "Another shape was chosen" in errors_of(form)["data.how:shape"]


@pytest.mark.parametrize("number", ["7", "-1", "x", "9" * 40])
def test_a_forged_shape_is_ignored(number):
    form = post(SchemaForm.blank(SCHEMA, FULL), **{"data.how:shape": number})

    assert not form.check()


def test_a_value_of_no_shape_is_json():
    form = SchemaForm.blank(SCHEMA, FULL | {"how": {"kind": "cash"}})

    assert isinstance(form.root.child("how"), BoundRaw)
    assert post(form).draft()["how"] == {"kind": "cash"}


@pytest.mark.parametrize("key", ["how", "back"])
def test_the_servers_errors_stand_at_the_fields_of_the_chosen_shape(key):
    value = FULL | {key: {"kind": "card", "number": "1"}}
    form = post(SchemaForm.blank(SCHEMA, value))
    with pytest.raises(ValidationError) as refusal:
        ADAPTER.validate_python(value)
    form.refuse(refusal.value.errors())

    assert errors_of(form) == {f"data.{key}.number": "String should have at least 4 characters."}


SHAPES = st.builds(Card, number=st.text("123", min_size=4)) | st.builds(
    Transfer, iban=st.text("NL1", min_size=1)
)


@given(st.builds(Payment, how=SHAPES, back=st.none() | SHAPES, more=st.lists(SHAPES, max_size=3)))
def test_every_value_survives_the_form_and_both_tabs(value):
    form = SchemaForm.blank(SCHEMA, ADAPTER.dump_python(value, mode="json"))
    for op in ("", "tab:json", "tab:form", ""):
        form = SchemaForm.posted(SCHEMA, submitted(form, op))
        form.act()

    assert form.check()
    assert ADAPTER.validate_python(form.draft()) == value
