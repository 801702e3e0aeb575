"""What is stored of an exception: bounded in all, with groups and notes, whatever it does."""

import dataclasses
import itertools
import subprocess
import time
from collections import abc
from typing import Annotated, Any, AsyncIterator, Generator, Iterable, Iterator, NamedTuple  # noqa: UP035 - as people write them

import pytest
from pydantic import BaseModel

from tests.integration.engine.test_rules import only
from workflows_app import Workflow, step
from workflows_app.engine.run import failures
from workflows_app.jsontext import dumps
from workflows_app.models import RunEvent, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

MB = 1024 * 1024


def failed(fn, name, **options):
    """Return the run of a step that fails, and its error."""
    run = only(fn, name, **options).create_run()
    result = run.start(1, timeout=60)
    assert result.status == "failed"
    return run, result.error


class Carries(Exception):
    def __init__(self, message="", **attributes):
        super().__init__(message)
        vars(self).update(attributes)


def in_details():
    raise subprocess.CalledProcessError(1, "make", output="a" * 12 * MB, stderr="z" * MB)


def in_the_message():
    raise ValueError("m" * 12 * MB + "the end")


def in_notes():
    error = ValueError("short")
    for _ in range(1000):
        error.add_note("n" * 12_000)
    raise error


def in_a_list():
    raise Carries("short", rows=["row"] * 3 * MB)


def in_many_attributes():
    raise Carries("short", **{f"a{number}": "x" * 1000 for number in range(12_000)})


def in_the_causes():
    try:
        in_the_message()
    except ValueError as error:
        raise Carries("short", output="b" * 12 * MB) from error


def in_a_group():
    raise ExceptionGroup("many", [ValueError("g" * 100_000) for _ in range(120)])


def in_its_name():
    raise type("N" * MB, (Exception,), {})("short")


LARGE = [
    in_details, in_the_message, in_notes, in_a_list, in_many_attributes, in_the_causes, in_a_group,
    in_its_name,
]  # fmt: skip


@pytest.mark.parametrize("fn", LARGE, ids=lambda fn: fn.__name__)
def test_what_is_kept_of_an_error_is_bounded_and_says_what_was_left_out(fn):
    run, error = failed(lambda data: fn(), f"large-{fn.__name__.replace('_', '-')}", retries=2)
    size = len(dumps(error.model_dump(mode="json")).encode())
    assert size <= failures.MOST_BYTES + 1000
    said = dumps(error.model_dump(mode="json"))
    assert "left out" in said or "not kept" in said or fn is in_many_attributes
    for row in RunEvent.objects.filter(run=run.pk):
        assert len(dumps(row.events)) < 5 * failures.MOST_BYTES
    for row in StepSnapshot.objects.filter(run=run.pk):
        assert len(dumps(row.error)) <= failures.MOST_BYTES


def test_a_long_text_is_cut_in_the_middle():
    _, error = failed(lambda data: in_the_message(), "cut-middle")
    assert error.message.startswith("mmm")
    assert error.message.endswith("the end")
    assert "characters left out" in error.message
    _, error = failed(lambda data: in_details(), "cut-output")
    assert error.details["returncode"] == 1
    assert error.details["output"].startswith("aaa")
    assert error.details["stderr"].endswith("zzz")


def test_a_group_keeps_its_errors_and_the_groups_in_it():
    def fails(_data):
        try:
            raise LookupError("inner cause")  # noqa: TRY301 - the cause is the matter
        except LookupError as cause:
            inner = ExceptionGroup("inner", [KeyError("a"), TypeError("b")])
            raise ExceptionGroup("outer", [ValueError("first"), inner]) from cause

    _, error = failed(fails, "groups")
    assert (error.type, error.message) == ("ExceptionGroup", "outer (2 sub-exceptions)")
    assert [each.type for each in error.errors] == ["ValueError", "ExceptionGroup"]
    assert [each.type for each in error.errors[1].errors] == ["KeyError", "TypeError"]
    assert error.cause.message == "inner cause"


def test_a_group_of_a_task_group_keeps_its_errors():
    async def fails(_data):
        import asyncio  # noqa: PLC0415 - for this one

        async def one():
            raise ValueError("in a task")

        async with asyncio.TaskGroup() as group:
            group.create_task(one())

    _, error = failed(fails, "task-group")
    assert [(each.type, each.message) for each in error.errors] == [("ValueError", "in a task")]


def test_notes_are_kept_of_an_error_and_of_its_cause():
    def fails(_data):
        try:
            error = ValueError("inner")
            error.add_note("of the inner")
            raise error
        except ValueError as inner:
            outer = RuntimeError("outer")
            outer.add_note("of the outer")
            outer.add_note("and another")
            raise outer from inner

    run, error = failed(fails, "notes")
    assert error.notes == ["of the outer", "and another"]
    assert error.cause.notes == ["of the inner"]
    (told,) = [event for event in run.events() if event.type == "workflow-step-result"]
    assert told.payload["error"]["notes"] == error.notes


