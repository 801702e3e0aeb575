"""What a type wrote, the same type reads; what JSON cannot keep apart is refused."""

import dataclasses
import datetime
import enum
import uuid
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

import pytest
from pydantic import (
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    PlainSerializer,
    Secret,
    SecretBytes,
    SecretStr,
    SerializeAsAny,
    ValidationError,
    computed_field,
    field_serializer,
    model_serializer,
    model_validator,
)
from pydantic import dataclasses as pydantic_dataclasses
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from workflows_app import errors, jsontext
from workflows_app.definition import ANY, Schema

T = TypeVar("T")


def crossed(type_: Any, value: Any) -> Any:
    """Return a value as the next step with the same type gets it."""
    schema = Schema(type_)
    return schema.load(schema.dump(schema.check(value)))


# Aliases.


class Validation(BaseModel):
    """An alias for input."""

    id: int = Field(validation_alias="orderId")


class Choices(BaseModel):
    """Several aliases, one of them deep inside; it has a default."""

    id: int = Field(7, validation_alias=AliasChoices("orderId", AliasPath("order", "id", 0)))


class Written(BaseModel):
    """An alias for output."""

    id: int = Field(serialization_alias="orderId")


class Generated(BaseModel):
    """All aliases are generated."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=str.upper)
    )
    order_id: int = 7


class ByName(BaseModel):
    """Both names are taken."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)
    id: int = Field(7, alias="orderId")


class OnlyName(BaseModel):
    """The alias is accepted nowhere."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    id: int = Field(7, alias="orderId")


class Swapped(BaseModel):
    """Each of two fields has the other's name as its alias."""

    a: int = Field(1, alias="b")
    b: int = Field(2, alias="a")


@pydantic_dataclasses.dataclass
class Data:
    """A dataclass of Pydantic's."""

    id: int = Field(7, alias="orderId")


@dataclasses.dataclass
class Plain:
    """A dataclass."""

    id: Annotated[int, Field(alias="orderId")] = 7


class Typed(TypedDict):
    """A typed dict."""

    id: Annotated[int, Field(alias="orderId")]


class Kind(BaseModel):
    """One of two, told apart by a field with another name."""

    kind: Literal["a"] = Field("a", alias="Kind")
    n: int = Field(1, alias="N")


class OtherKind(BaseModel):
    """The other."""

    kind: Literal["b"] = Field("b", alias="Kind")


class Around(BaseModel):
    """Holds others."""

    inner: Choices = Field(alias="INNER")
    many: dict[str, list[Validation]] = Field(alias="MANY")


ALIASED = [
    (Validation, Validation(orderId=5)),
    (Choices, Choices(orderId=5)),
    (Written, Written(id=5)),
    (Generated, Generated(orderId=5)),
    (ByName, ByName(id=5)),
    (OnlyName, OnlyName(id=5)),
    (Swapped, Swapped(a=5, b=6)),
    (Data, Data(orderId=5)),
    (Plain, Plain(id=5)),
    (Typed, {"id": 5}),
    (Around, Around(INNER=Choices(orderId=5), MANY={"x": [Validation(orderId=6)]})),
    (Annotated[Kind | OtherKind, Field(discriminator="kind")], Kind(N=5)),
    (Kind | OtherKind, Kind(N=5)),
]


@pytest.mark.parametrize(("type_", "value"), ALIASED)
def test_a_field_with_other_names_outside_crosses_by_its_own(type_, value):
    schema = Schema(type_)
    text = schema.dump(schema.check(value))
    assert schema.load(text) == value
    assert schema.kept(text.decode()) == text.decode()
    assert schema.check(jsontext.loads(text)) == value or type_ is Swapped
    assert not {b"orderId", b"ORDER_ID", b"INNER", b"Kind"} & set(text.split(b'"'))


@pytest.mark.parametrize("type_", [Validation, Choices, ByName, Data, Plain, Typed])
def test_what_a_person_gives_may_use_either_name(type_):
    schema = Schema(type_)
    by_alias, by_name = ({"orderId": "5"}, {"id": "5"})
    assert schema.check(by_alias) == schema.check(by_name)
    assert jsontext.loads(schema.dump(schema.check(by_alias))) == {"id": 5}
    assert schema.load('{"orderId":5}') == schema.load('{"id":5}')


