"""What a form made from a JSON schema consists of: one small frozen class a kind of field.

Pure: no Django, no posted data. `schema` builds these, `binding` puts values to them.
"""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import Enum
from typing import Any, ClassVar, Final

JSON = Any

#: Longer texts get a higher field.
FEW_LINES: Final = 1000

#: More options than this are a list to open.
MAX_RADIOS: Final = 4


class Missing(Enum):
    """The value that is not there, which is something else than null."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        """Let templates ask `{% if default %}`."""
        return False


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, kw_only=True)
class Field:
    """What every field knows: its key, its words, and whether it may be empty."""

    key: str = ""
    label: str = ""
    hint: str = ""
    required: bool = True
    nullable: bool = False
    default: JSON | Missing = MISSING

    @property
    def has_default(self) -> bool:
        """Whether leaving it empty would mean some other value than nothing."""
        return self.default is not MISSING and self.default is not None

    @property
    def is_optional(self) -> bool:
        """Whether the field may be left empty."""
        return not self.required or self.nullable

    @property
    def tells_null(self) -> bool:
        """Whether null is one thing here, and nothing at all another."""
        return self.nullable and not self.required and self.default is not None

    @property
    def may_be_nothing(self) -> bool:
        """Whether a list without items may be something else than an empty list."""
        return self.nullable or not (self.required or self.has_default)

    @property
    def empty_label(self) -> str:
        """What a list of options calls the one that chooses none; empty: it has none."""
        if self.nullable:
            return "None"
        return "Not given" if self.is_optional and not self.has_default else ""


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """One string; `input` is the HTML input type, or `textarea`."""

    input: str = "text"
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    media_type: str = ""
    #: What the schema says of the text besides, such as `uuid`.
    format: str = ""
    #: In which zone a moment is shown and read; None: the type takes no zone.
    zone: tzinfo | None = UTC

    @property
    def may_be_blank(self) -> bool:
        """Whether an empty text is one value, and nothing another."""
        is_plain = self.input in {"text", "textarea"} and not self.min_length
        return is_plain and (self.nullable or not self.has_default)

    @property
    def lines(self) -> int:
        """How many lines a field of several lines shows."""
        return 3 if self.max_length and self.max_length <= FEW_LINES else 8


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A number. `as_text` keeps its digits as they were typed (for decimals)."""

    integer: bool = False
    as_text: bool = False


@dataclass(frozen=True, kw_only=True)
class Switch(Field):
    """True or false."""

    @property
    def is_checkbox(self) -> bool:
        """Whether an empty box may mean false: only where a default says so."""
        return isinstance(self.default, bool) and not self.nullable


@dataclass(frozen=True)
class Option:
    """One value that may be chosen."""

    value: JSON
    label: str
    #: What the form sends for it; empty: its value as text.
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice(Field):
    """One of a few values."""

    options: tuple[Option, ...] = ()

    @property
    def is_radio(self) -> bool:
        """Whether all options are shown at once."""
        return not self.is_optional and len(self.options) <= MAX_RADIOS


@dataclass(frozen=True, kw_only=True)
class Many(Field):
    """Any of a few values, each at most once."""

    options: tuple[Option, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fixed(Field):
    """A value that the schema leaves no choice about."""

    value: JSON = None


@dataclass(frozen=True, kw_only=True)
class Group(Field):
    """An object with named fields."""

    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row(Group):
    """A list of fixed length, each place with a field of its own; their keys are the indexes."""


@dataclass(frozen=True, kw_only=True)
class OneOf(Field):
    """An object of one of several shapes, of which one is chosen first."""

    shapes: tuple[Group, ...] = ()
    #: The names by which errors speak of each shape: its class, its constants.
    tags: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rows(Field):
    """A list whose items are all of one shape."""

    item: Field
    min_items: int = 0
    max_items: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pair(Field):
    """One entry of a map: a key that is typed, and a value."""

    value: Field


@dataclass(frozen=True, kw_only=True)
class Pairs(Rows):
    """A map with free keys, whose values are all of one shape."""

    item: Pair


@dataclass(frozen=True, kw_only=True)
class Duration(Field):
    """A length of time, in ISO 8601."""

    #: What tells the input of the unit from that of the number.
    mark: ClassVar[str] = "unit"


@dataclass(frozen=True, kw_only=True)
class Either(Field):
    """One plain value of several kinds; `kinds` are the fields of each, their labels its name."""

    kinds: tuple[Field, ...] = ()
    #: What tells the input of the kind from that of the text.
    mark: ClassVar[str] = "kind"


@dataclass(frozen=True, kw_only=True)
class Raw(Field):
    """What a form cannot show: JSON as text. `reason` says why, for people."""

    reason: str = ""


def holds_secret(field: Field) -> bool:
    """Whether a password is in here."""
    match field:
        case Text(input=shape):
            return shape == "password"
        case Pair(value=inner) | Rows(item=inner):
            return holds_secret(inner)
        case Group(fields=parts) | OneOf(shapes=parts) | Either(kinds=parts):
            return any(holds_secret(part) for part in parts)
        case _:
            return False
