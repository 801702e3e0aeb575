"""What is asked when the attempts of a step are used up: the option, the question, the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from workflows_app import Workflow, errors, step
from workflows_app.definition import exhausted


class Part(BaseModel):
    """A part of an order."""

    size: int


class Order(BaseModel):
    """An order, with a part."""

    part: Part


def plain(data: Order) -> Part:
    """Return the part."""
    return data.part


def test_the_default_is_the_workflows_and_that_of_a_workflow_is_to_fail():
    assert (step(plain).on_exhausted, Workflow("f").on_exhausted) == (None, "fail")
    asks = step(plain, on_exhausted="ask")
    assert asks.on_exhausted == "ask"
    assert asks.clone(id="other").on_exhausted == "ask"
    assert asks.clone(on_exhausted=None).on_exhausted is None
    assert Workflow("g", on_exhausted="ask").on_exhausted == "ask"


@pytest.mark.parametrize("wrong", ["again", True, 1, ["ask"]])
def test_anything_but_fail_and_ask_is_refused(wrong):
    with pytest.raises(errors.InvalidStep, match="'fail' or 'ask'"):
        step(plain, on_exhausted=wrong)
    with pytest.raises(errors.InvalidStep, match="'fail' or 'ask'"):
        Workflow("wrong", on_exhausted=wrong)


def test_the_graph_shows_the_option_where_it_is_given_and_keeps_its_hash_elsewhere():
    flow = Workflow("shows", on_exhausted="ask").then(step(plain, on_exhausted="fail")).commit()
    graph = flow.graph()
    assert (graph["on_exhausted"], graph["entries"][0]["step"]["on_exhausted"]) == ("ask", "fail")
    other = Workflow("shows-not").then(step(plain)).commit().graph()
    assert "on_exhausted" not in {**other, **other["entries"][0]["step"]}


def test_the_schema_of_an_answer_holds_those_of_the_step():
    schema = step(plain).answer_schema(is_used_up=True)
    assert schema["required"] == ["action"]
    assert set(schema["properties"]) == {"action", "input", "output"}
    part = schema["properties"]["input"]["properties"]["part"]
    assert part["$ref"] == "#/$defs/input.Part"
    assert schema["$defs"]["input.Part"]["properties"]["size"]["type"] == "integer"
    assert schema["properties"]["output"]["properties"]["size"]["type"] == "integer"
    assert step(plain).answer_schema(is_used_up=False) is None


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"action": "retry"}, exhausted.Retry),
        ({"action": "retry", "input": None}, exhausted.Retry),
        ({"action": "result", "output": None}, exhausted.Result),
        ({"action": "fail"}, exhausted.Fail),
    ],
)
def test_an_answer_is_one_of_three_actions(data, kind):
    answer = exhausted.read(data)
    assert type(answer) is kind
    assert answer.has_input is ("input" in data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values | st.fixed_dictionaries({"action": values | st.sampled_from(exhausted.ACTIONS)}))
def test_whatever_else_is_answered_is_refused_by_validation_alone(data):
    try:
        answer = exhausted.read(data)
    except ValidationError:
        return
    assert data["action"] in exhausted.ACTIONS
    assert answer.model_dump(exclude_unset=True) == data


@given(st.integers(1, 9), st.dictionaries(st.text(), st.text()))
def test_its_own_question_is_recognised_and_no_other(attempts, error):
    asked = exhausted.question(error, attempts)
    assert exhausted.is_question(asked)
    assert not exhausted.is_question({**asked, "more": 1})
    assert not exhausted.is_question({**asked, "kind": "event"})
    assert not exhausted.is_question(None)
