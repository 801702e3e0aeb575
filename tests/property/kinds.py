"""Types as authors of workflows write them, made by Hypothesis, each with values of it."""

from dataclasses import make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, Union
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    create_model,
)
from typing_extensions import TypedDict

Kind = tuple[Any, SearchStrategy[Any]]

#: What forms lose most easily: blanks, ends of lines, signs that nobody sees, and markup.
NASTY = "\t\n\r \x00\x01\x0b\x0c\x1f\x7f\x85\u00a0\u200b\u200d\u2028\u202e\u2066\ufeff\uffff"
SIGNS = st.sampled_from([*NASTY, *"<>&\"'%.:;\\{}[]", "\r\n", "a", "1", "é", "😀"])
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.lists(SIGNS, max_size=5).map("".join),
    st.sampled_from(["", " ", "None", "null", "true", "1", "1.0", "option:0", "a\nb", "\n", "[]"]),
    st.sampled_from(["2026-03-01", "09:30", "2026-03-01T09:30:00", "PT5M", str(UUID(int=7))]),
)
INTEGERS = st.integers() | st.sampled_from([0, 1, -1, 2**53 + 1, 2**64, -(10**30), 10**4299])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1e22, -0.0, 3.0, 0.1])
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=3) | st.sampled_from(
    [Decimal("1.10"), Decimal("0.30000000000000000001"), Decimal("1E+5")]
)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ZONES = st.none() | OFFSETS | st.sampled_from([UTC, ZoneInfo("Europe/Berlin")])
MOMENTS = st.datetimes(timezones=st.none() | OFFSETS | st.just(ZoneInfo("Europe/Berlin")))
JSONS = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


class Mode(Enum):
    CREATE = "create"
    TAB = "\t"
    NOTHING = ""
    LINES = "a\r\nb"
    LIKE = "Create"


class Level(IntEnum):
    LOW = 1
    HIGH = 5


class Mixed(Enum):
    WORD = "1"
    NUMBER = 1
    HALF = 0.5
    LIST = [1, "1"]


class Point(NamedTuple):
    x: int
    y: float | None


class Node(BaseModel):
    name: str
    after: "Node | None" = None
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str = "Tom"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str = "Rex"
    tags: list[str] = []


class Left(BaseModel):
    a: int = 1
    b: str | None = None


class Right(BaseModel):
    a: int = 1
    c: list[str] = []


NODES = st.recursive(
    st.builds(Node, name=TEXTS, after=st.none(), children=st.just([])),
    lambda inner: st.builds(
        Node, name=TEXTS, after=st.none() | inner, children=st.lists(inner, max_size=2)
    ),
    max_leaves=6,
)
CATS, DOGS = st.builds(Cat, name=TEXTS), st.builds(Dog, name=TEXTS, tags=st.lists(TEXTS))
LEFTS = st.builds(Left, a=st.integers(), b=st.none() | TEXTS)
RIGHTS = st.builds(Right, a=st.integers(), c=st.lists(TEXTS, max_size=2))

ALIKE: tuple[Any, ...] = (1, "1", True, "true", "a", "A", " ", "\t", "\n", "", "None", "option:1")


def _literal(options: list[Any]) -> Kind:
    return Literal.__getitem__(tuple(options)), st.sampled_from(options)


LITERALS = st.lists(
    st.sampled_from(ALIKE), min_size=1, max_size=6, unique_by=lambda option: (type(option), option)
).map(_literal)

PLAIN: list[Kind] = [
    (str, TEXTS),
    (int, INTEGERS),
    (float, FLOATS),
    (bool, st.booleans()),
    (Decimal, DECIMALS),
    (UUID, st.uuids()),
    (timedelta, st.timedeltas()),
    (bytes, TEXTS.map(str.encode)),
    (Mode, st.sampled_from(Mode)),
    (Level, st.sampled_from(Level)),
    (Mixed, st.sampled_from(Mixed)),
    (Annotated[int, Field(ge=1, le=99)], st.integers(1, 99)),
    (Annotated[str, Field(max_length=400)], TEXTS),
]
TIMES: list[Kind] = [
    (date, st.dates()),
    (time, st.times(timezones=ZONES)),
    (datetime, MOMENTS),
    (NaiveDatetime, st.datetimes()),
    (AwareDatetime, st.datetimes(timezones=OFFSETS)),
]
SHAPES: list[Kind] = [
    (Any, JSONS),
    (Point, st.builds(Point, st.integers(), st.none() | FLOATS)),
    (Node, NODES),
    (Annotated[Cat | Dog, Field(discriminator="kind")], CATS | DOGS),
    (Cat | Dog, CATS | DOGS),
    (Left | Right, LEFTS | RIGHTS),
    (Left | Right | None, st.none() | LEFTS | RIGHTS),
    (dict, st.dictionaries(TEXTS, JSONS, max_size=3)),
    (list, st.lists(JSONS, max_size=3)),
]
LEAVES = st.sampled_from(PLAIN + TIMES) | LITERALS
KEYS: list[Kind] = [(str, TEXTS), (int, st.integers()), (Mode, st.sampled_from(Mode))]


