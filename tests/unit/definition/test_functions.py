"""User functions: how they are called, and how they are shown to people."""

import asyncio
import functools
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest

from workflows_app import errors
from workflows_app.definition import functions, sources
from workflows_app.definition.functions import function


def arity(fn: Any) -> int:
    return function(fn, "It").arity


class Limit:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, value, ctx):
        return value > self.limit

    def above(self, value):
        return value > self.limit

    async def later(self, value):
        return value


class AsyncLimit:
    async def __call__(self, value):
        return value


def logged(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        return fn(*args, **kwargs)

    return inner


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (lambda: 1, 0),
        (lambda a: a, 1),
        (lambda a, ctx: a, 2),
        (lambda a, ctx=None: a, 2),
        (lambda a, n=5: a, 1),
        (lambda a, ctx, n=5: a, 2),
        (lambda a=1: a, 1),
        (lambda *args: args, 2),
        (lambda a, *rest: a, 2),
        (lambda a, *, key=1: a, 1),
        (lambda **options: options, 0),
        (Limit(1), 2),
        (Limit(1).above, 1),
        (functools.partial(lambda a, b, ctx: a, 1), 2),
        (functools.partial(lambda a, b: a, b=1), 1),
        (logged(lambda a: a), 1),
        (functools.lru_cache(lambda a, ctx: a), 2),
        (functools.partial(Limit(1)), 2),
        (len, 1),
        (sum, 1),
        (round, 1),
        (int, 1),
        (bool, 1),
        (Decimal, 1),
        (operator.itemgetter("a"), 1),
        (operator.add, 2),
        (mock.Mock(), 2),
    ],
)
def test_a_function_gets_as_much_of_input_and_context_as_it_takes(fn, expected):
    assert arity(fn) == expected


@pytest.mark.parametrize(
    ("fn", "named"),
    [
        (lambda a, b, c: a, "a, b, c"),
        (lambda a, *, key: a, "key"),
        (functools.partial(lambda a, b: a, a=1), "b"),
    ],
)
def test_a_function_that_needs_more_is_refused(fn, named):
    with pytest.raises(errors.InvalidStep, match=rf"The condition needs .*{named}"):
        function(fn, "The condition")


@pytest.mark.parametrize("wrong", [True, None, "x > 1", {}])
def test_what_cannot_be_called_is_refused(wrong):
    with pytest.raises(errors.InvalidStep, match="The condition must be a function"):
        function(wrong, "The condition")


def test_a_function_is_called_with_its_arguments():
    assert function(lambda: "none", "It").call(1, "ctx") == "none"
    assert function(lambda a: a, "It").call(1, "ctx") == 1
    assert function(lambda a, ctx: (a, ctx), "It").call(1, "ctx") == (1, "ctx")


@pytest.mark.parametrize(
    "fn",
    [
        Limit(1).later,
        AsyncLimit(),
        functools.partial(AsyncLimit()),
        functools.partial(Limit(1).later),
        mock.AsyncMock(),
    ],
)
def test_an_async_function_is_told_from_a_plain_one(fn):
    assert function(fn, "It").is_async
    assert not function(Limit(1), "It").is_async
    assert not function(len, "It").is_async


def test_an_async_function_gives_a_coroutine():
    assert asyncio.run(function(AsyncLimit(), "It").call(3, None)) == 3


def module_level(value):
    return value


makes_another: Any = lambda: lambda: 1  # noqa: E731 - a lambda within a lambda, and each alone


@pytest.mark.parametrize(
    ("fn", "text"),
    [
        (lambda data: data["ok"], 'lambda data: data["ok"]'),
        (
            lambda data, ctx: (data["a"] and
                               not data["b"]),
            'lambda data, ctx: (data["a"] and not data["b"])',
        ),
        (makes_another, "lambda: lambda: 1"),
        (makes_another(), "lambda: 1"),
        (functools.partial(lambda v: v + "größe", 1), 'lambda v: v + "größe"'),
        (module_level, "module_level"),
        (functools.partial(module_level), "module_level"),
        (Limit(1).above, "Limit.above"),
        (Limit(1), "Limit"),
        (len, "len"),
        (functools.partial(len), "len"),
        (operator.itemgetter("a"), "itemgetter"),
        (logged(module_level), "module_level"),
    ],
)  # fmt: skip
def test_a_function_is_shown_as_people_know_it(fn, text):
    assert function(fn, "It").source == text


def test_two_lambdas_on_one_line_are_told_apart():
    small, large = (lambda n: n < 10), (lambda n: n >= 10)
    assert function(small, "It").source == "lambda n: n < 10"
    assert function(large, "It").source == "lambda n: n >= 10"


def test_a_local_function_is_shown_without_where_it_was_made():
    def is_large(value):
        return value > 1

    assert function(is_large, "It").source == "is_large"


def test_a_long_lambda_is_cut():
    long = function(
        lambda: [
            "the first of many words that nobody reads to the end on a page that shows a graph",
            "the second of many words that nobody reads to the end on a page that shows a graph",
            "the third of many words that nobody reads to the end on a page that shows a graph",
        ],
        "It",
    )
    assert len(long.source) == sources.LONGEST
    assert long.source.startswith('lambda: [ "the first')
    assert long.source.endswith("…")


@pytest.mark.parametrize(
    "code",
    [
        compile("lambda: 1", "<nowhere>", "eval"),
        compile("lambda: 1", __file__, "eval"),
    ],
)
def test_a_lambda_without_its_text_is_just_a_lambda(code):
    assert function(eval(code), "It").source == "lambda"


def test_a_file_that_is_no_longer_python_does_no_harm(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("lambda: (")
    assert function(eval(compile("lambda: 1", str(path), "eval")), "It").source == "lambda"


def test_code_without_columns_is_just_a_lambda():
    fn = lambda: 1  # noqa: E731
    code = fn.__code__.replace(co_linetable=b"")
    assert sources.text_of("<lambda>", code) == "lambda"


def test_a_full_name_says_the_module():
    assert functions.where(module_level) == f"{__name__}.module_level"
    assert functions.where(Limit(1)) == f"{__name__}.Limit"
    assert functions.where(functools.partial(len)) == "builtins.len"
    assert functions.where(operator.itemgetter("a")) == "operator.itemgetter"
    assert functions.where([].append) == "list.append"
