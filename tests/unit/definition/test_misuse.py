"""What people write by mistake, and the error: what happened, and how to write it."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="call-arg, call-overload, misc"

from datetime import date, datetime
from typing import Annotated, Literal, Optional, TypeVar

import pytest
from pydantic import BaseModel

from workflows_app import Schedule, StepContext, Workflow, checks, errors, step
from workflows_app.definition import registry


@step
def a(data):
    """Return the input."""
    return data


@step
def b(data):
    """Return the input."""
    return data


def true(_data):
    """Hold."""
    return True


CALLS = {
    "steps side by side": (lambda w: w.parallel(a, b), r"parallel\(\) .*parallel\(\[a, b\]\)"),
    "one step in no list": (lambda w: w.parallel(a), r"takes a list, \[step, \.\.\.\]"),
    "an option of another": (lambda w: w.parallel([a], concurrency=2), "'concurrency'"),
    "a pair in two": (lambda w: w.branch(true, a), r"branch\(\[\(condition, a\)"),
    "pairs in no list": (lambda w: w.branch((true, a), (true, b)), r"branch\(\[\(condition, a\)"),
    "one pair in no list": (lambda w: w.branch((true, a)), "takes pairs"),
    "a mapping of conditions": (lambda w: w.branch({true: a}), r"\[\(condition, step\), \.\.\.\]"),
    "a pair the wrong way": (lambda w: w.branch([(a, true)]), "a function, comes first"),
    "a window by position": (lambda w: w.foreach(a, 4), r"foreach\(step, concurrency=4\)"),
    "two steps in a foreach": (lambda w: w.foreach(a, b), r"foreach\(step, concurrency=4\)"),
    "two maps": (lambda w: w.map(true, true), r"map\(function\)"),
    "no map": (lambda w: w.map(), r"map\(function\)"),
    "a step as a map": (lambda w: w.map(a), "takes a function, or a mapping"),
    "two steps in then": (lambda w: w.then(a, b), r"It is then\(step\)"),
    "a list in then": (lambda w: w.then([a, b]), r"parallel\(\[\.\.\.\]\)"),
    "nothing in then": (lambda w: w.then(), r"It is then\(step\)"),
    "a name in then": (lambda w: w.then("a"), "takes steps, workflows and functions"),
    "retries in then": (lambda w: w.then(a, retries=3), "'retries'.*id, description, metadata"),
    "no time": (lambda w: w.sleep(), r"It is sleep\(seconds\)"),
    "two times": (lambda w: w.sleep(1, 2), r"It is sleep\(seconds\)"),
    "time as text": (lambda w: w.sleep("1s"), "a number of seconds"),
    "a moment for a time": (lambda w: w.sleep(datetime.now().astimezone()), "number of seconds"),
    "a time for a moment": (lambda w: w.sleep_until(5), "a datetime with a time zone"),
    "a day for a moment": (lambda w: w.sleep_until(date(2030, 1, 1)), "with a time zone"),
    "no condition": (lambda w: w.do_while(a), r"do_while\(step, condition\)"),
    "a loop the wrong way": (lambda w: w.do_until(true, a), "the step comes first"),
    "a value for a condition": (lambda w: w.do_until(a, True), "must be a function"),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_an_entry_that_is_written_wrongly_says_how_it_is_written(call):
    make, says = CALLS[call]
    flow = Workflow("misused")
    with pytest.raises(errors.InvalidStep, match=says):
        make(flow)
    assert flow.then(a).commit().tree.first.path == "a", "nothing was added"


def test_a_step_on_a_method_is_refused_where_it_is_written():
    with pytest.raises(errors.InvalidStep, match=r"'go' is a method: .*staticmethod"):

        class _Plain:
            @step
            def go(self, data):
                return data

    with pytest.raises(errors.InvalidStep, match="'go' is a method: it takes 'self'"):

        class _WithContext:
            @step(id="go")
            def go(self, data, ctx):
                return data

    with pytest.raises(errors.InvalidStep, match="'go' is a method: it takes 'cls'"):

        class _OfClass:
            @step
            @classmethod
            def go(cls, data):
                return data


class Thing:
    """Something with methods."""

    def method(self, data):
        """Return the input."""
        return data

    @staticmethod
    @step
    def still(data):
        """Return the input."""
        return data


def test_a_method_in_a_workflow_is_refused_and_what_is_bound_or_static_is_not():
    with pytest.raises(errors.InvalidStep, match="is a method"):
        Workflow("methods").then(Thing.method)
    flow = Workflow("methods").then(Thing().method).then(Thing.still).commit()
    assert [node.path for node in flow.tree.entries] == ["method", "still"]


def test_a_plain_function_may_call_its_input_self():
    def odd(self):
        return self

    assert step(odd).arity == 1


def only(ctx: StepContext):
    """Take the context alone."""


def turned(ctx: StepContext, data):
    """Take the context before the input."""


def maybe(ctx: StepContext | None, data):
    """Take the context before the input, if any."""


class Mine(StepContext):
    """A context with more."""


C = TypeVar("C", bound=StepContext)


def optional(ctx: Optional["StepContext"], data):
    """Take them the wrong way, and perhaps none."""


def annotated(ctx: Annotated[StepContext, "said"], data):
    """Take them the wrong way, with a word on it."""


def within(ctx: "Annotated[Mine | None, 1]", data):
    """Take them the wrong way, as text that is read later."""


def subclass(ctx: Mine, data):
    """Take one of their own."""


def named(ctx: "Mine", data):
    """Take one of their own, by name."""


def bound(ctx: C, data):
    """Take any of them."""


WRONG = [only, turned, maybe, optional, annotated, within, subclass, named, bound]


def test_what_only_looks_like_the_context_is_not_the_context():
    class StepContexts(BaseModel):
        n: int = 0

    def takes(data: Annotated[StepContexts, "StepContext"], ctx: StepContext) -> int:
        return data.n

    def says(data: Literal["StepContext", 1]) -> int:
        return 1

    assert step(takes).arity == 2
    assert step(says).arity == 1


@pytest.mark.parametrize("fn", WRONG)
def test_a_function_that_takes_the_context_first_is_refused(fn):
    says = r"StepContext as its first parameter, 'ctx'.*\(data, ctx: StepContext\)"
    for make in (
        lambda: step(fn),
        lambda: Workflow("turned").map(fn),
        lambda: Workflow("turned").branch([(fn, a)]),
        lambda: Workflow("turned").do_while(a, fn),
        lambda: Workflow("turned").sleep(fn),
        lambda: Workflow("turned").foreach(a, concurrency=fn),
    ):
        with pytest.raises(errors.InvalidStep, match=says):
            make()


def test_an_unknown_option_of_a_clone_is_named_like_one_of_a_step():
    with pytest.raises(errors.InvalidStep, match=r"clone\(\) has no option retry; it has id"):
        a.clone(retry=3)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Workflow("q", nosuch=1),
            r"Workflow\(\) cannot be called like this: .*'nosuch'\. It is "
            r"Workflow\(\"id\", input=.*title",
        ),
        (lambda: Workflow("q", int), "Workflow.* too many positional"),
        (Workflow, "Workflow.* missing a required argument: 'id'"),
        (lambda: Workflow("q").then(a).clone("b", input=int), r"clone\(\) .*clone\(id=\"other\"\)"),
        (lambda: Workflow("q").then(a).commit(strict=True), r"commit\(\) .*'strict'"),
        (lambda: step(true, "id"), r"step\(function, id=\"name\"\)"),
        (lambda: step(true, "id", 5), r"step\(function, id=\"name\"\)"),
        (lambda: step("id"), "must be a function, not 'id'"),
        (lambda: a.clone("id"), r"clone\(id=\"other\"\)"),
    ],
)
def test_what_a_definition_does_not_take_is_said_in_its_own_words(make, says):
    with pytest.raises(errors.InvalidStep, match=says) as refusal:
        make()
    assert "Builder" not in str(refusal.value)
    assert "__init__" not in str(refusal.value)


def test_a_workflow_knows_where_it_was_written():
    assert Workflow("written-here").defined_in == __name__


@pytest.mark.parametrize("name", ["initial_state", "request_context", "metadata"])
def test_a_schedule_refuses_an_invalid_mapping_where_it_is_written(name):
    with pytest.raises(errors.InvalidSchedule, match=f"{name}=5; it is a mapping"):
        Schedule("* * * * *", **{name: 5})


def test_two_workflows_with_one_id_are_refused_with_both_modules(monkeypatch):
    monkeypatch.setattr(registry, "_conflicts", {})
    first = Workflow("alike").then(a).commit()
    first.defined_in = "shop.workflows"
    second = Workflow("alike").then(b)
    second.defined_in = "billing.workflows"
    second.commit()
    (found,) = checks.ids_are_unique(None)
    assert "one in shop.workflows, the other in billing.workflows" in found.msg
