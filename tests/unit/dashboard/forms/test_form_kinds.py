"""Each type that a form shows: what it posts is the value that the type reads from Python."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from django.template.loader import render_to_string
from pydantic import (
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
)

from dashboard.forms.form import SchemaForm
from dashboard.forms.inputs import BoundRaw
from tests.unit.dashboard.forms.browser import submitted
from workflows_app.definition.schemas import Schema


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 5


class Point(NamedTuple):
    x: int
    y: float


class Line(BaseModel):
    what: str
    price: Decimal = Field(ge=0, decimal_places=2)
    tags: set[str] = set()


class Order(BaseModel):
    lines: list[Line]
    ship_to: dict[str, str] = {}


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Node(BaseModel):
    name: str
    children: list["Node"] = []
    named: dict[str, "Node"] = {}


class Chain(BaseModel):
    value: int
    after: "Chain | None" = None


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]
TREE = Node(name="a", children=[Node(name="b", children=[Node(name="c")])])
DEEP = Node(name="d", children=[Node(name="e", children=[TREE])])
CET = timezone(timedelta(hours=1))

KINDS: list[tuple[Any, Any]] = [
    (float | str, 1.5),
    (float | str, "1.5"),
    (float | str, "text"),
    (str | float, 2.5),
    (int | str | None, None),
    (int | bool, True),
    (int | float, 3),
    (date | str, date(2026, 3, 1)),
    (Decimal | None, Decimal("1.10")),
    (Decimal, Decimal("0.30000000000000000001")),
    (Annotated[int, Field(ge=1, le=9, multiple_of=3)], 6),
    (Annotated[Decimal, Field(max_digits=4, decimal_places=2)], Decimal("12.34")),
    (dict[str, Any], {"a": [1, {"b": None}], "c d.e": "text", "n": None}),
    (dict[str, Any] | None, None),
    (dict, {"x": 1}),
    (dict[str, list[int]], {"a": [1, 2], "b": []}),
    (dict[int, str], {7: "seven"}),
    (list[Line], [Line(what="x", price=Decimal("1.20"), tags={"new"})]),
    (Order, Order(lines=[Line(what="y", price=Decimal(3))], ship_to={"nl": "Home"})),
    (Colour, Colour.BLUE),
    (Colour | None, None),
    (Level, Level.HIGH),
    (Literal["a", 1, True, None], None),
    (Literal["a", 1], 1),
    (set[Colour], {Colour.RED}),
    (frozenset[int], frozenset({1, 2})),
    (tuple[int, str], (1, "one")),
    (tuple[int, str | None, Point], (1, None, Point(2, 2.5))),
    (tuple[int, str] | None, None),
    (list[tuple[str, int]], [("a", 1), ("b", 2)]),
    (tuple[int, ...], (1, 2, 3)),
    (Point, Point(1, 0.5)),
    (Pet, Dog(kind="dog", name="Rex")),
    (list[Pet], [Cat(kind="cat", lives=9), Dog(kind="dog", name="Rex")]),
    (TREE.__class__, TREE),
    (Node, DEEP),
    (Chain, Chain(value=1, after=Chain(value=2))),
    (date, date(2026, 2, 28)),
    (time, time(9, 30)),
    (datetime, datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
    (AwareDatetime, datetime(2026, 3, 1, 9, 30, 15, tzinfo=CET)),
    (timedelta, timedelta(days=1, minutes=5)),
    (timedelta | None, None),
    (bytes, b"some text\nof two lines"),
    (Base64Bytes, b"raw"),
    (UUID, UUID("0199f0a0-0000-7000-8000-000000000001")),
    (HttpUrl, TypeAdapter(HttpUrl).validate_python("https://example.org/a")),
    (bool | None, False),
    (str | None, ""),
    (str | None, None),
    (list[str | None], ["a", ""]),
]


def _named(pair: Any) -> str:
    return str(getattr(pair, "__name__", pair))[:40]


def value_of(type_: Any, form: SchemaForm) -> Any:
    assert form.check(), form.complaints
    return TypeAdapter(type_).validate_json(_json(form.draft()))


def _json(value: Any) -> bytes:
    return TypeAdapter(Any).dump_json(value)


def posted(schema: Mapping[str, Any] | None, form: SchemaForm, op: str = "") -> SchemaForm:
    again = SchemaForm.posted(schema, submitted(form, op))
    again.act()
    return again


@pytest.mark.parametrize(("type_", "value"), KINDS, ids=_named)
def test_a_form_posts_the_value_that_it_shows(type_: Any, value: Any) -> None:
    adapter, schema = TypeAdapter(type_), Schema(type_).json_schema()
    given = adapter.dump_python(value, mode="json")

    form = posted(schema, SchemaForm.blank(schema, given))

    assert value_of(type_, form) == value
    assert render_to_string("dashboard/forms/form.html", {"form": form, "verb": "Send"})


@pytest.mark.parametrize(("type_", "value"), KINDS, ids=_named)
def test_the_json_tab_and_the_form_stay_in_step(type_: Any, value: Any) -> None:
    adapter, schema = TypeAdapter(type_), Schema(type_).json_schema()
    form = SchemaForm.blank(schema, adapter.dump_python(value, mode="json"))

    as_text = posted(schema, form, "tab:json")
    again = posted(schema, posted(schema, as_text, "tab:form"))

    if as_text.has_tabs:
        assert as_text.tab == "json"
        assert value_of(type_, as_text) == value
    assert value_of(type_, again) == value


@pytest.mark.parametrize(
    "type_",
    [
        float | str,
        dict[str, Any],
        dict,
        tuple[int, str],
        Point,
        list[tuple[str, int]],
        bytes,
        Node,
        list[Pet],
        Level,
    ],
    ids=_named,
)
def test_nothing_of_these_is_left_to_json_alone(type_: Any) -> None:
    form = SchemaForm.blank(Schema(type_).json_schema())

    whole = [part for part in form.root.walk() if isinstance(part, BoundRaw)]
    assert all(part.name.count(".") and "0" in part.name for part in whole)
    assert form.has_tabs


def typed(type_: Any, **texts: str) -> SchemaForm:
    schema = Schema(type_).json_schema()
    names = {name.replace("__", ":").replace("_", "."): text for name, text in texts.items()}
    return SchemaForm.posted(schema, submitted(SchemaForm.blank(schema), **names))


def test_a_number_or_a_text_is_what_was_chosen() -> None:
    number = typed(float | str, data="12", data__kind="0")
    text = typed(float | str, data="12", data__kind="1")

    assert (number.draft(), text.draft()) == (12, "12")
    assert not typed(float | str, data="twelve", data__kind="0").check()


def test_an_empty_text_is_distinct_from_no_value() -> None:
    class Note(BaseModel):
        text: str | None = "default"

    assert typed(Note, data_text="").draft() == {"text": None}
    assert typed(Note, data_text="", data_text__blank="1").draft() == {"text": ""}
    assert typed(Note, data_text="x", data_text__blank="1").draft() == {"text": "x"}


def test_what_is_missing_in_a_list_of_one_length_is_said_at_its_place() -> None:
    form = typed(tuple[int, str], data_0="1", data_1="")

    assert not form.check()
    assert [each.target for each in form.complaints] == ["data.1"]
    form.refuse([{"loc": (0,), "msg": "Too small", "type": "x"}])
    assert "data.0" in [each.target for each in form.complaints]


def test_json_in_a_map_that_cannot_be_read_is_said_in_its_row() -> None:
    form = typed(dict[str, Any], data__rows="1", data_0__key="a", data_0="hello")

    assert not form.check()
    assert form.complaints[0].target == "data.0"


def test_a_shape_that_holds_itself_ends_as_json() -> None:
    schema = Schema(Node).json_schema()
    form = SchemaForm.blank(schema)
    for depth in range(3):
        form = posted(schema, form, f"add:data.{'children.0.' * depth}children")

    assert any(isinstance(part, BoundRaw) for part in form.root.walk())


def test_a_secret_is_never_shown_and_is_read() -> None:
    form = typed(SecretStr, data="hunter2")

    assert value_of(SecretStr, form) == SecretStr("hunter2")
    page = render_to_string("dashboard/forms/form.html", {"form": form, "verb": "Send"})
    assert "hunter2" not in page