def test_input_by_alias_is_understood_where_names_are_mixed():
    schema = Schema(Swapped)
    assert schema.check({"b": 5, "a": 6}) == Swapped(b=5, a=6)
    assert schema.kept('{"b":5,"a":6}', is_given=True) == '{"a":5,"b":6}'
    assert schema.kept('{"a":5,"b":6}') == '{"a":5,"b":6}'


# Computed fields, and fields written in another way.


class Sized(BaseModel):
    """Takes nothing that it does not know, and writes more than it takes."""

    model_config = ConfigDict(extra="forbid")
    w: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        """Twice the width."""
        return self.w * 2


class Loose(Sized):
    """Keeps what it does not know."""

    model_config = ConfigDict(extra="allow")


class Usual(Sized):
    """Leaves out what it does not know."""

    model_config = ConfigDict(extra="ignore")


class Parsed(BaseModel):
    """A field that is JSON inside."""

    body: Json[dict[str, int]]


class Wrapped(BaseModel):
    """Written in a way of its own, which it reads."""

    n: int

    @model_serializer
    def written(self) -> list[int]:
        """Write a list."""
        return [self.n]

    @model_validator(mode="before")
    @classmethod
    def read(cls, value: Any) -> Any:
        """Read a list."""
        return {"n": value[0]} if isinstance(value, list) else value


@pytest.mark.parametrize(
    "value",
    [
        Sized(w=2),
        Loose(w=2, more="x"),
        Usual(w=2),
        Parsed(body='{"a": 1}'),
        Wrapped(n=3),
    ],
)
def test_a_type_reads_what_it_wrote(value):
    again = crossed(type(value), value)
    assert again == value
    assert again.model_dump() == value.model_dump()


def test_what_is_computed_stays_for_those_that_read_it_where_its_type_lets_it():
    assert jsontext.loads(Schema(Usual).dump(Usual(w=2))) == {"w": 2, "area": 4}


# Subclasses.


class Shape(BaseModel):
    """What is declared."""

    name: str = "s"


class Circle(Shape):
    """What is returned."""

    r: int = 3


class Strict(BaseModel):
    """Takes nothing that it does not know."""

    model_config = ConfigDict(extra="forbid")


class StrictMore(Strict):
    """Has more."""

    r: int = 3


@dataclasses.dataclass
class Base:
    """A dataclass that is declared."""

    n: int = 1


@dataclasses.dataclass
class Derived(Base):
    """A dataclass that is returned."""

    m: int = 2


class Holder(BaseModel, Generic[T]):
    """Holds any."""

    it: T
    all: list[T] = []


@pytest.mark.parametrize(
    ("type_", "value", "found"),
    [
        (Shape, Circle(), lambda v: v),
        (list[Shape], [Circle()], lambda v: v[0]),
        (dict[str, tuple[Shape, ...]], {"a": (Circle(),)}, lambda v: v["a"][0]),
        (Shape | int, Circle(), lambda v: v),
        (Shape | None, Circle(), lambda v: v),
        (Holder[Shape], Holder[Shape](it=Circle()), lambda v: v["it"]),
        (Holder[SerializeAsAny[Shape]], Holder[SerializeAsAny[Shape]](it=Circle()),
         lambda v: v["it"]),
        (Annotated[Kind | OtherKind, Field(discriminator="kind")],
         type("More", (Kind,), {"__annotations__": {"r": int}, "r": 3})(), lambda v: v),
    ],
)  # fmt: skip
def test_a_subclass_is_written_as_what_it_is(type_, value, found):
    schema = Schema(type_)
    text = schema.dump(schema.check(value))
    assert found(jsontext.loads(text))["r"] == 3
    schema.load(text)


