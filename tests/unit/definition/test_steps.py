"""Steps: how they are made, what they know, what is refused."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="call-overload, misc"

import asyncio
import dataclasses
import functools

import pytest
from pydantic import BaseModel

from workflows_app import errors
from workflows_app.definition import Step, step


class Order(BaseModel):
    id: str
    total: int = 0


class Answer(BaseModel):
    approved: bool


def plain(order: Order) -> Order:
    """Look at an order,
    and give it back.

    It is not changed.
    """
    return order


class Rules:
    """Not the description of a step."""

    def check(self, order: Order) -> bool:
        """Check an order."""
        return order.total > 0

    def __call__(self, order: Order) -> bool:
        return self.check(order)


def test_step_works_bare_with_options_and_as_a_call():
    @step
    def bare(order):
        return order

    @step(id="with-options", retries=2)
    def named(order):
        return order

    @step()
    def empty(order):
        return order

    assert [bare.id, named.id, empty.id] == ["bare", "with-options", "empty"]
    assert named.retries == 2
    assert step(plain).id == "plain"
    assert step(plain, id="other", input=dict).id == "other"


def test_calling_a_step_calls_the_plain_function():
    made = step(lambda a, b: a + b, id="add")
    assert made(2, b=3) == 5


def test_a_step_is_frozen_and_equal_only_to_itself():
    one, other = step(plain), step(plain)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.id = "x"
    assert one != other
    assert len({one, other}) == 2
    assert repr(one) == "<Step plain>"


def test_the_description_is_the_first_paragraph_of_the_docstring():
    assert step(plain).description == "Look at an order, and give it back."
    assert step(plain, description="Mine").description == "Mine"
    assert step(lambda: None, id="none").description == ""
    assert step(Rules().check).description == "Check an order."
    assert step(Rules(), id="rules").description == ""


def test_types_come_from_the_annotations():
    made = step(plain)
    assert made.input.load('{"id": "o1"}') == Order(id="o1", total=0)
    assert made.output.dump(Order(id="o1")) == b'{"id":"o1","total":0}'
    assert made.resume.is_any
    assert made.state.is_any


def test_without_annotations_anything_passes_untouched():
    made = step(lambda value: value, id="same")
    value = object()
    assert made.input.is_any
    assert made.output.is_any
    assert made.input.check(value) is value


def test_options_override_annotations():
    made = step(
        plain, input=dict, output=str, resume=Answer, suspend=int, state=Order, request_context=dict
    )
    assert made.input.load("{}") == {}
    assert made.output.load('"x"') == "x"
    assert made.resume.load('{"approved": true}') == Answer(approved=True)
    assert made.suspend.load("1") == 1
    assert made.state.load('{"id": "a"}') == Order(id="a")
    assert made.request_context.load("{}") == {}


def test_an_option_that_is_none_was_not_given():
    made = step(plain, id=None, description=None, input=None, queue=None, metadata=None)
    assert made.id == "plain"
    assert made.description.startswith("Look")
    assert not made.input.is_any
    assert made.queue == "default"
    assert made.metadata == {}


def test_a_return_annotation_of_none_is_a_type():
    def silent(_value) -> None:
        return None

    assert not step(silent).output.is_any
    assert step(silent).output.check(None) is None


def test_defaults_are_those_of_the_contract():
    made = step(plain)
    assert (made.retries, made.retry_delay, made.retry_backoff) == (None, None, 1.0)
    assert (made.timeout, made.queue, made.atomic, made.permission) == (
        None,
        "default",
        False,
        None,
    )


def test_numbers_are_kept_as_they_count():
    made = step(plain, retries=0, retry_delay=0, retry_backoff=2, timeout=1)
    assert (made.retries, made.retry_delay, made.retry_backoff, made.timeout) == (0, 0.0, 2.0, 1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"retries": "3"},
        {"retry_delay": -0.1},
        {"retry_delay": float("nan")},
        {"retry_delay": "1"},
        {"retry_delay": True},
        {"retry_backoff": -1},
        {"retry_backoff": float("inf")},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "1"},
        {"queue": ""},
        {"queue": "a b"},
        {"queue": 5},
        {"atomic": 1},
        {"description": 5},
        {"metadata": [1]},
        {"metadata": {1: 2}},
        {"metadata": {"a": object()}},
        {"metadata": {"a": float("nan")}},
        {"permission": ""},
        {"permission": "group: "},
        {"permission": 5},
    ],
)
def test_an_invalid_option_is_refused_with_the_name_of_the_step(wrong):
    (name,) = wrong
    with pytest.raises(errors.InvalidStep, match=f"Step 'plain' has {name}="):
        step(plain, **wrong)


def test_metadata_and_permission_are_kept():
    given = {"team": ["a"]}
    made = step(plain, metadata=given, permission="group:managers")
    given["team"].append("b")
    assert made.metadata == {"team": ["a"]}
    assert made.permission == "group:managers"
    assert step(plain, permission="shop.approve").permission == "shop.approve"


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(errors.InvalidStep, match=r"no option retires.*retries"):
        step(plain, retires=3)


@pytest.mark.parametrize("wrong", ["plain", 5, [plain], object()])
def test_what_cannot_be_called_is_not_a_step(wrong):
    with pytest.raises(errors.InvalidStep, match="must be a function"):
        step(wrong)


def test_a_lambda_needs_an_id():
    with pytest.raises(errors.InvalidId, match=r"<lambda>.*a lambda has no name"):
        step(lambda: 1)


def test_a_partial_has_the_name_of_its_function_and_an_object_none():
    assert step(functools.partial(functools.partial(plain))).id == "plain"
    assert step(Rules().check).id == "check"
    assert step(Rules(), id="rules")(Order(id="a", total=1)) is True
    with pytest.raises(errors.InvalidId, match="None"):
        step(Rules())


def test_an_atomic_step_cannot_be_an_async_def():
    async def slow(order):
        return order

    with pytest.raises(errors.InvalidStep, match="'slow' is atomic"):
        step(slow, atomic=True)
    assert step(slow).is_async
    assert asyncio.run(step(slow)(1)) == 1
    with pytest.raises(errors.InvalidStep, match="'slow' is atomic"):
        step(slow).clone(atomic=True)
    assert step(plain, atomic=True).atomic


def test_an_async_generator_is_not_a_step():
    async def several():
        yield 1

    with pytest.raises(errors.InvalidStep, match=r"'several' is an async generator"):
        step(several)


def test_a_clone_has_another_id_and_the_same_everything_else():
    made = step(plain, retries=3, resume=Answer, metadata={"a": 1})
    twin = made.clone(id="again")
    assert isinstance(twin, Step)
    assert twin is not made
    assert (twin.id, made.id) == ("again", "plain")
    assert twin.fn is made.fn
    assert (twin.retries, twin.resume, twin.metadata) == (3, made.resume, {"a": 1})
    assert twin.description == made.description


def test_a_clone_may_change_other_options():
    made = step(plain, retries=3, timeout=5, queue="slow")
    twin = made.clone(id="again", retries=None, timeout=None, queue=None, input=dict)
    assert (twin.retries, twin.timeout, twin.queue) == (None, None, "slow")
    assert twin.input.load("{}") == {}
    assert made.clone(retries=1).id == "plain"
    with pytest.raises(errors.InvalidId):
        made.clone(id="a.b")
    with pytest.raises(errors.InvalidStep, match="Step 'again' has retries"):
        made.clone(id="again", retries=-1)


def test_a_step_made_of_a_step_is_its_clone():
    made = step(plain, retries=3)
    twin = step(made, id="again")
    assert (twin.id, twin.fn, twin.retries) == ("again", plain, 3)


def test_a_step_tells_whether_it_may_suspend():
    def asks(_order, ctx):
        ctx.suspend({"why": "because"})

    assert step(asks).can_suspend
    assert step(plain, resume=Answer).can_suspend
    assert step(plain, suspend=dict).can_suspend
    assert not step(plain).can_suspend
    assert not step(len, id="len").can_suspend
