"""Neighbouring steps whose types cannot fit: a warning where it is certain, and only there."""

import warnings
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, PlainSerializer, RootModel, ValidationError
from typing_extensions import TypedDict

from workflows_app import Workflow, step
from workflows_app.definition import Schema
from workflows_app.definition.fitting import MisfitWarning, gives, takes


def typed(name, takes=None, gives=None):
    """Return a step of these types."""
    return step(lambda data: data, id=name, input=takes, output=gives)


def misfits_of(workflow):
    """Commit a workflow and return its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        workflow.commit()
    return [str(each.message) for each in caught if each.category is MisfitWarning]


class Point(BaseModel):
    """A model."""

    x: int = 0


class Numbers(RootModel[list[int]]):
    """A model that is a list."""


@dataclass
class Pair:
    """A dataclass."""

    a: int = 0


class Named(TypedDict):
    """A typed dictionary."""

    name: str


class Color(Enum):
    """Texts."""

    RED = "red"


class Level(IntEnum):
    """Numbers."""

    LOW = 1


Lenient = Annotated[str, BeforeValidator(str)]
Worded = Annotated[int, PlainSerializer(str)]

CERTAIN = [
    (int, str), (bool, str), (float, str), (str, list[str]), (str, dict), (str, Point),
    (list[int], dict), (dict, list), (Point, str), (Pair, int), (type(None), str), (int, UUID),
    (int | None, str), (str, type(None)), (list, int), (Named, list), (datetime, dict),
    (Point, list[Point]), (list[Point], Point), (int, str | None | list),
    (int, Literal["a"]), (str, Literal[1, 2]), (Literal[1], Literal[2]), (list, Literal["a", 1]),
    (Literal["1"], Literal[1, "2"]), (Literal["a"] | None, Literal["b"]), (bool, Literal["true"]),
]  # fmt: skip
POSSIBLE = [
    (str, int), (str, float), (str, bool), (str, datetime), (str, UUID), (int, float), (int, bool),
    (float, int), (int | None, str | None), (int | str, str), (Decimal, str), (UUID, str),
    (datetime, str), (int, datetime), (Any, str), (int, Any), (None, str), (int, Lenient),
    (Worded, str), (Numbers, list), (list, Numbers), (Color, str), (Level, str), (Literal[1], str),
    (list[int], list[str]), (Point, dict), (dict, Point), (Pair, Point), (bool, int),
    (object, str), (Path, str), (timedelta, float),
    (int, Literal[1, "a"]), (str, Literal["a"]), (bool, Literal[1]), (int, Literal[True]),
    (Literal[1], Literal[True]), (Literal[1, 2], Literal[2, 3]), (Literal["1"], int),
    (float, Literal[1]),
    (Literal["a"], list), (int, Literal[Color.RED]), (Literal[Level.LOW], Literal[2]),
    (Literal["a"] | None, Literal["b", None]), (Decimal, Literal["1"]), (int, Level),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), CERTAIN, ids=str)
def test_a_step_that_can_take_nothing_from_the_one_before_gives_a_warning(first, second):
    flow = Workflow("misfits").then(typed("a", gives=first)).then(typed("b", takes=second))
    (said,) = misfits_of(flow)
    assert "'misfits'" in said
    assert "step 'b' (" in said
    assert "step 'a' (" in said
    assert "map()" in said


@pytest.mark.parametrize(("first", "second"), POSSIBLE, ids=str)
def test_two_steps_that_may_fit_are_not(first, second):
    flow = Workflow("may-fit").then(typed("a", gives=first)).then(typed("b", takes=second))
    assert misfits_of(flow) == []


def test_the_warning_names_the_line_that_commits():
    flow = Workflow("where").then(typed("a", gives=int)).then(typed("b", takes=str))
    with pytest.warns(MisfitWarning) as caught:
        flow.commit()
    assert caught[0].filename == __file__


INNER = Workflow("fits-inside", input=str).then(typed("in", takes=str)).commit()
GIVES_INT = typed("a", gives=int)
TAKES_TEXT = typed("b", takes=str)
PLACES = {
    "the first step": (lambda: Workflow("w", input=int).then(TAKES_TEXT), 1),
    "past a sleep": (lambda: Workflow("w").then(GIVES_INT).sleep(0).then(TAKES_TEXT), 1),
    "past a map": (lambda: Workflow("w").then(GIVES_INT).map(str).then(TAKES_TEXT), 0),
    "each arm": (lambda: Workflow("w").then(GIVES_INT).parallel([TAKES_TEXT, typed("c")]), 1),
    "an arm of a branch": (lambda: Workflow("w").then(GIVES_INT).branch([(bool, TAKES_TEXT)]), 1),
    "after a parallel": (lambda: Workflow("w").parallel([GIVES_INT]).then(TAKES_TEXT), 1),
    "a foreach": (lambda: Workflow("w").then(GIVES_INT).foreach(TAKES_TEXT), 1),
    "a foreach after a fork": (lambda: Workflow("w").parallel([GIVES_INT]).foreach(TAKES_TEXT), 0),
    "items": (lambda: Workflow("w").then(typed("a", gives=list[int])).foreach(TAKES_TEXT), 0),
    "after a foreach": (lambda: Workflow("w").foreach(GIVES_INT).then(TAKES_TEXT), 1),
    "a loop": (lambda: Workflow("w").then(GIVES_INT).do_until(TAKES_TEXT, bool), 1),
    "after a loop": (lambda: Workflow("w").do_until(GIVES_INT, bool).then(TAKES_TEXT), 1),
    "a nested workflow": (lambda: Workflow("w").then(GIVES_INT).then(INNER), 1),
    "after one": (lambda: Workflow("w").then(INNER).then(TAKES_TEXT), 0),
    "unchecked": (lambda: Workflow("w", validate_inputs=False).then(GIVES_INT).then(TAKES_TEXT), 0),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_every_place_where_a_value_is_taken_is_looked_at(place):
    make, number = PLACES[place]
    assert len(misfits_of(make())) == number


TYPES = {
    int: st.integers(-(2**60), 2**60),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    str: st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["1", "true", "[]"]),
    bytes: st.binary(max_size=5).filter(lambda b: b.isascii()),
    type(None): st.none(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(),
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    UUID: st.uuids(),
    list[int]: st.lists(st.integers(0, 5)),
    list: st.lists(st.text("ab")),
    set[int]: st.sets(st.integers(0, 5)),
    tuple[int, ...]: st.lists(st.integers(0, 5)).map(tuple),
    dict[str, int]: st.dictionaries(st.text("abx"), st.integers(0, 5)),
    Point: st.builds(Point, x=st.integers(0, 5)),
    Pair: st.builds(Pair, a=st.integers(0, 5)),
    Named: st.fixed_dictionaries({"name": st.text("ab")}),
    Numbers: st.lists(st.integers(0, 5)).map(Numbers),
    Color: st.sampled_from(Color),
    Level: st.sampled_from(Level),
    int | None: st.integers(0, 5) | st.none(),
    int | str: st.integers(0, 5) | st.text("ab"),
    Lenient: st.text("ab"),
    Worded: st.integers(0, 5),
}


@given(st.data())
def test_whenever_it_is_certain_no_value_crosses(data):
    first = data.draw(st.sampled_from(list(TYPES)))
    second = data.draw(st.sampled_from(list(TYPES)))
    source, target = Schema(first), Schema(second)
    value = data.draw(TYPES[first])
    if gives(source).isdisjoint(takes(target)):
        with pytest.raises(ValidationError):
            target.load(source.dump(source.check(value)))
