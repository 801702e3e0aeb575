"""Fields together with what was typed into them.

Each knows its text as it was typed (`raw`), the JSON value that it means (`draft`), what is wrong
with it, and the names of its inputs. Nothing that was typed is lost: a number field with the text
`abc` has the draft string `abc` and shows it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as each
from typing import ClassVar, Self

from workflows_app.languages import gettext_lazy

from . import documents, values
from .documents import same
from .fields import (
    JSON,
    MISSING,
    Field,
    Missing,
)
from .fitting import whole
from .paths import Path, name_of

#: Longer lists are edited as JSON: nobody reads that many rows, and a browser posts every field.
FEW_ROWS = 50
#: If a list is to have more rows than this, they are added in the JSON tab.
MOST_ROWS = 500
#: A list with more fields than this is edited as JSON.
MOST_FIELDS = 1000

ENTER = gettext_lazy("Enter a value.")
CHOOSE = gettext_lazy("Choose one.")


@dataclass(kw_only=True)
class Bound:
    """One field at one place of the document."""

    field: Field
    path: Path
    errors: list[str] = each(default_factory=list)
    is_first_error: bool = False
    #: Whether null was given, if an empty field would mean something else.
    is_null: bool = False

    shape: ClassVar[str] = ""

    @property
    def template(self) -> str:
        """The template that shows this field."""
        return f"dashboard/forms/{self.shape}.html"

    @property
    def name(self) -> str:
        """The name of the input, and its id."""
        return name_of(self.path)

    @property
    def row_name(self) -> str:
        """What buttons call this field if it is a row of a list."""
        return name_of(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether its text must not be written into the page."""
        return False

    @property
    def is_pristine(self) -> bool:
        """Whether nobody has typed anything here."""
        return False

    def draft(self) -> JSON | Missing:
        """Return the value as far as it is known; `MISSING` leaves the key out."""
        raise NotImplementedError

    def check(self) -> None:
        """Note what the server's types cannot see: text that is not JSON, and fields left empty."""

    def child(self, part: str | int) -> Bound | None:
        """Return the field inside this one at a key or an index."""
        return None

    def walk(self) -> Iterator[Bound]:
        """Yield this field and all fields inside it, in the order of the page."""
        yield self

    def moved(self, path: Path) -> Self:
        """Return the same field at another place of the document."""
        return replace(self, path=path)

    @property
    def holds_default(self) -> bool:
        """Whether the value is the field's default."""
        default = self.field.default
        try:
            return not isinstance(default, Missing) and same(
                whole(self.field, self.draft()), whole(self.field, default)
            )
        except documents.NotJson:
            return False

    @property
    def null_name(self) -> str:
        """The name of the input that tells null from no value."""
        return name_of(self.path, "null")

    def _when_empty(self) -> JSON | Missing:
        if self.is_null:
            return None
        if self.field.nullable and (self.field.required or self.field.has_default):
            return None
        return MISSING


@dataclass(kw_only=True)
class BoundInput(Bound):
    """A field with one text."""

    raw: str = ""
    start: str = ""
    #: The value that was given, if nobody has touched the inputs and they would write it in another
    #: way: a time in another zone, or a number as text.
    origin: JSON | Missing = MISSING

    @property
    def origin_name(self) -> str:
        """The name of the input that carries the value that was given."""
        return name_of(self.path, "as")

    @property
    def origin_text(self) -> str:
        """The value that was given, as JSON; empty if the inputs have the same value."""
        return "" if isinstance(self.origin, Missing) else documents.hidden_json(self.origin)

    @property
    def inputs(self) -> tuple[object, ...]:
        """The texts of its inputs, which show whether somebody has touched them."""
        return (self.raw,)

    def value(self) -> JSON | Missing:
        """Return the value that the inputs mean."""
        raise NotImplementedError

    def draft(self) -> JSON | Missing:
        """Return the value that was given, or the one that the inputs mean if they were touched."""
        return self.value() if isinstance(self.origin, Missing) else self.origin

    @property
    def is_pristine(self) -> bool:
        """Whether the text is still the one that the field began with."""
        is_own = isinstance(self.origin, Missing) or same(self.origin, self.field.default)
        return self.means(self.start) and is_own

    def means(self, text: str) -> bool:
        """Whether the field's text means the same as this one, as a browser would return it."""
        return values.with_plain_lines(self.raw) == values.with_plain_lines(text)

    @property
    def is_empty(self) -> bool:
        """Whether there is no text."""
        return not self.raw.strip()

    def check(self) -> None:
        """Note what is wrong with what somebody typed; the type checks what was given."""
        if isinstance(self.origin, Missing):
            self.check_inputs()

    def check_inputs(self) -> None:
        """Note an empty field that must not be empty."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append(str(ENTER))