class BrokenText(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class BrokenValue:
    def __repr__(self):
        raise RuntimeError("no repr")

    def __getattr__(self, name):
        raise RuntimeError("no attribute")


class BrokenDictionary(Exception):
    @property
    def __dict__(self):
        raise RuntimeError("no dictionary")


class SurrogateName(Exception):
    pass


def cycle():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def deep():
    error = ValueError("deepest")
    for number in range(2000):
        outer = ValueError(f"level {number}")
        outer.__cause__ = error
        error = outer
    return error


def nested_groups():
    error = ValueError("deepest")
    for number in range(200):
        error = ExceptionGroup(f"level {number}", [error])
    return error


def noted_with_no_text():
    error = ValueError("noted")
    error.__notes__ = [17, object(), "a note"]
    return error


STRANGE = {
    "broken-text": BrokenText,
    "broken-value": lambda: Carries("carries", value=BrokenValue(), code=17),
    "broken-dictionary": lambda: BrokenDictionary("dictionary"),
    "surrogates": lambda: Carries("caf\udce9", name="caf\udce9", code=17),
    "zero": lambda: Carries("a\0b", name="c\0d"),
    "cycle": cycle,
    "deep": deep,
    "nested-groups": nested_groups,
    "no-json": lambda: Carries("carries", lock=itertools.count(), code=17),
    "nan": lambda: Carries("nan", number=float("nan"), code=17),
    "huge-number": lambda: Carries("huge", number=10**5000, code=17),
    "no-note": noted_with_no_text,
    "keys": lambda: Carries("keys", table={1: "a", "1": "b", (2, 3): "c"}, code=17),
}


@pytest.mark.parametrize("name", STRANGE)
def test_an_exception_fails_its_step_whatever_it_does_itself(name):
    def fails(_data):
        raise STRANGE[name]()

    run, error = failed(fails, f"strange-{name}", retries=1)
    assert error.type == type(STRANGE[name]()).__name__
    assert len([event for event in run.events() if event.type == "workflow-step-retry"]) == 1
    assert run.result().error == error
    if "code" in error.details:
        assert error.details["code"] == 17


# Generators.


def test_a_generator_is_run_to_its_end_inside_its_attempt():
    def gives(data):
        yield data
        yield data + 1

    assert only(gives, "generates").create_run().start(1).result == [1, 2]


def test_the_timeout_of_a_generator_fires():
    def endless(_data):
        for number in itertools.count():
            time.sleep(0.005)
            yield number

    _, error = failed(endless, "generates-for-ever", timeout=0.2)
    assert error.type == "StepTimeout"


def test_a_generator_may_suspend_bail_and_fail():
    def asks(data, ctx):
        yield data
        if ctx.resume_data is None:
            ctx.suspend("?")
        yield ctx.resume_data

    run = only(asks, "generates-and-asks").create_run()
    assert run.start(1).status == "suspended"
    assert run.resume(2).result == [1, 2]

    def bails(data, ctx):
        yield data
        ctx.bail("enough")

    flow = Workflow("generates-and-bails").then(step(bails)).then(step(lambda data: "more", id="x"))
    assert flow.commit().create_run().start(1).result == "enough"

    def fails(data):
        yield data
        raise LookupError("in the middle")

    _, error = failed(fails, "generates-and-fails")
    assert (error.type, error.message) == ("LookupError", "in the middle")


def test_an_async_generator_that_a_function_returns_is_run_to_its_end():
    async def gives(data):
        yield data
        yield data + 1

    flow = only(lambda data: gives(data + 0), "generates-later")
    assert flow.create_run().start(1).result == [1, 2]


def test_an_iterator_is_read_to_its_end_inside_its_attempt():
    flow = only(lambda data: map(str, range(3)), "iterates")
    assert flow.create_run().start(1).result == ["0", "1", "2"]
    _, error = failed(lambda data: itertools.repeat(1), "iterates-for-ever", timeout=0.1)
    assert error.type == "StepTimeout"


def test_an_async_function_may_return_a_generator():
    async def gives(data):
        return (data + number for number in range(3))

    assert only(gives, "returns-a-generator").create_run().start(1).result == [1, 2, 3]


class Held(BaseModel):
    parts: Iterable[int]
    more: Any = None


@dataclasses.dataclass(frozen=True)
class HeldToo:
    parts: Any
    more: Any = None


class Pair(NamedTuple):
    one: Any
    two: Any


#: Where a generator may be, and what is then there.
HOLDERS = {
    "a mapping": (lambda parts: {"x": parts}, lambda parts: {"x": parts}),
    "a list": (lambda parts: [1, parts], lambda parts: [1, parts]),
    "a tuple": (lambda parts: (parts, [{"y": 1}]), lambda parts: [parts, [{"y": 1}]]),
    "a named tuple": (lambda parts: Pair(1, parts), lambda parts: [1, parts]),
    "a list deep inside": (lambda p: {"a": [{"b": [p]}]}, lambda p: {"a": [{"b": [p]}]}),
    "a generator": (lambda parts: (each for each in [parts, 2]), lambda parts: [parts, 2]),
    "a model": (lambda parts: Held(parts=[], more=parts), lambda p: {"parts": [], "more": p}),
    "a field of a model": (lambda p: [Held(parts=p)], lambda p: [{"parts": p, "more": None}]),
    "a dataclass": (lambda p: {"z": HeldToo(p)}, lambda p: {"z": {"parts": p, "more": None}}),
}


@pytest.mark.parametrize("where", HOLDERS)
def test_a_generator_inside_what_a_step_gives_is_its_code_too(where):
    hold, shown = HOLDERS[where]

    def asks(data, ctx):
        def parts():
            if ctx.resume_data is None:
                ctx.suspend("?")
            yield ctx.resume_data

        return hold(parts())

    run = only(asks, "holds-and-asks").create_run()
    assert run.start(1).status == "suspended"
    assert run.resume(2).result == shown([2])

    def fails(data):
        def parts():
            yield data
            raise LookupError("in the middle")

        return hold(parts())

    _, error = failed(fails, "holds-and-fails")
    assert (error.type, error.message) == ("LookupError", "in the middle")

    def endless(data):
        return hold(time.sleep(0.005) or number for number in itertools.count())

    _, error = failed(endless, "holds-for-ever", timeout=0.1)
    assert error.type == "StepTimeout"


@pytest.mark.parametrize(
    "do",
    [
        lambda parts, ctx: ctx.set_state({"x": parts}),
        lambda parts, ctx: ctx.request_context.update(x=parts),
        lambda parts, ctx: ctx.writer.write({"x": parts}),
        lambda parts, ctx: ctx.writer.custom("data-x", [parts]),
        lambda parts, ctx: ctx.suspend({"x": parts}),
        lambda parts, ctx: ctx.bail({"x": parts}),
    ],
    ids=["state", "context", "write", "custom", "suspend", "bail"],
)
def test_a_generator_inside_what_a_step_says_is_its_code_too(do):
    def fails(data, ctx):
        def parts():
            yield data
            raise LookupError("in the middle")

        do(parts(), ctx)

    _, error = failed(fails, "says-and-fails")
    assert (error.type, error.message) == ("LookupError", "in the middle")

    def endless(data, ctx):
        do((time.sleep(0.005) or number for number in itertools.count()), ctx)

    _, error = failed(endless, "says-for-ever", timeout=0.1)
    assert error.type == "StepTimeout"


def test_what_holds_itself_is_refused():
    around: list[Any] = [object()]
    around.append({"x": around})
    _, error = failed(lambda _: around, "holds-itself")
    assert error.type == "SerializationError"


def iterated(data: Any) -> Iterator[int]:
    yield data
    yield "2"  # type: ignore[misc]


def from_abc(data: int) -> abc.Iterator[int]:
    yield from iterated(data)


def with_more(data: Any) -> Annotated[Iterator[int] | None, "said"]:
    return iterated(data)


def sent(data: Any) -> Generator[int, None, str]:
    yield from (data, 2)
    return "the end"


def bare(data: Any) -> Iterator:  # type: ignore[type-arg]
    yield data
    yield 2


def later(data: int) -> AsyncIterator[int]:
    async def gives() -> AsyncIterator[int]:
        yield data
        yield 2

    return gives()


@pytest.mark.parametrize("fn", [iterated, from_abc, with_more, sent, bare, later])
def test_a_function_that_says_that_it_gives_an_iterator_is_a_step(fn):
    def takes(data: Iterator[int]) -> int:
        return next(data) + sum(data)

    flow = Workflow("iterators").then(step(fn, id="gives")).then(step(takes)).commit()
    result = flow.create_run().start(1)
    assert (result.steps["gives"].output, result.result) == ([1, 2], 3)


def test_what_an_iterator_gives_is_of_its_type_or_named():
    for type_ in (Iterator[int], Iterable[int], Generator[int, None, None]):
        _, error = failed(lambda _: iter([1, "x"]), "iterates-wrongly", output=type_)
        assert error.type == "InvalidStepOutput"
        assert "1: Input should be a valid integer" in error.message
