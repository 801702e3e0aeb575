"""Values that forms used to change: each is shown, sent as a browser sends it, and read back."""

import contextlib
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, NaiveDatetime, SecretStr

from dashboard.forms import documents
from dashboard.forms.form import SchemaForm
from tests.property.test_forms import page_of, sent
from tests.submitting import request_of
from workflows_app.definition.schemas import Schema


class Mode(Enum):
    CREATE = "create"
    APPEND = "append"


class Job(BaseModel):
    mode: Mode = Mode.CREATE


class Inner(BaseModel):
    a: str = "x"


class Outer(BaseModel):
    inner: Inner | None = Inner(a="baz")


class Lines(BaseModel):
    s: str = "a\nb"


class Dated(BaseModel):
    at: NaiveDatetime


class Locked(BaseModel):
    key: SecretStr = SecretStr("hush")


def form_of(kind: Any, value: Any, **more: Any) -> tuple[SchemaForm, Any]:
    schema = Schema(kind).json_schema()
    return SchemaForm.blank(schema, value, **more), schema


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Literal[",", ";", "\t", " "], "\t"),
        (Literal[",", ";", "\t", " "], " "),
        (Literal["", "a"], ""),
        (Literal[" a", "a", "a "], "a "),
        (Literal["\n", "\r\n", "\r"], "\r\n"),
        (str, "a\nb"),
        (str, "\na"),
        (str, "a\r\nb\rc"),
        (str, " "),
        (str, "a\0b"),
        (str, "a\u202eb"),
        (list[str], ["id", "", "name"]),
        (list[str], ["a\nb", "\n"]),
        (dict[str, str], {"a": "x\ny"}),
        (list[list[int]], [[1], [], [2]]),
        (list[dict[str, int]], [{}, {"a": 1}]),
        (list[int | None], [None, 0]),
        (Job, {"mode": "append"}),
        (Outer, {"inner": None}),
        (Outer, {"inner": {"a": "x"}}),
        (Dated, {"at": "2026-03-29T02:30:00.000001"}),
        (Literal[1, "1", True, "true"], 1),
        (Literal[1, "1", True, "true"], "1"),
        (Literal[1, "1", True, "true"], True),
        (Literal[1, "1", True, "true"], "true"),
        (list[Literal[1, "1"]], ["1", 1]),
        (dict[str, str], {"key": ""}),
        (dict[str, str | None], {"key": None}),
        (dict[str, list[int]], {"": []}),
        (str | None, ""),
        (str | None, None),
        (bool | None, False),
        (int, 2**53 + 1),
        (float, 1e22),
        (float, -0.0),
        (Any, {"a": [1, 1.0, "1", True, None]}),
    ],
)
def test_what_a_form_shows_untouched_is_what_it_sends(kind: Any, value: Any) -> None:
    form, schema = form_of(kind, value, zone=ZoneInfo("Europe/Berlin"))

    assert documents.same(sent(form, schema).draft(), value)
    if form.has_tabs:
        over_json = sent(sent(sent(form, schema, "tab:json"), schema, "tab:form"), schema)
        assert documents.same(over_json.draft(), value)


@pytest.mark.parametrize("length", [50, 51, 80, 2000])
def test_a_long_list_with_one_item_more_loses_none(length: int) -> None:
    items = [f"item {number}" for number in range(length)]
    form, schema = form_of(list[str], items)
    page = page_of(form)

    if "data:add" in page:
        form = sent(form, schema, "add:data")
        data = request_of(page_of(form)).POST.copy()
        data[f"data.{length}"] = "one more"
        again = SchemaForm.posted(schema, data)
    else:  # shown as JSON, to which it is added
        data = request_of(page).POST.copy()
        name = next(key for key in data if "item 0" in data[key])
        data[name] = data[name].rstrip().removesuffix("]").rstrip() + ', "one more"]'
        again = SchemaForm.posted(schema, data)

    assert again.draft() == [*items, "one more"]


def test_an_enum_with_a_default_offers_no_none() -> None:
    form, _ = form_of(Job, {})

    page = page_of(form)

    assert "None" not in page
    assert "Not given" not in page


def test_a_moment_without_a_zone_is_read_without_one() -> None:
    form, schema = form_of(Dated, {})
    data = request_of(page_of(form)).POST.copy()
    data["data.at"] = "2026-03-01T09:30"

    found = Schema(Dated).load(documents.mark(SchemaForm.posted(schema, data).draft()))

    assert found.at == datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - that is the point
    assert found.at.tzinfo is None


def test_a_moment_with_a_zone_keeps_the_instant_that_was_given() -> None:
    form, schema = form_of(datetime, "2026-10-25T01:30:00Z", zone=ZoneInfo("Europe/Berlin"))

    found = Schema(datetime).load(documents.mark(sent(form, schema).draft()))

    assert found == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_secret_is_never_in_the_page() -> None:
    form, schema = form_of(Locked, {"key": "very hidden"})

    page = page_of(form)

    assert "very hidden" not in page
    assert "hush" not in page
    assert "*****" not in page
    assert sent(form, schema).draft() == {}


@pytest.mark.parametrize("text", ["[" * 5000, '{"a": 1, "a": 2}', "NaN", "1e400", "-Infinity"])
def test_json_that_would_become_something_else_is_refused_with_a_sentence(text: str) -> None:
    form = SchemaForm.posted(Schema(Any).json_schema(), request_of_json(text))

    with pytest.raises(documents.NotJson, match=r"\.$"):
        form.draft()


@pytest.mark.parametrize("text", ["1" * 5000, "0.1", "-0.0", "1E+2", '"\\u0000"'])
def test_json_is_kept_as_it_was_written_or_refused_with_a_sentence(text: str) -> None:
    form = SchemaForm.posted(Schema(Any).json_schema(), request_of_json(text))

    with contextlib.suppress(documents.NotJson):
        assert documents.same(documents.load(documents.dump(form.draft())), form.draft())


def request_of_json(text: str) -> Any:
    form = SchemaForm.blank({"type": "object"}, {})
    data = request_of(page_of(form)).POST.copy()
    data["tab"], data["json"] = "json", text
    return data