@pytest.mark.parametrize(
    ("type_", "value", "named"),
    [(Strict, StrictMore(), "StrictMore"), (list[Strict], [StrictMore()], "r"),
     (Base, Derived(), "Derived"), (list[Base], [Derived()], "Derived")],
)  # fmt: skip
def test_a_subclass_that_would_be_lost_is_refused(type_, value, named):
    schema = Schema(type_)
    with pytest.raises(errors.InvalidStepOutput, match=named):
        schema.dump(schema.check(value), unread=errors.InvalidStepOutput)


# What a type leaves out, or writes in a way that it does not read.


class LeavesOut(BaseModel):
    """Leaves out a field that has a default."""

    a: int = 1
    b: int = Field(2, exclude=True)


class LeavesOutNeeded(BaseModel):
    """Leaves out a field that is needed."""

    a: int = 1
    b: int = Field(exclude=True)


class LeavesOutSometimes(BaseModel):
    """Leaves out a field when it is large."""

    b: int = Field(2, exclude_if=lambda value: value > 5)


class LeavesOutOpen(BaseModel):
    """Leaves out a field beside one that takes anything."""

    a: Any = None
    b: int = Field(2, exclude=True)


class Pops(BaseModel):
    """Writes less than it is."""

    a: int
    b: int = 7

    @model_serializer(mode="wrap")
    def written(self, handler: Any) -> Any:
        """Leave one out."""
        made = handler(self)
        del made["b"]
        return made


class WritesDay(BaseModel):
    """Writes a day as it does not read one."""

    day: datetime.date

    @field_serializer("day")
    def written(self, value: datetime.date) -> str:
        """Write a day as people do."""
        return value.strftime("%d/%m/%Y")


class Rounds(BaseModel):
    """Writes less than it knows."""

    n: float

    @field_serializer("n")
    def written(self, value: float) -> float:
        """Round."""
        return round(value, 1)


class WritesBase64(BaseModel):
    """Writes bytes in one way, and reads them in another."""

    model_config = ConfigDict(ser_json_bytes="base64")
    b: bytes


class Base64(WritesBase64):
    """Reads them as it writes them."""

    model_config = ConfigDict(val_json_bytes="base64")


class Millis(BaseModel):
    """Writes numbers that are read as seconds where they are small."""

    model_config = ConfigDict(ser_json_temporal="milliseconds")
    at: datetime.datetime


@pydantic_dataclasses.dataclass(config=ConfigDict(ser_json_bytes="base64"))
class DataBase64:
    """A dataclass that writes bytes in one way, and reads them in another."""

    b: bytes


class Near:
    """Says no when asked whether it is the same."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("ask for each of my parts")

    __hash__ = None  # type: ignore[assignment]


class Unsure(BaseModel):
    """Holds one of these."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    near: Annotated[Near, PlainSerializer(lambda _: "near"), BeforeValidator(lambda _: Near())]


EARLY = datetime.datetime(1970, 1, 1, 0, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (LeavesOut(b=9), r"\bb\'"),
        (LeavesOutNeeded(b=9), "b: Field required"),
        (LeavesOutSometimes(b=9), r"\bb\'"),
        (LeavesOutOpen(a=[1], b=9), r"\bb\'"),
        (Pops(a=1, b=9), r"\bb\'"),
        (WritesDay(day=datetime.date(2024, 3, 1)), "day: "),
        (Rounds(n=1.25), r"\bn\'"),
        (WritesBase64(b=b"hello"), r"\bb\'"),
        (DataBase64(b=b"hello"), r"\bb\'"),
        (Millis(at=EARLY), r"\bat\'"),
    ],
)
@pytest.mark.parametrize("around", [False, True])
def test_what_a_type_does_not_read_as_it_wrote_it_is_refused(value, named, around):
    type_: Any = list[type(value)] if around else type(value)
    schema = Schema(type_)
    value = [value] if around else value
    with pytest.raises(errors.InvalidStepOutput, match=named):
        schema.dump(schema.check(value), unread=errors.InvalidStepOutput)


