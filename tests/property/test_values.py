"""What a step returns is what the next step with the same type gets, or a clear error.

Hypothesis makes types, and values of them.
"""

import datetime
import enum
import uuid
from decimal import Decimal
from typing import Any, Literal, Optional, Union

from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, SecretStr, create_model

from workflows_app import errors, jsontext
from workflows_app.definition import ANY, Schema

Made = tuple[Any, st.SearchStrategy[Any]]


class Level(enum.Enum):
    """Numbers."""

    LOW = 1
    HIGH = 2


class Grade(enum.IntEnum):
    """Ints."""

    ONE = 1


class Color(enum.StrEnum):
    """Texts."""

    RED = "red"


UUIDS = st.uuids()
DATES = st.dates()
#: Texts, some of which look like something else.
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["1", "true", "null", "None", "1.5", "red", "nan", "\0", "**********", str(uuid.UUID(int=1)),
     "2024-01-02", "2024-01-02T00:00:00Z", "P1D"]
)  # fmt: skip
KEYS: list[Made] = [
    (str, TEXTS),
    (int, st.integers()),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (uuid.UUID, UUIDS),
    (datetime.date, DATES),
    (Level, st.sampled_from(Level)),
    (Grade, st.sampled_from(Grade)),
    (Color, st.sampled_from(Color)),
    (int | str, st.integers() | TEXTS),
    (tuple[int, int], st.tuples(st.integers(), st.integers())),
    (str | None, TEXTS | st.none()),
]
LEAVES: list[Made] = [
    *KEYS[:-3],
    (type(None), st.none()),
    (bytes, st.binary(max_size=5) | TEXTS.map(str.encode)),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (datetime.datetime, st.datetimes(timezones=st.just(datetime.UTC))),
    (datetime.timedelta, st.timedeltas(max_value=datetime.timedelta(days=10**4),
                                       min_value=-datetime.timedelta(days=10**4))),
    (Literal[1, "1", "a"], st.sampled_from([1, "1", "a"])),
    (SecretStr, TEXTS.map(SecretStr)),
]  # fmt: skip


@st.composite
def unions(draw: st.DrawFn, parts: st.SearchStrategy[Made]) -> Made:
    """Make one of several types."""
    chosen = draw(st.lists(parts, min_size=2, max_size=3))
    return Union[tuple(type_ for type_, _ in chosen)], st.one_of([value for _, value in chosen])  # noqa: UP007 - of types that are not known here


@st.composite
def models(draw: st.DrawFn, parts: st.SearchStrategy[Made]) -> Made:
    """Make a model, perhaps with aliases, and perhaps with room for unknown keys."""
    chosen = draw(st.lists(parts, min_size=1, max_size=3))
    names = draw(st.permutations(["a", "b", "c"]))
    ways = st.sampled_from(
        [lambda _: Field(), lambda n: Field(alias=n), lambda n: Field(alias=f"{n}X"),
         lambda n: Field(validation_alias=AliasChoices(f"{n}Y", AliasPath("deep", n))),
         lambda n: Field(serialization_alias=n)]
    )  # fmt: skip
    fields: dict[str, Any] = {
        name: (type_, draw(ways)(other))
        for (type_, _), name, other in zip(chosen, "abc", names, strict=False)
    }
    extra: Any = draw(st.sampled_from(["ignore", "forbid"]))
    config = ConfigDict(extra=extra, validate_by_name=True, validate_by_alias=False)
    model = create_model("Made", __config__=config, **fields)
    values = {name: value for (_, value), name in zip(chosen, "abc", strict=False)}
    return model, st.builds(model, **values)


def _of(kind: Any, *inner: Any) -> Any:
    """Return a type that holds these."""
    return kind[inner if len(inner) > 1 else inner[0]]


def around(parts: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    """Make types that hold these."""
    return st.one_of(
        parts.map(lambda p: (_of(list, p[0]), st.lists(p[1], max_size=3))),
        parts.map(lambda p: (_of(tuple, p[0], ...), st.lists(p[1], max_size=3).map(tuple))),
        st.tuples(parts, parts).map(
            lambda p: (_of(tuple, p[0][0], p[1][0]), st.tuples(p[0][1], p[1][1]))
        ),
        parts.map(lambda p: (Optional[p[0]], p[1] | st.none())),  # noqa: UP045 - of a type not known
        st.tuples(st.sampled_from(KEYS), parts).map(
            lambda p: (_of(dict, p[0][0], p[1][0]), st.dictionaries(p[0][1], p[1][1], max_size=3))
        ),
        unions(parts),
        models(parts),
    )


TYPES = st.recursive(st.sampled_from(LEAVES), around, max_leaves=5)


def told(value: Any) -> Any:
    """Return a value with the types of all that it holds, to be compared."""
    if isinstance(value, BaseModel):
        return type(value), [(name, told(part)) for name, part in value]
    if isinstance(value, dict):
        return dict, [(told(key), told(part)) for key, part in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [told(part) for part in value]
    return type(value), value


@settings(max_examples=400)
@given(st.data())
def test_what_a_step_returns_is_what_the_next_one_gets_or_a_clear_error(data):
    type_, values = data.draw(TYPES)
    schema = Schema(type_)
    value = schema.check(data.draw(values))
    try:
        text = schema.dump(value)
    except errors.SerializationError:
        event("refused")
        return
    assert told(schema.load(text)) == told(value)
    kept = schema.kept(text.decode())
    assert told(schema.load(kept)) == told(value)
    assert json_of(text) == json_of(kept.encode())


def json_of(text: bytes) -> Any:
    """Return the JSON as people read it, without secrets."""
    shown = jsontext.loads(text)
    jsontext.masked_text(text.decode()).encode()
    return shown


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300)
@given(PLAIN)
def test_plain_values_cross_unchanged_with_and_without_a_type(value):
    for schema in (ANY, Schema(list[Any])):
        given_ = value if schema is ANY else [value]
        text = schema.dump(given_)
        assert told(schema.load(text)) == told(given_)
        assert told(jsontext.loads(jsontext.dumps(jsontext.loads(text)))) == told(given_)


ODD = st.text(st.characters(categories=["Cs", "Ll", "Cc"]), max_size=4)


@settings(max_examples=200)
@given(st.dictionaries(ODD, ODD | st.lists(ODD, max_size=2), max_size=3))
def test_text_that_no_encoding_takes_is_the_same_with_and_without_a_type(value):
    texts = [
        schema.dump(value)
        for schema in (ANY, Schema(dict[str, Any]), Schema(dict[str, str | list[str]]))
    ]
    assert texts[0] == texts[1] == texts[2]
    assert jsontext.loads(texts[0]) == jsontext.clean(value)
    texts[0].decode().encode()
