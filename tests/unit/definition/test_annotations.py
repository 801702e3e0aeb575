"""Types from annotations, also as text (like all in this file), local, late and missing."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="call-overload, import-not-found, index, name-defined, union-attr"

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import typing
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pytest
import typing_extensions
from pydantic import BaseModel, Field

from workflows_app import errors
from workflows_app.definition import Builder, step

if TYPE_CHECKING:
    from somewhere import Context, Elsewhere

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"


class Page(BaseModel, Generic[T]):
    items: list[T]


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Line:
    start: Point
    color: Color


class Options(typing_extensions.TypedDict, total=False):
    deep: bool


class Tree(BaseModel):
    children: list[Tree] = []


def test_the_type_of_the_context_does_not_matter():
    def asks(value: int, ctx: Context) -> int:
        return value

    assert step(asks).input.load("3") == 3
    assert step(asks).arity == 2


def test_a_class_local_to_a_function_is_found():
    class Local(BaseModel):
        n: int

    @step
    def bare(value: Local) -> list[Local]:
        return [value]

    @step(retries=1)
    def with_options(value: Local) -> Local:
        return value

    assert bare.input.load('{"n": 1}') == Local(n=1)
    assert bare.output.load('[{"n": 1}]') == [Local(n=1)]
    assert with_options.output.load('{"n": 1}') == Local(n=1)
    assert step(lambda value: value, id="x", input=list["Local"]).input.load('[{"n": 1}]')


def test_a_class_local_to_an_outer_function_is_found():
    class Local(BaseModel):
        n: int

    def define() -> Any:
        @step
        def inner(value: Local) -> Any:
            return value

        return inner

    assert define().input.load('{"n": 1}') == Local(n=1)


def test_a_class_that_the_function_closes_over_is_found_by_whoever_wraps_it():
    def define() -> Any:
        class Local(BaseModel):
            n: int

        def inner(value: Local) -> Any:
            return Local(n=value.n + 1)

        return inner

    assert step(define()).input.load('{"n": 1}').n == 1


def test_a_name_that_is_not_set_yet_in_a_closure_is_no_harm():
    def inner(value: int) -> Any:
        return late(value)

    made = step(inner)
    late = str
    assert made.input.load("1") == 1
    assert made(1) == late(1)


def test_the_nearest_name_wins():
    class Order(BaseModel):
        outer: int

    def define() -> Any:
        class Order(BaseModel):
            inner: int

        @step
        def look(value: Order) -> Any:
            return value

        return look

    assert define().input.load('{"inner": 1}').inner == 1
    assert Order(outer=1).outer == 1


def test_a_plain_function_in_then_finds_local_classes_too():
    class Local(BaseModel):
        n: int

    def look(value: Local) -> Local:
        return value

    flow = Builder("order").then(look).commit()
    assert flow.tree.first.step.input.load('{"n": 1}') == Local(n=1)


def test_a_class_defined_after_the_step_is_found_at_commit():
    @step
    def early(value: Late) -> typing.List["Late"]:  # noqa: UP006, UP037
        return [value]

    class Late(BaseModel):
        n: int

    Builder("order").then(early).commit()
    assert early.input.load('{"n": 1}') == Late(n=1)
    assert early.output.load('[{"n": 1}]') == [Late(n=1)]


def test_a_class_defined_after_the_step_is_found_when_it_is_first_used():
    @step
    def early(value: Late) -> Late:
        return value

    class Late(BaseModel):
        n: int

    assert early.input.check({"n": 1}) == Late(n=1)
    assert early.output.dump(Late(n=1)) == b'{"n":1}'
    assert early.output.json_schema()["title"] == "Late"


def test_a_model_that_waits_for_another_is_completed_at_commit():
    class Outer(BaseModel):
        inner: Inner

    @step
    def early(value: Outer) -> Outer:
        return value

    class Inner(BaseModel):
        n: int

    Builder("order").then(early).commit()
    assert early.input.load('{"inner": {"n": 1}}').inner == Inner(n=1)


def test_a_name_that_is_never_there_is_refused_at_commit_with_the_name_of_the_step():
    @step
    def lost(value: Elsewhere) -> int:
        return 1

    flow = Builder("order").then(lost)
    with pytest.raises(errors.InvalidStep, match=r"input of Step 'lost'.*Elsewhere.*TYPE_CHECKING"):
        flow.commit()
    assert not flow.is_committed


def test_an_option_makes_up_for_a_name_that_is_not_there():
    @step(input=dict)
    def found(value: Elsewhere) -> datetime.missing:
        return value

    assert found.input.load("{}") == {}
    with pytest.raises(errors.InvalidStep, match=r"output of Step 'found'.*missing"):
        Builder("order").then(found).commit()


def test_a_model_that_is_never_complete_is_refused_at_commit():
    class Hollow(BaseModel):
        part: Elsewhere

    with pytest.raises(errors.InvalidStep, match=r"The input of Workflow 'order'.*Hollow"):
        Builder("order", input=Hollow).then(step(lambda: 1, id="one")).commit()


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("int", "1", 1),
        ("int | None", "null", None),
        ("typing.Optional[str]", '"a"', "a"),
        ("Annotated[int, Field(gt=0)]", "3", 3),
        ("Literal['a', 'b']", '"b"', "b"),
        ("Decimal", '"1.10"', Decimal("1.10")),
        ("datetime.date", '"2024-02-29"', datetime.date(2024, 2, 29)),
        ("Color", '"red"', Color.RED),
        ("Point", "[1,2]", Point(1, 2)),
        ("Line", '{"start":[1,2],"color":"red"}', Line(Point(1, 2), Color.RED)),
        ("Options", '{"deep":true}', {"deep": True}),
        ("Page[int]", '{"items":[1]}', Page[int](items=[1])),
        ("Tree", '{"children":[{"children":[]}]}', Tree(children=[Tree()])),
        ("dict[str, list['Color']]", '{"a":["red"]}', {"a": [Color.RED]}),
        ("tuple[int, ...]", "[1,2]", (1, 2)),
        ("set[int]", "[1]", {1}),
        ("None", "null", None),
    ],
)
def test_types_cross_as_json_and_come_back(annotation, text, value):
    def look(value):
        return value

    look.__annotations__ = {"value": annotation, "return": annotation}
    made = step(look)
    Builder("order").then(made).commit()
    assert made.input.load(text) == value
    assert made.output.dump(value) == text.encode()


@pytest.mark.parametrize(
    "annotation", ["Any", "object", "typing.NoReturn", "typing.Never", Any, object]
)
def test_an_annotation_of_anything_is_none(annotation):
    def look(value):
        return value

    look.__annotations__ = {"value": annotation}
    assert step(look).input.is_any


class Opaque:
    pass


class Moody:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise KeyError


@pytest.mark.parametrize("annotation", ["Opaque", "list[Opaque]", "5", "a b", "{'a': int}", Moody])
def test_a_type_that_pydantic_cannot_take_is_refused_where_the_step_is_defined(annotation):
    def look(value):
        return value

    look.__annotations__ = {"value": annotation}
    with pytest.raises(errors.InvalidStep, match="The input of Step 'look' is declared as"):
        step(look)
    with pytest.raises(errors.InvalidStep, match="The resume of Step 'fine' is declared as Opaque"):
        step(lambda: 1, id="fine", resume=Opaque)
    with pytest.raises(errors.InvalidStep, match="The state of Workflow 'order' is declared as"):
        Builder("order", state={"a": int})


def test_annotations_are_seen_through_decorators_methods_and_objects():
    class Rules:
        def check(self, value: Point) -> Color:
            return Color.RED

        def __call__(self, value: Point) -> Color:
            return Color.RED

    @functools.wraps(Rules.check)
    def wrapper(*args):
        return Rules.check(*args)

    for made in (
        step(Rules().check),
        step(Rules(), id="rules"),
        step(functools.partial(Rules().check), id="partial"),
        step(functools.partial(wrapper, Rules()), id="wrapped"),
    ):
        assert made.input.load("[1,2]") == Point(1, 2)
        assert made.output.load('"red"') is Color.RED


def test_a_class_as_a_function_says_nothing_of_what_it_gives():
    class Made:
        def __init__(self, value: int) -> None:
            self.value = value

    made = step(Made, id="made", output=Any)
    assert made.output.is_any
    assert step(Made).output.is_any
    assert made.input.load("1") == 1


def test_the_annotation_of_further_arguments_is_not_that_of_the_input():
    def look(*values: int) -> Annotated[int, Field(gt=0)]:
        return 1

    assert step(look).input.is_any


def test_annotations_of_builtins_are_none():
    made = step(len)
    assert made.input.is_any
    assert step(Literal, id="odd").input.is_any
