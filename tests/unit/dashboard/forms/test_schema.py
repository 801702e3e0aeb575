"""From JSON schemas, as Pydantic writes them, to fields."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter, create_model

from dashboard.forms.fields import (
    MISSING,
    Choice,
    Duration,
    Either,
    Fixed,
    FixedList,
    Group,
    Many,
    Number,
    OneOf,
    Pairs,
    Raw,
    Rows,
    Switch,
    Text,
)
from dashboard.forms.fields import Field as FormField
from dashboard.forms.schema import field_of
from dashboard.forms.summary import lines_of


class Kind(Enum):
    TRAVEL = "travel"
    MEALS = "meals"


class Address(BaseModel):
    """Where it goes."""

    street: str
    zip: str | None = None


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


def field_for(type_: Any) -> FormField:
    return field_of(TypeAdapter(type_).json_schema())


def part(type_: Any, **options: Any) -> FormField:
    """Return the field of a model's only attribute, `unit_price`."""
    model = create_model("Model", unit_price=(type_, Field(**options)))
    group = field_for(model)
    assert isinstance(group, Group)
    return group.fields[0]


@pytest.mark.parametrize(
    ("type_", "shape", "input_"),
    [
        (str, Text, "text"),
        (date, Text, "date"),
        (datetime, Text, "datetime-local"),
        (time, Text, "time"),
        (timedelta, Duration, None),
        (UUID, Text, "text"),
        (int, Number, None),
        (float, Number, None),
        (Decimal, Number, None),
        (bool, Switch, None),
        (Kind, Choice, None),
        (Literal["a", "b"], Choice, None),
        (Literal["a"], Fixed, None),
        (Address, Group, None),
        (list[int], Rows, None),
        (set[Kind], Many, None),
        (dict[str, int], Pairs, None),
        (int | str, Either, None),
        (Any, Raw, None),
        (tuple[int, str], FixedList, None),
        (list[Any], Rows, None),
        (Address | Tree, OneOf, None),
        (Address | int, Raw, None),
        (Address | Tree | None, OneOf, None),
    ],
)
def test_each_type_has_its_field(type_, shape, input_):
    field = part(type_)

    assert isinstance(field, shape)
    if input_:
        assert field.input == input_


def test_no_schema_means_any_json():
    assert isinstance(field_of(None), Raw)
    assert isinstance(field_of({}), Raw)


def test_an_optional_type_gives_the_field_of_the_type_that_may_be_null():
    for type_, shape in [(int | None, Number), (Kind | None, Choice), (Decimal | None, Number)]:
        field = part(type_)
        assert isinstance(field, shape)
        assert field.nullable


def test_an_optional_object_gives_a_group_that_may_be_null():
    field = part(Address | None, default=None)

    assert isinstance(field, Group)
    assert field.nullable
    assert not field.required
    assert not field.has_default


def test_a_default_makes_a_field_optional():
    field = part(int, default=3)

    assert field.default == 3
    assert not field.required


def test_a_decimal_keeps_its_digits_as_text():
    field = part(Annotated[Decimal, Field(gt=0, max_digits=6, decimal_places=2)])

    assert isinstance(field, Number)
    assert field.as_text
    assert field.hint == "More than 0."


def test_the_label_of_a_field_is_its_key_in_words():
    assert part(int).label == "Unit price"


def test_a_title_given_by_the_author_is_kept_as_it_is():
    assert part(int, title="Price per unit (EUR)").label == "Price per unit (EUR)"


def test_the_label_of_a_shared_object_is_the_key_and_not_the_name_of_its_class():
    assert part(Address).label == "Unit price"


def test_a_description_and_the_bounds_are_the_hint():
    field = part(int, description="What one costs", ge=1, le=500)

    assert field.hint == "What one costs. At least 1, at most 500."


def test_a_multiple_and_open_bounds_are_said_too():
    assert part(float, gt=0, lt=10, multiple_of=0.5).hint == (
        "More than 0, less than 10, a multiple of 0.5."
    )


def test_lengths_of_texts_and_lists_are_said():
    assert part(str, min_length=2, max_length=1200).hint == (
        "At least 2 characters, at most 1,200 characters."
    )
    assert part(list[int], min_length=2, max_length=2).hint == "Exactly 2 items."


