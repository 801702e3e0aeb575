"""Schemas: what fits a type, and how values become JSON and come back."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="arg-type, call-arg, index, union-attr"

import dataclasses
import datetime
import enum
import json
import math
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from workflows_app import errors
from workflows_app.definition import ANY, MISSING, Schema
from workflows_app.jsontext import Raw

NAN = float("nan")
INFINITY = float("inf")


class Order(BaseModel):
    id: str
    total: float = 0
    due: datetime.date | None = None


class OrderLike(BaseModel):
    id: str
    total: float
    due: datetime.date


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(alias=to_camel))
    first_name: str


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    due: datetime.date


class Worded(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="strings")
    score: float
    note: str | None = None


@dataclasses.dataclass
class Point:
    x: float
    y: float | None = None


class Color(enum.Enum):
    RED = "red"


class Opaque:
    pass


ORDER = Schema(Order)


def test_no_type_reads_and_writes_plain_json():
    assert Schema().is_any
    assert Schema(None).is_any
    assert ANY.load('{"a": [1, null]}') == {"a": [1, None]}
    assert ANY.load(b"1") == 1
    assert ANY.load(Raw("[true]")) == [True]
    assert ANY.dump({"a": [1, None]}) == b'{"a":[1,null]}'
    value = Opaque()
    assert ANY.check(value) is value
    assert ANY.json_schema() is None
    assert repr(ANY).endswith("Any)")
    assert repr(ORDER) == "Schema(Order)"
    assert "MISSING" in repr(MISSING)


@pytest.mark.parametrize(
    "value",
    [
        2**64,
        -(2**70),
        2**53 + 1,
        10**30,
        ["a", {"b": None}],
        "\x00",
        "größe",
        1e300,
    ],
)
def test_what_was_written_is_read_as_it_was(value):
    text = ANY.dump(value)
    assert json.loads(text) == value
    again = ANY.load(text)
    assert again == value
    assert type(again) is type(value)


def test_text_that_is_not_json_is_refused():
    with pytest.raises(ValueError, match="Expecting"):
        ANY.load("{")
    with pytest.raises(ValidationError):
        ORDER.load("{")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Order(id="a"), '{"id":"a","total":0.0,"due":null}'),
        (Point(1, 2), '{"x":1,"y":2}'),
        (Camel(firstName="Ada"), '{"first_name":"Ada"}'),
        (datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC), '"2024-02-29T12:00:00Z"'),
        (datetime.timedelta(seconds=3), '"PT3S"'),
        (Decimal("1.10"), '"1.10"'),
        (Decimal("NaN"), '"NaN"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Color.RED, '"red"'),
        (Path("a/b"), '"a/b"'),
        ({1, }, "[1]"),
        ((1, "a"), '[1,"a"]'),
        ({1: "a"}, '{"1":"a"}'),
        ("Infinity and NaN and null", '"Infinity and NaN and null"'),
        (None, "null"),
    ],
)  # fmt: skip
def test_what_pydantic_can_write_is_json(value, text):
    assert ANY.dump(value).decode() == text
    assert ANY.dump({"deep": [value]}).decode() == '{"deep":[' + text + "]}"


def loop() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Opaque(), "Opaque"),
        ([{"a": Opaque()}], "Opaque"),
        (Opaque, "type"),
        (print, "builtin_function_or_method"),
        (ValueError("x"), "ValueError"),
        (loop(), "Circular"),
        (b"\xff", "utf-8"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_its_type(value, named):
    with pytest.raises(errors.SerializationError, match=named):
        ANY.dump(value)


def test_a_typed_value_that_json_cannot_hold_is_refused():
    schema = Schema(Annotated[Any, Field(description="anything")])
    with pytest.raises(errors.SerializationError, match="Opaque"):
        schema.dump({"a": Opaque()})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (NAN, "nan"),
        ({"a": [1, {"b": NAN}]}, r"nan at 'a\.1\.b'"),
        ([-INFINITY], "-inf at '0'"),
        ({"model": Order(id="a", total=NAN)}, r"nan at 'model\.total'"),
        ({"point": Point(x=INFINITY)}, r"inf at 'point\.x'"),
        ((None, {"s": [NAN]}), r"nan at '1\.s\.0'"),
        ({NAN}, "nan at '0'"),
    ],
)
def test_nan_and_infinity_are_refused_with_their_place(value, place):
    with pytest.raises(errors.SerializationError, match=f"JSON has no number for {place}"):
        ANY.dump(value)


@pytest.mark.parametrize("number", [NAN, INFINITY, -INFINITY])
def test_nan_and_infinity_as_keys_of_no_type_are_refused(number):
    for value in ({number: 1}, {"a": [{number: 2}]}, {(number, 1): 1}, {None: 1, number: 2}):
        for schema in (ANY, Schema(dict), Schema(dict[Any, Any])):
            with pytest.raises(
                errors.SerializationError, match=f"no number for {number}|twice|two"
            ):
                schema.dump(value)
    typed = Schema(dict[float, int])
    assert str(typed.load(typed.dump({number: 1}))) == str({number: 1})


def test_none_as_a_key_is_not_taken_for_a_lost_number():
    assert ANY.dump({None: 1, "None of them": None}) == b'{"None":1,"None of them":null}'


def test_nan_and_infinity_in_a_typed_value_are_refused():
    with pytest.raises(errors.SerializationError, match="nan at 'total'"):
        ORDER.dump(Order(id="a", total=NAN))
    with pytest.raises(errors.SerializationError, match=r"inf at '1\.y'"):
        Schema(list[Point]).dump([Point(1), Point(1, INFINITY)])
    with pytest.raises(errors.SerializationError, match="nan"):
        Schema(float).dump(NAN)


def test_a_model_that_writes_nan_as_text_may():
    assert Schema(Worded).dump(Worded(score=NAN)) == b'{"score":"NaN","note":null}'
    assert math.isnan(Schema(Worded).load('{"score":"NaN","note":null}').score)
    assert ANY.dump([Worded(score=NAN)]) == b'[{"score":"NaN","note":null}]'


def test_none_and_text_are_not_taken_for_lost_numbers():
    assert ORDER.dump(Order(id="null NaN")) == b'{"id":"null NaN","total":0.0,"due":null}'
    assert ANY.dump([None, 1.5, {"a": {2.5}}]) == b'[null,1.5,{"a":[2.5]}]'


@pytest.mark.parametrize("schema", [ANY, Schema(dict[str, Any]), Schema(dict[str, str])])
def test_half_of_a_character_pair_is_written_as_its_escape_with_and_without_a_type(schema):
    text = schema.dump({"caf\udce9": "\ud800", "pair": "\ud83d\ude00"})
    assert schema.load(text) == {"caf\\udce9": "\\ud800", "pair": "😀"}
    assert text.decode().encode()


def test_an_instance_passes_as_it_is():
    order = Order(id="a")
    assert ORDER.check(order) is order


def test_what_is_given_from_python_is_validated():
    assert ORDER.check({"id": "a", "total": "3"}) == Order(id="a", total=3)
    with pytest.raises(ValidationError, match="1 validation error") as refusal:
        ORDER.check({"total": 3})
    assert refusal.value.errors()[0]["loc"] == ("id",)


def test_a_model_of_the_same_shape_fits():
    like = OrderLike(id="a", total=3, due=datetime.date(2024, 2, 29))
    assert ORDER.check(like) == Order(id="a", total=3, due=datetime.date(2024, 2, 29))
    assert Schema(list[Order]).check([like])[0].id == "a"
    assert Schema(dict).check(like)["total"] == 3


def test_json_given_from_python_fits_a_strict_type():
    assert Schema(Strict).check({"due": "2024-02-29"}).due == datetime.date(2024, 2, 29)


@pytest.mark.parametrize("value", [{"id": 5}, OrderLike.model_construct(id=5), Opaque(), 5])
def test_what_fits_in_no_way_is_refused_as_it_was_given(value):
    with pytest.raises(ValidationError):
        ORDER.check(value)


def test_values_are_written_by_the_names_of_their_fields_and_read_by_aliases_too():
    schema = Schema(Camel)
    text = schema.dump(Camel(firstName="Ada"))
    assert text == b'{"first_name":"Ada"}'
    assert schema.load(text) == Camel(firstName="Ada")
    assert schema.load(b'{"firstName":"Ada"}') == Camel(firstName="Ada")
    assert schema.check({"first_name": "Ada"}) == schema.check({"firstName": "Ada"})


def test_defaults_of_a_type_are_applied_when_read():
    assert ORDER.load('{"id": "a"}') == Order(id="a", total=0, due=None)


def test_a_value_that_was_not_validated_is_written_without_a_warning():
    assert Schema(int).dump("not a number") == b'"not a number"'


def test_the_json_schema_is_a_fresh_copy_for_each_direction():
    taken, given = ORDER.json_schema(), ORDER.json_schema("serialization")
    assert taken["required"] == ["id"]
    assert given["properties"].keys() == taken["properties"].keys()
    taken.clear()
    assert ORDER.json_schema()["title"] == "Order"


def test_a_type_without_a_json_schema_has_none():
    class Odd(BaseModel):
        call: Any = Field(json_schema_extra=lambda _schema: 1 / 0)

    assert Schema(Odd).json_schema() is None


def test_a_json_schema_holds_nothing_but_json():
    class Fields(BaseModel):
        tags: set[str] = {"b", "a", "c"}
        limit: float = INFINITY
        big: int = Field(default=1, le=2**70)
        maker: Any = print
        shown: Annotated[
            Opaque | None, PlainSerializer(str), BeforeValidator(str), WithJsonSchema({})
        ] = Field(default=None)
        model_config = ConfigDict(arbitrary_types_allowed=True)

    schema = Schema(Fields).json_schema()
    assert schema["properties"]["tags"]["default"] == ["a", "b", "c"]
    assert schema["properties"]["limit"]["default"] is None
    assert schema["properties"]["big"]["maximum"] == 2**70
    assert "default" not in schema["properties"]["maker"]
    json.dumps(schema, allow_nan=False)