@pytest.mark.parametrize(
    "value",
    [
        LeavesOut(b=2),
        LeavesOutSometimes(b=3),
        LeavesOutOpen(a={"x": datetime.date(2024, 1, 2), "y": [uuid.UUID(int=1)]}),
        Pops(a=1),
        Rounds(n=1.5),
        Base64(b=b"hello"),
        Millis(at=datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)),
    ],
)
def test_what_a_type_reads_as_it_was_is_kept_however_it_is_written(value):
    again = crossed(type(value), value)
    assert type(again) is type(value)
    if not isinstance(value, LeavesOutOpen):
        assert again == value


def test_what_cannot_say_whether_it_is_the_same_crosses():
    assert isinstance(crossed(Unsure, Unsure(near=Near())).near, Near)


class Less(TypedDict):
    """What is declared."""

    a: int


class More(Less):
    """What is returned: it is one of those, too."""

    b: int


class Nested(TypedDict):
    """Holds one."""

    one: Less
    more: NotRequired[list[Less]]


class ClosedKeys(TypedDict):
    """Takes no others."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    a: int


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Less, {"a": 1, "b": 2}),
        (Less | None, {"a": 1, "b": 2}),
        (list[Less], [{"a": 1, "b": [{"c": datetime.date(2024, 1, 2)}]}]),
        (Nested, {"one": {"a": 1, "b": 2}, "more": [{"a": 1, "b": 2}], "other": 3}),
    ],
)
def test_the_keys_of_a_subclass_of_a_typed_dict_are_kept_and_read_as_what_is_declared(type_, value):
    schema = Schema(type_)
    made = schema.check(value, is_made=True)
    assert made == value
    text = schema.dump(made)
    assert jsontext.loads(text) == jsontext.loads(ANY.dump(value))
    assert schema.load(text) == schema.check(value)
    assert "b" not in str(schema.check(value)), "what a person gives too much is left out"
    assert ANY.dump(schema.load(text)) == schema.dump(schema.check(value))


def test_a_typed_dict_that_says_what_it_does_with_more_does_that():
    with pytest.raises(ValidationError, match="b"):
        Schema(ClosedKeys).check({"a": 1, "b": 2}, is_made=True)


# What JSON cannot keep apart.


class Level(enum.Enum):
    """Numbers that are not ints."""

    LOW = 1
    HIGH = 2


class Grade(enum.IntEnum):
    """Numbers that are."""

    ONE = 1


TEXT = str(uuid.UUID(int=1))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (dict[int, str], {1: "a", 2: "b"}),
        (dict[Level, str], {Level.LOW: "a", Level.HIGH: "b"}),
        (list[dict[Level, list[dict[Grade, int]]]], [{Level.LOW: [{Grade.ONE: 1}]}]),
        (dict[uuid.UUID, int], {uuid.UUID(int=1): 2}),
        (dict[datetime.date, int], {datetime.date(2024, 1, 2): 2}),
        (dict[bool, int], {True: 1, False: 2}),
        (dict[float, int], {1.5: 1}),
        (dict[Decimal, int], {Decimal("1.50"): 1}),
        (uuid.UUID | str, uuid.UUID(int=1)),
        (uuid.UUID | str, "no uuid"),
        (str | uuid.UUID, uuid.UUID(int=1)),
        (int | str, "5"),
        (int | str, 5),
        (int | float, 1.0),
        (bool | int | str, True),
        (datetime.date | str, datetime.date(2024, 1, 2)),
        (Decimal | None, Decimal("1.50")),
        (Shape | Circle, Circle()),
        (frozenset[int] | None, frozenset({1})),
        (tuple[int, str] | list[int], (1, "a")),
        (Literal[1, "1"], "1"),
        (Level | None, Level.LOW),
    ],
)
def test_what_json_keeps_apart_crosses_unchanged(type_, value):
    again = crossed(type_, value)
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    ("type_", "value", "named"),
    [
        (Any, {1: "a", "1": "b"}, "'1'"),
        (Any, {"deep": [{None: 1, "None": 2}]}, "'None'"),
        (dict, {1.5: "a", "1.5": "b"}, r"'1\.5'"),
        (dict[str, Any], {"in": {True: 1, "true": 2}}, "'true'"),
        (dict[int | str, str], {1: "a", "1": "b"}, "1"),
        (dict[int | str, str], {1: "a"}, "1"),
        (dict[tuple[int, int], str], {(1, 2): "a"}, "1,2"),
        (dict[str | None, int], {None: 1}, "None"),
        (uuid.UUID | str, TEXT, TEXT),
        (str | uuid.UUID, TEXT, TEXT),
        (datetime.date | str, "2024-01-02", "2024-01-02"),
        (bytes | str, "x", "x"),
        (list[bytes | str], ["x"], "'0'"),
        (Decimal | str, "1.5", r"1\.5"),
        (str | Decimal, Decimal("1.5"), r"1\.5"),
        (list[int] | tuple[int, ...], (1, 2), "tuple"),
    ],
)
def test_what_json_cannot_keep_apart_is_refused(type_, value, named):
    with pytest.raises(errors.SerializationError, match=named):
        crossed(type_, value)


# Enums whose values JSON has in another form.


class Planet(enum.Enum):
    """Values of several parts."""

    EARTH = (5.9, 6.3)
    MARS = (0.6, 3.3)


class Rate(enum.Enum):
    """Exact numbers."""

    LOW = Decimal("0.07")
    HIGH = Decimal("0.19")


class Odd(enum.Enum):
    """One of each kind that JSON writes as something else."""

    DAY = datetime.date(2024, 1, 2)
    TIME = datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC)
    LONG = datetime.timedelta(days=1)
    ID = uuid.UUID(int=1)
    RAW = b"raw"
    SET = frozenset({1})
    MAP = {"a": (1, 2)}
    LIST = [1, 2]
    INNER = Level.HIGH
    WORD = "word"
    NOTHING = None


class Day(datetime.date, enum.Enum):
    """Members that are dates."""

    FIRST = 2024, 1, 1


class Sign(bytes, enum.Enum):
    """Members that are bytes."""

    A = b"a"


class Exact(Decimal, enum.Enum):
    """Members that are exact numbers."""

    ONE = "1.50"


class World(BaseModel):
    """Has some of them in fields."""

    planet: Planet
    rates: dict[Rate, list[Planet]] = {}
    more: "World | None" = None


@dataclasses.dataclass
class Tax:
    """Has one in a field."""

    rate: Rate = Rate.LOW


class Both(enum.Enum):
    """Two values that JSON writes alike."""

    NUMBER = Decimal(1)
    TEXT = "1"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Planet, Planet.MARS),
        *[(Odd, member) for member in Odd],
        (Day, Day.FIRST),
        (Sign, Sign.A),
        (Exact, Exact.ONE),
        (list[Planet], [Planet.EARTH, Planet.MARS]),
        (dict[Planet, Rate], {Planet.MARS: Rate.HIGH}),
        (dict[Odd, int], {Odd.DAY: 1, Odd.ID: 2, Odd.WORD: 3}),
        (Planet | None, Planet.MARS),
        (Rate | int, Rate.LOW),
        (Rate | str, Rate.LOW),
        (Literal[Planet.EARTH], Planet.EARTH),
        (Literal[Level.LOW, "low"], Level.LOW),
        (Literal[b"a", b"b"], b"b"),
        (World, World(planet=Planet.MARS, rates={Rate.LOW: [Planet.EARTH]},
                      more=World(planet=Planet.EARTH))),
        (Tax, Tax(Rate.HIGH)),
        (tuple[Planet, Rate], (Planet.EARTH, Rate.LOW)),
        (Both, Both.TEXT),
    ],
)  # fmt: skip
def test_an_enum_is_read_whatever_its_values_are(type_, value):
    again = crossed(type_, value)
    assert again == value
    assert type(again) is type(value)
    given = jsontext.loads(Schema(type_).dump(value))
    assert Schema(type_).check(given) == value


def test_values_of_an_enum_that_json_writes_alike_are_refused():
    with pytest.raises(errors.SerializationError, match=r"Both\.TEXT"):
        crossed(Both, Both.NUMBER)


def test_a_value_that_is_not_a_member_of_an_enum_is_refused_as_before():
    for given in ([5.9, 6.4], "EARTH", {"a": object()}, object(), "5.9,6.3x"):
        with pytest.raises(ValidationError, match=r"should be \(5\.9, 6\.3\)"):
            Schema(Planet).check(given)
    assert Schema(Planet).json_schema()["enum"] == [[5.9, 6.3], [0.6, 3.3]]


# What Python cannot read again.


@pytest.mark.parametrize("schema", [ANY, Schema(int), Schema(dict[str, Any])])
def test_a_number_that_python_does_not_read_is_refused_when_it_is_written(schema):
    number: Any = 10**5000
    value = number if schema.is_any or "dict" not in repr(schema) else {"a": [number]}
    with pytest.raises(errors.SerializationError, match="4,300 digits"):
        schema.dump(value)


def test_a_number_that_an_earlier_release_wrote_is_read_as_its_digits():
    assert jsontext.loads_shown("[" + "1" * 5000 + ",2]") == ["1" * 5000, 2]


@pytest.mark.parametrize("value", [10**4299, "1" * 9000, ["12" * 5000, 10**4000], "1" * 4301])
def test_long_numbers_that_can_be_read_and_texts_of_digits_cross(value):
    assert crossed(Any, value) == value


def nested(depth: int) -> Any:
    """Return a value so many levels deep."""
    value: Any = 1
    for _ in range(depth):
        value = [{"a": value}]
    return value


@pytest.mark.parametrize("depth", [91, 120, 400, 100_000])
def test_what_is_nested_too_deeply_is_refused_at_once(depth):
    with pytest.raises(errors.SerializationError):
        ANY.dump(nested(depth))


def test_what_is_nested_deeply_and_can_be_read_crosses():
    assert crossed(dict[str, Any], {"a": nested(85)}) == {"a": nested(85)}
    assert crossed(Any, [nested(1)] * 500) == [nested(1)] * 500


# Secrets.


class Login(BaseModel):
    """Has secret parts."""

    user: str
    password: SecretStr
    key: SecretBytes = SecretBytes(b"k")
    number: Secret[int] = Secret[int](5)
    more: list[SecretStr] = []


def test_a_secret_reaches_its_reader_and_nobody_else():
    login = Login(user="a", password="hunter2", more=["hidden1", ""])
    schema = Schema(Login)
    text = schema.dump(login).decode()
    assert schema.load(text) == login
    shown = jsontext.loads(text)
    assert shown["password"] == "**********"
    assert "hunter2" not in str(shown) + repr(shown) + jsontext.masked_text(text)
    assert jsontext.dumps(shown) == text
    assert ANY.load(text)["password"] == SecretStr("hunter2")
    assert ANY.dump(ANY.load(text)["password"]).decode() == jsontext.dumps(shown["password"])


@pytest.mark.parametrize("cut", range(20, 120, 7))
def test_a_secret_does_not_show_where_text_is_cut(cut):
    text = Schema(Login).dump(Login(user="a", password='hunter2"}\\')).decode()
    assert "hunter" not in jsontext.masked_text(text[:cut])


def test_a_secret_that_was_read_is_one_for_its_type_and_without_one():
    shown = jsontext.loads(Schema(Login).dump(Login(user="a", password="hunter2")))
    assert Schema(Login).check(shown) == Login(user="a", password="hunter2")
    bare = ANY.load(jsontext.dumps(shown))
    assert bare["number"] == Secret[Any](5)
    assert Schema(Login).check(bare) == Login(user="a", password="hunter2")
    assert ANY.dump(bare).decode() == jsontext.dumps(shown)


def test_asterisks_that_are_not_a_secret_stay():
    assert crossed(Any, {"a": "**********"}) == {"a": "**********"}
    assert crossed(Login, Login(user="**********", password="**********")).user == "**********"


def test_a_secret_where_json_has_no_place_for_one_is_refused():
    with pytest.raises(errors.SerializationError, match="key"):
        Schema(dict[SecretStr, int]).dump({SecretStr("x"): 1})
    with pytest.raises(errors.SerializationError, match="list"):
        Schema(set[SecretStr]).dump({SecretStr("x")})
