"""What a form made from a JSON schema consists of: a small frozen class for each kind of field.

Pure but for its words: no posted data. `schema` builds these, `binding` binds values to them.
"""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import Enum
from typing import Any, ClassVar, Final

from django.utils.translation import gettext, pgettext

JSON = Any

#: Longer texts get a taller field.
FEW_LINES: Final = 1000

#: More options than this are shown as a list that opens.
MAX_RADIOS: Final = 4


class Missing(Enum):
    """The value that is absent, which differs from null."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        """Be false, so that templates can ask `{% if default %}`."""
        return False


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, kw_only=True)
class Field:
    """What every field has: its key, its words, and whether it may be empty."""

    key: str = ""
    label: str = ""
    hint: str = ""
    required: bool = True
    nullable: bool = False
    default: JSON | Missing = MISSING

    @property
    def has_default(self) -> bool:
        """Whether leaving the field empty means a value other than nothing."""
        return self.default is not MISSING and self.default is not None

    @property
    def is_optional(self) -> bool:
        """Whether the field may be left empty."""
        return not self.required or self.nullable

    @property
    def tells_null(self) -> bool:
        """Whether null and no value mean different things here."""
        return self.nullable and not self.required and self.default is not None

    @property
    def may_be_nothing(self) -> bool:
        """Whether a list without items may mean something other than an empty list."""
        return self.nullable or not (self.required or self.has_default)

    @property
    def empty_label(self) -> str:
        """The option that chooses nothing, as a list calls it; empty if there is none."""
        if self.nullable:
            return pgettext("value", "None")
        return gettext("Not given") if self.is_optional and not self.has_default else ""


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """One string; `input` is the HTML input type, or `textarea`."""

    input: str = "text"
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    media_type: str = ""
    #: What else the schema says about the text, such as `uuid`.
    format: str = ""
    #: The zone in which a moment is shown and read; None if the type takes no zone.
    zone: tzinfo | None = UTC

    @property
    def may_be_blank(self) -> bool:
        """Whether an empty text and no text mean different things."""
        is_plain = self.input in {"text", "textarea"} and not self.min_length
        return is_plain and (self.nullable or not self.has_default)

    @property
    def lines(self) -> int:
        """How many lines a field with several lines shows."""
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
        """Whether an unchecked box may mean false: only if a default says so."""
        return isinstance(self.default, bool) and not self.nullable


@dataclass(frozen=True)
class Option:
    """One value that may be chosen."""

    value: JSON
    label: str
    #: What the form sends for it; empty means its value as text.
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
class FixedList(Group):
    """A list of fixed length with one field for each place; their keys are the indexes."""


@dataclass(frozen=True, kw_only=True)
class OneOf(Field):
    """An object of one of several shapes; the shape is chosen first."""

    shapes: tuple[Group, ...] = ()
    #: The names that errors use for each shape: its class and its constants.
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
    """One plain value of several kinds; `kinds` are their fields, labeled with the kinds' names."""

    kinds: tuple[Field, ...] = ()
    #: What tells the input of the kind from that of the text.
    mark: ClassVar[str] = "kind"


@dataclass(frozen=True, kw_only=True)
class Raw(Field):
    """A part that a form cannot show: JSON as text. `reason` tells people why."""

    reason: str = ""


def holds_secret(field: Field) -> bool:
    """Return whether there is a password in a field."""
    match field:
        case Text(input=shape):
            return shape == "password"
        case Pair(value=inner) | Rows(item=inner):
            return holds_secret(inner)
        case Group(fields=parts) | OneOf(shapes=parts) | Either(kinds=parts):
            return any(holds_secret(part) for part in parts)
        case _:
            return False
