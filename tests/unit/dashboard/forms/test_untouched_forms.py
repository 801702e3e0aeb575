"""Values that forms used to change: each is shown, sent as a browser sends it, and read back."""

import contextlib
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from pydantic import BaseModel, Field, NaiveDatetime, SecretStr

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


class Letter(BaseModel):
    text: str


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

    found = Schema(Dated).load(documents.hidden_json(SchemaForm.posted(schema, data).draft()))

    assert found.at == datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001 - that is the point
    assert found.at.tzinfo is None


def test_a_moment_with_a_zone_keeps_the_instant_that_was_given() -> None:
    form, schema = form_of(datetime, "2026-10-25T01:30:00Z", zone=ZoneInfo("Europe/Berlin"))

    found = Schema(datetime).load(documents.hidden_json(sent(form, schema).draft()))

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


class Noted(BaseModel):
    """Needed beside something that has a default: left out as a whole, or asked for as a whole."""

    name: str
    ends: str = "\r\n"
    hidden: str = "a\0"
    empty: str = ""
    at: datetime = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    tags: list[str] = []
    inner: Inner = Inner(a="baz")


class Made(BaseModel):
    number: int | None = Field(default_factory=lambda: 5)
    names: list[str] | None = Field(default_factory=lambda: ["x"])
    modes: set[Mode] | None = Field(default_factory=lambda: {Mode.CREATE})
    inner: Inner | None = Field(default_factory=Inner)
    keys: dict[str, int] | None = Field(default_factory=lambda: {"a": 1})
    text: str = Field(default_factory=lambda: "x")


class Left(BaseModel):
    a: int = 1
    b: str = "b"


class Right(BaseModel):
    a: int = 1
    c: str = "c"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (list[float | UUID | str], [str(UUID(int=7)), "x", 1.5]),
        (list[float | Literal["true"]], ["true", 1.0]),
        (list[Noted | None], [None]),
        (Noted | None, None),
        (list[list[str] | None], [None, [], [""]]),
        (list[str] | None, []),
        (set[Mode] | None, []),
        (Left | Right, {"a": 2, "c": "d"}),
        (list[Left | Right | None], [{"a": 2, "c": "d"}, None, {"a": 1, "b": "e"}]),
        (Made, dict.fromkeys(Made.model_fields) | {"text": ""}),
        (
            Made,
            {"number": 1, "names": [], "modes": [], "inner": {"a": ""}, "keys": {}, "text": "y"},
        ),
        (timedelta, "P1DT5M"),
        (datetime, "2026-03-01T12:00:00+02:00"),
        (datetime, "2026-03-01T12:00:00"),
        (time, "09:30:00.000001+01:00"),
        (Decimal, "0.30000000000000000001"),
        (Decimal, 1.1),
        (int, "12"),
        (int, None),
        (Any, "a\ud800b"),
        (list[Literal["a"]], ["a"] * 50),
    ],
)
def test_what_a_form_shows_untouched_is_the_document_itself(kind: Any, value: Any) -> None:
    form, schema = form_of(kind, value, zone=ZoneInfo("Europe/Berlin"))
    again = sent(form, schema)

    assert documents.same(again.draft(), value)
    assert again.check()


def test_what_is_missing_stays_missing_where_the_type_makes_it() -> None:
    form, schema = form_of(Made, {})

    assert sent(form, schema).draft() == {}


@pytest.mark.parametrize(
    "value",
    [[f"hunter-{number}" for number in range(60)], ["hunter\nlines"], "hunter", {"a": "hunter"}],
)
def test_a_secret_that_does_not_fit_its_field_is_not_in_the_page_either(value: Any) -> None:
    form, schema = form_of(list[SecretStr], value)
    page = page_of(form)

    assert "hunter" not in page
    assert "type it again" in page
    as_text = sent(form, schema, "tab:json")
    assert "hunter" not in page_of(as_text)
    assert "Secrets are never written here" in page_of(as_text)


def test_a_row_that_is_emptied_is_asked_for_and_one_that_was_added_is_not() -> None:
    form, schema = form_of(list[int], [1, 2])
    data = request_of(page_of(form)).POST.copy()
    data["data.1"], data["data:rows"] = "", "3"
    again = SchemaForm.posted(schema, data)

    assert not again.check()
    assert [each.target for each in again.complaints] == ["data.1"]
    assert again.draft() == [1, None]


def test_an_empty_text_that_is_needed_is_asked_for_and_can_be_meant() -> None:
    form, schema = form_of(Letter, {"text": "x"})
    data = request_of(page_of(form)).POST.copy()
    data["data.text"] = ""
    again = SchemaForm.posted(schema, data)

    assert not again.check()
    assert 'name="data.text:blank"' in page_of(again)
    data["data.text:blank"] = "1"
    meant = SchemaForm.posted(schema, data)
    assert meant.check()
    assert meant.draft() == {"text": ""}


def test_an_object_with_a_default_can_be_left_out() -> None:
    form, schema = form_of(Outer, {})
    data = request_of(page_of(form)).POST.copy()
    data["data.inner:null"] = "1"

    assert SchemaForm.posted(schema, data).draft() == {"inner": None}


def test_a_key_without_a_value_stays_over_the_json_tab() -> None:
    form, schema = form_of(dict[str, int], {"a": 1})
    data = request_of(page_of(form)).POST.copy()
    data["data.0"], data["op"] = "", "tab:json"
    as_text = SchemaForm.posted(schema, data)
    assert as_text.act()
    assert documents.load(as_text.text) == {"a": None}

    again = sent(as_text, schema, "tab:form")
    assert 'value="a"' in page_of(again)


def test_more_rows_than_a_form_takes_are_never_dropped_without_a_word() -> None:
    schema = Schema(list[str]).json_schema()
    data = QueryDict(mutable=True)
    data.update({f"data.{number}": "x" for number in range(600)} | {"data:rows": "600"})

    form = SchemaForm.posted(schema, data)

    assert not form.check()
    assert "Only the first 500 rows of 600 could be taken" in form.complaints[0].message
    assert 'value="add:data"' not in page_of(form)


@pytest.mark.parametrize(
    "text", ["1" * 5000, "0.30000000000000000001", "1e-400", "[" * 300 + "]" * 300]
)
def test_what_json_would_lose_is_refused_where_it_stands(text: str) -> None:
    schema = Schema(dict[str, Any]).json_schema()
    data = QueryDict(mutable=True)
    data.update({"data:rows": "1", "data.0:key": "a", "data.0": text})
    form = SchemaForm.posted(schema, data)

    assert not form.check()
    assert form.complaints[0].target == "data.0"
    assert form.complaints[0].message.endswith(".")
    assert text in page_of(form)


def test_a_number_that_nobody_can_read_is_shown_and_refused_with_a_sentence() -> None:
    form, schema = form_of(Any, {"n": 10**5000, "m": [-(10**4400)]})

    again = sent(form, schema)

    assert f"1{'0' * 5000}" in page_of(form)
    assert not again.check()
    assert "5,001 digits" in again.complaints[0].message