def test_a_moment_says_its_time_zone():
    assert "UTC" in part(datetime).hint


@pytest.mark.parametrize(
    "options",
    [
        {"max_length": 1000},
        {"json_schema_extra": {"format": "textarea"}},
        {"json_schema_extra": {"contentMediaType": "text/csv"}},
    ],
)
def test_long_texts_have_several_lines(options):
    field = part(str, **options)

    assert isinstance(field, Text)
    assert field.input == "textarea"


def test_a_text_type_that_can_be_uploaded_knows_its_media_type():
    field = part(str, json_schema_extra={"contentMediaType": "text/csv"})

    assert isinstance(field, Text)
    assert field.media_type == "text/csv"


def test_few_required_options_are_all_shown_and_optional_ones_are_a_list():
    shown, listed = part(Kind), part(Kind | None, default=None)

    assert isinstance(shown, Choice)
    assert isinstance(listed, Choice)
    assert shown.is_radio
    assert not listed.is_radio


def test_options_have_readable_labels():
    field = part(Literal["too_large", "XL", 3, True])

    assert isinstance(field, Choice)
    assert [option.label for option in field.options] == ["Too large", "XL", "3", "Yes"]


def test_constants_with_titles_are_options_with_those_labels():
    schema = {"oneOf": [{"const": 1, "title": "Low"}, {"const": 2, "title": "High"}]}

    field = field_of(schema)

    assert isinstance(field, Choice)
    assert [(option.value, option.label) for option in field.options] == [(1, "Low"), (2, "High")]


def test_a_truth_value_without_a_default_must_be_chosen():
    asked, ticked = part(bool), part(bool, default=True)

    assert isinstance(asked, Switch)
    assert isinstance(ticked, Switch)
    assert not asked.is_checkbox
    assert ticked.is_checkbox


def test_a_list_of_objects_names_its_rows_after_the_object():
    field = part(list[Address])

    assert isinstance(field, Rows)
    assert isinstance(field.item, Group)
    assert field.item.label == "Address"


def test_a_list_of_values_names_its_rows_in_the_singular():
    schema = {"type": "array", "title": "Tags", "items": {"type": "string"}}

    field = field_of(schema)

    assert isinstance(field, Rows)
    assert field.item.label == "Tag"


def test_a_shape_that_holds_itself_in_rows_is_json_from_the_fourth_time():
    field: Any = field_for(Tree)

    for _ in range(3):
        assert isinstance(field, Group)
        assert isinstance(field.fields[1], Rows)
        field = field.fields[1].item
    assert isinstance(field, Raw)
    assert "contains itself" in field.reason


def test_one_shape_used_twice_is_not_taken_for_one_that_holds_itself():
    class Order(BaseModel):
        ship: Address
        bill: Address

    field = field_for(Order)

    assert isinstance(field, Group)
    assert all(isinstance(inner, Group) for inner in field.fields)


def test_a_reference_to_nowhere_is_any_json():
    assert isinstance(field_of({"$ref": "#/$defs/Gone"}), Raw)


def test_a_model_without_fields_is_an_empty_group():
    class Nothing(BaseModel):
        pass

    field = field_for(Nothing)

    assert isinstance(field, Group)
    assert field.fields == ()


def test_a_list_of_types_with_null_is_read_as_an_optional():
    field = field_of({"type": ["string", "null"]})

    assert isinstance(field, Text)
    assert field.nullable
    assert field.default is MISSING


def test_a_type_is_told_in_words_with_dotted_names():
    class Order(BaseModel):
        lines: list[Address]
        kind: Kind
        when: datetime | None = None
        big: bool
        free: dict[str, int]
        fixed: Literal["a"]
        some: set[Kind]
        count: int

    lines = lines_of(TypeAdapter(Order).json_schema())

    assert [(line.name, line.words, line.is_required) for line in lines] == [
        ("lines", "list of object", True),
        ("lines[].street", "text", True),
        ("lines[].zip", "text, or nothing", False),
        ("kind", "one of Travel, Meals", True),
        ("when", "date and time, or nothing", False),
        ("big", "yes or no", True),
        ("free", "keys, each with whole number", True),
        ("fixed", '"a"', True),
        ("some", "any of Travel, Meals", True),
        ("count", "whole number", True),
    ]
    assert lines_of(None) == []