def _inside(kinds: SearchStrategy[Kind]) -> SearchStrategy[Kind]:
    return st.one_of(
        kinds.map(_optional),
        kinds.map(_list),
        st.tuples(st.sampled_from(KEYS), kinds).map(lambda pair: _map(*pair)),
        st.lists(kinds, min_size=1, max_size=3).map(_tuple),
        st.lists(LEAVES, min_size=2, max_size=3).map(_union),
        st.sampled_from([*PLAIN[:-2], *TIMES[:1]]).map(_set),
        kinds.map(_any_length),
        models(kinds),
        st.lists(kinds, min_size=1, max_size=3).map(_typed_dict),
        st.lists(kinds, min_size=1, max_size=3).map(_dataclass),
    )


def _optional(kind: Kind) -> Kind:
    return kind[0] | None, st.none() | kind[1]


def _list(kind: Kind) -> Kind:
    return list.__class_getitem__(kind[0]), st.lists(kind[1], max_size=4)


def _any_length(kind: Kind) -> Kind:
    made = tuple.__class_getitem__((kind[0], ...))
    return made, st.lists(kind[1], max_size=3).map(tuple)


def _map(key: Kind, kind: Kind) -> Kind:
    made = dict.__class_getitem__((key[0], kind[0]))
    return made, st.dictionaries(key[1], kind[1], max_size=3)


def _set(kind: Kind) -> Kind:
    return set.__class_getitem__(kind[0]), st.sets(kind[1], max_size=3)


def _tuple(kinds: list[Kind]) -> Kind:
    types = tuple(kind[0] for kind in kinds)
    return tuple.__class_getitem__(types), st.tuples(*(kind[1] for kind in kinds))


def _union(kinds: list[Kind]) -> Kind:
    return Union.__getitem__(tuple(kind[0] for kind in kinds)), st.one_of([k[1] for k in kinds])


def _typed_dict(kinds: list[Kind]) -> Kind:
    """Return keys that may all be missing: a missing one is not null."""
    fields = {f"key {number}": kind for number, kind in enumerate(kinds)}
    types = {key: kind[0] for key, kind in fields.items()}
    made = TypedDict("Keys", types, total=False)  # type: ignore[misc]
    return made, st.fixed_dictionaries({}, optional={k: kind[1] for k, kind in fields.items()})


def _dataclass(kinds: list[Kind]) -> Kind:
    names = [f"part_{number}" for number in range(len(kinds))]
    made = make_dataclass("Parts", [(n, kind[0]) for n, kind in zip(names, kinds, strict=True)])
    return made, st.builds(made, *(kind[1] for kind in kinds))


#: What a field of a model is called in a document.
ALIASES = st.sampled_from(["", "a.b", 'a"b', "a:b", " ", "~a", "data", "x\\y;z", "given", "é<&>'"])


@st.composite
def models(draw: DrawFn, kinds: SearchStrategy[Kind]) -> Kind:
    """Return a model with fields that are needed, have a default, or one that is made."""
    fields: dict[str, Any] = {}
    values: dict[str, SearchStrategy[Any]] = {}
    for number, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=4))):
        alias = draw(ALIASES)
        key = f"{alias}{number}" if alias else f"field_{number}"
        annotation, given = draw(st.just(kind) | st.just(_optional(kind)))
        fields[f"field_{number}"] = (annotation, draw(_fields(key, given)))
        values[key] = given
    config = ConfigDict(extra=draw(st.sampled_from(["allow", "ignore"])))
    made = create_model("Model", __config__=config, **fields)
    optional = {k: v for k, v in values.items() if not _is_needed(made, k)}
    needed = {key: given for key, given in values.items() if key not in optional}
    extra = {"more": JSONS} if config["extra"] == "allow" else {}
    documents = st.fixed_dictionaries(needed, optional=optional | extra)
    return made, documents.map(lambda document: _built(made, document))


@st.composite
def _fields(draw: DrawFn, key: str, given: SearchStrategy[Any]) -> Any:
    match draw(st.integers(0, 3)):
        case 0:
            return Field(alias=key)
        case 1:
            return Field(default=draw(given), alias=key)
        case 2:
            made = draw(given)
            return Field(default_factory=lambda: made, alias=key)
        case _:
            return Field(default=draw(given), alias=key, description="What it is for")


def _is_needed(model: type[BaseModel], key: str) -> bool:
    return any(f.alias == key and f.is_required() for f in model.model_fields.values())


def _built(model: type[BaseModel], document: dict[str, Any]) -> BaseModel:
    """Return the model of values that are of their types already, none of them converted."""
    names = {field.alias: name for name, field in model.model_fields.items()}
    known = {names[key]: value for key, value in document.items() if key in names}
    extra = {key: value for key, value in document.items() if key not in names}
    return model.model_construct(**known, **extra)


KINDS = st.recursive(LEAVES | st.sampled_from(SHAPES), _inside, max_leaves=5)
