"""Fields with what was typed into them.

Each knows its text as it stands (`raw`), the JSON value that was meant (`draft`), what is wrong
with it, and its inputs' names. Nothing typed is dropped: a number field that holds `abc` drafts
the string `abc`, and shows it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as each
from typing import ClassVar, Self

from dashboard.forms import documents, values
from dashboard.forms.documents import same
from dashboard.forms.fields import (
    JSON,
    MISSING,
    Choice,
    Field,
    Fixed,
    Group,
    Many,
    Missing,
    Number,
    OneOf,
    Raw,
    Rows,
    Switch,
    Text,
    holds_secret,
)
from dashboard.forms.fitting import whole
from dashboard.forms.options import option_name, option_named
from dashboard.forms.paths import Path, name_of

#: Longer lists are edited as JSON: nobody reads that many rows, and a browser posts each field.
FEW_ROWS = 50
#: More rows than this are added in the JSON tab.
MOST_ROWS = 500
#: More fields than this in one list are edited as JSON.
MOST_FIELDS = 1000

ENTER = "Enter a value."
CHOOSE = "Choose one."


@dataclass(kw_only=True)
class Bound:
    """One field in one place of the document."""

    field: Field
    path: Path
    errors: list[str] = each(default_factory=list)
    is_first_error: bool = False
    #: Null was given, where an empty field would mean something else.
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
        """How buttons speak of this field as a row of a list."""
        return name_of(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether its text may not be written into the page."""
        return False

    @property
    def is_pristine(self) -> bool:
        """Whether nobody has typed anything here."""
        return False

    def draft(self) -> JSON | Missing:
        """Return the value as far as it can be told; `MISSING` leaves the key out."""
        raise NotImplementedError

    def check(self) -> None:
        """Note what the server's types could not: what is not even JSON, and what is empty."""

    def child(self, part: str | int) -> Bound | None:
        """Return the field inside this one, under a key or an index."""
        return None

    def walk(self) -> Iterator[Bound]:
        """Yield this field and all inside it, in the order of the page."""
        yield self

    def moved(self, path: Path) -> Self:
        """Return the same field in another place of the document."""
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
        """The name of the input that tells null from nothing."""
        return name_of(self.path, "null")

    def _when_empty(self) -> JSON | Missing:
        if self.is_null:
            return None
        if self.field.nullable and (self.field.required or self.field.has_default):
            return None
        return MISSING


@dataclass(kw_only=True)
class Line(Bound):
    """A field with one text."""

    raw: str = ""
    start: str = ""
    #: The value that was given, where nobody has touched the inputs and they alone would say it
    #: otherwise: a time in another zone, a number as text.
    origin: JSON | Missing = MISSING

    @property
    def origin_name(self) -> str:
        """The name of the input that carries the value that was given."""
        return name_of(self.path, "as")

    @property
    def origin_text(self) -> str:
        """The value that was given as JSON; empty where the inputs say it."""
        return "" if isinstance(self.origin, Missing) else documents.mark(self.origin)

    @property
    def inputs(self) -> tuple[object, ...]:
        """What the inputs hold, to tell whether somebody has touched them."""
        return (self.raw,)

    def value(self) -> JSON | Missing:
        """Return the value that the inputs say."""
        raise NotImplementedError

    def draft(self) -> JSON | Missing:
        """Return the value that was given, or what the inputs say since they were touched."""
        return self.value() if isinstance(self.origin, Missing) else self.origin

    @property
    def is_pristine(self) -> bool:
        """Whether the text is the one that the field began with."""
        is_own = isinstance(self.origin, Missing) or same(self.origin, self.field.default)
        return self.means(self.start) and is_own

    def means(self, text: str) -> bool:
        """Whether the text that the field holds is this one, as a browser gives it back."""
        return values.with_plain_lines(self.raw) == values.with_plain_lines(text)

    @property
    def is_empty(self) -> bool:
        """Whether there is no text."""
        return not self.raw.strip()

    def check(self) -> None:
        """Note what is wrong with what somebody typed; what was given, the type judges."""
        if isinstance(self.origin, Missing):
            self.check_inputs()

    def check_inputs(self) -> None:
        """Note an empty field that must not be empty."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append(ENTER)


@dataclass(kw_only=True)
class BoundText(Line):
    """A string. No text is nothing where nothing may be; `is_blank` says it is an empty text."""

    field: Text
    is_blank: bool = False
    starts_blank: bool = False
    shape: ClassVar[str] = "text"

    @property
    def blank_name(self) -> str:
        """The name of the box that tells an empty text from nothing."""
        return name_of(self.path, "blank")

    @property
    def asks_if_blank(self) -> bool:
        """Whether the box is shown: not where nothing is usual; the JSON tab tells them apart."""
        field = self.field
        is_open = self.is_blank or self.starts_blank or bool(self.errors and not self.raw)
        is_usual = not field.has_default if field.nullable else not field.required
        return field.may_be_blank and (is_open or is_usual)

    @property
    def is_pristine(self) -> bool:
        """Whether neither text nor box was changed."""
        tells = not self.raw and self.field.may_be_blank
        return super().is_pristine and (not tells or self.is_blank == self.starts_blank)

    @property
    def is_empty(self) -> bool:
        """Whether there is no text; spaces are text."""
        return not self.raw and not (self.is_blank and self.field.may_be_blank)

    def means(self, text: str) -> bool:
        """Whether the text means this one: a time may be written in several ways."""
        return values.meant(self.raw, self.field) == values.meant(text, self.field)

    @property
    def inputs(self) -> tuple[object, ...]:
        """The text as it is meant, and the box where it counts."""
        is_blank = self.is_blank and not self.raw and self.field.may_be_blank
        return values.meant(self.raw, self.field), is_blank

    @property
    def input(self) -> str:
        """The input type: a browser's date field would swallow what is no date, others a line."""
        if not self.is_secret and not values.is_one_line(self.raw):
            return "textarea"
        return self.field.input if values.fits_input(self.raw, self.field) else "text"

    @property
    def is_secret(self) -> bool:
        """Whether this is a password."""
        return self.field.input == "password"

    def check_inputs(self) -> None:
        """Note a time that does not exist in the field's zone, or comes twice."""
        super().check_inputs()
        if problem := values.moment_problem(self.raw, self.field):
            self.errors.append(problem)

    def value(self) -> JSON | Missing:
        """Return the string; an empty field means its default, null or an empty string."""
        if self.raw:
            return values.text_of(self.raw, self.field)
        if self.is_blank and self.field.may_be_blank:
            return ""
        plain = self.field.input in {"text", "textarea"} and not self.is_null
        if plain and self.field.has_default and not self.field.nullable:
            return ""
        return self._when_empty()


@dataclass(kw_only=True)
class BoundNumber(Line):
    """A number, or what stands in its place."""

    field: Number
    shape: ClassVar[str] = "number"

    def value(self) -> JSON | Missing:
        """Return the number, or the text where it is none."""
        if self.is_empty:
            return self._when_empty()
        number = values.number_of(self.raw, self.field)
        return self.raw if number is None else number

    def check_inputs(self) -> None:
        """Note a text that is not a number."""
        super().check_inputs()
        if not self.is_empty and values.number_of(self.raw, self.field) is None:
            self.errors.append(values.number_problem(self.raw, self.field))


@dataclass(kw_only=True)
class BoundSwitch(Line):
    """Yes, no, or not said."""

    field: Switch
    shape: ClassVar[str] = "switch"

    def value(self) -> JSON | Missing:
        """Return the truth value, where one was chosen."""
        return self._when_empty() if self.is_empty else self.raw == "true"

    def check_inputs(self) -> None:
        """Note that neither yes nor no was chosen."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append("Choose yes or no.")


@dataclass(kw_only=True)
class BoundChoice(Line):
    """One of the options, by its name in the form."""

    field: Choice
    shape: ClassVar[str] = "choice"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen; a space may be an option."""
        return not self.raw

    def value(self) -> JSON | Missing:
        """Return the value chosen; an unknown one stays as it was sent."""
        if self.is_empty:
            return self._when_empty()
        found = option_named(self.raw, self.field.options)
        return self.raw if found is None else found.value

    def check_inputs(self) -> None:
        """Note that nothing was chosen."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append(CHOOSE)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Name, label and whether it is chosen, for each option, and for an unknown one."""
        named = [(option_name(option), option.label) for option in self.field.options]
        if self.raw and self.raw not in dict(named):
            named.append((self.raw, f"{self.raw} (not one of the options)"))
        return [(name, label, name == self.raw) for name, label in named]


@dataclass(kw_only=True)
class BoundMany(Bound):
    """Any of the options."""

    field: Many
    raws: list[str] = each(default_factory=list)
    start: list[str] = each(default_factory=list)
    #: Somebody gave this list, so without a choice it is an empty one, and not nothing.
    is_given: bool = False
    #: The numbers of the options that were given, in their order.
    order: tuple[int, ...] = ()
    shape: ClassVar[str] = "many"

    @property
    def order_text(self) -> str:
        """The order as the input carries it that says that a list was given."""
        return ",".join(map(str, self.order))

    @property
    def is_pristine(self) -> bool:
        """Whether the choice is the one that the field began with."""
        return self.raws == self.start

    def draft(self) -> JSON | Missing:
        """Return the values chosen: in the order in which they were given, then in the options'."""
        every = range(len(self.field.options))
        places = [*self.order, *(number for number in every if number not in self.order)]
        options = [self.field.options[number] for number in places]
        chosen = [option.value for option in options if option_name(option) in self.raws]
        is_list = chosen or self.is_given or not self.field.may_be_nothing
        return chosen if is_list else self._when_empty()

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Name, label and whether it is chosen, for each option."""
        named = [(option_name(option), option.label) for option in self.field.options]
        return [(name, label, name in self.raws) for name, label in named]


@dataclass(kw_only=True)
class BoundFixed(Bound):
    """A value without a choice."""

    field: Fixed
    shape: ClassVar[str] = "fixed"

    @property
    def is_pristine(self) -> bool:
        """A fixed value is never typed."""
        return True

    def draft(self) -> JSON | Missing:
        """Return the value."""
        return self.field.value


@dataclass(kw_only=True)
class BoundRaw(Line):
    """A part of the document as JSON text. `field` may be of any kind that did not fit."""

    shape: ClassVar[str] = "raw"

    @property
    def is_pristine(self) -> bool:
        """Whether the text is the one that the field began with, or says its default."""
        return self.means(self.start) or self.holds_default

    @property
    def is_secret(self) -> bool:
        """Whether a password is in here."""
        return holds_secret(self.field)

    @property
    def post_name(self) -> str:
        """The name of the input; a mark tells that another kind of field holds JSON."""
        return self.name if isinstance(self.field, Raw) else name_of(self.path, "json")

    @property
    def reason(self) -> str:
        """Why this part is JSON."""
        if isinstance(self.field, Raw):
            return self.field.reason
        return _why_json(self.raw)

    def value(self) -> JSON | Missing:
        """Return the value; raises `NotJson` for a text that is none."""
        return self._when_empty() if self.is_empty else documents.load(self.raw)

    def check_inputs(self) -> None:
        """Note a text that is not JSON."""
        super().check_inputs()
        try:
            self.draft()
        except documents.NotJson as mistake:
            self.errors.append(str(mistake))


@dataclass(kw_only=True)
class BoundGroup(Bound):
    """An object. `extra` holds keys that the form has no field for, so that they are kept."""

    field: Group
    parts: list[Bound] = each(default_factory=list)
    extra: dict[str, JSON] = each(default_factory=dict)
    #: Somebody gave this object, so it is not left out for being empty.
    is_given: bool = False
    shape: ClassVar[str] = "group"

    @property
    def is_pristine(self) -> bool:
        """Whether nobody has typed anything into any field."""
        if self.is_given or self.is_null or self.extra:
            return False
        return self._is_untyped or (self.field.has_default and self.holds_default)

    @property
    def _is_untyped(self) -> bool:
        return all(part.is_pristine for part in self.parts)

    @property
    def offers_null(self) -> bool:
        """Whether a box is shown that says null: not where empty fields mean that."""
        return self.field.nullable and (self.field.tells_null or self.is_given or self.is_null)

    @property
    def is_left_out(self) -> bool:
        """Whether an optional object stays away since nothing was typed into it."""
        return self.field.is_optional and not self.field.has_default and self.is_pristine

    @property
    def extra_text(self) -> str:
        """The kept keys as JSON, for the hidden field that carries them."""
        return documents.mark(self.extra)

    def draft(self) -> JSON | Missing:
        """Return the object, without the keys that were left empty."""
        if self.is_null or self.is_left_out:
            return self._when_empty()
        found = ((str(part.field.key), part.draft()) for part in self.parts)
        given = {key: value for key, value in found if not isinstance(value, Missing)}
        return given | self.extra

    def check(self) -> None:
        """Check each field, unless the whole object is left out."""
        if not self.is_null and not self.is_left_out:
            for part in self.parts:
                part.check()

    def child(self, part: str | int) -> Bound | None:
        """Return the field with this key."""
        return next((bound for bound in self.parts if bound.field.key == part), None)

    def walk(self) -> Iterator[Bound]:
        """Yield the object and all its fields."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def moved(self, path: Path) -> Self:
        """Return the same object elsewhere."""
        parts = [part.moved((*path, part.field.key)) for part in self.parts]
        return replace(self, path=path, parts=parts)


@dataclass(kw_only=True)
class BoundOneOf(Bound):
    """An object of one of several shapes: which one, and its fields."""

    field: OneOf
    #: The number of the shape; None: none was chosen yet.
    chosen: int | None = None
    #: The number of the shape whose fields the page showed, when the form was posted.
    was: int | None = None
    part: Bound | None = None
    shape: ClassVar[str] = "one_of"

    @property
    def name(self) -> str:
        """The name of the list of shapes; the fields have the names of the object itself."""
        return name_of(self.path, "shape")

    @property
    def was_name(self) -> str:
        """The name of the hidden input that says which shape is shown."""
        return name_of(self.path, "was")

    @property
    def choices(self) -> list[tuple[int, str, bool]]:
        """Number, label and whether it is chosen, for each shape."""
        labels = enumerate(shape.label for shape in self.field.shapes)
        return [(number, label, number == self.chosen) for number, label in labels]

    @property
    def is_pristine(self) -> bool:
        """Whether no shape was chosen, or just the one that the field began with."""
        return self.holds_default if self.field.has_default else self.part is None

    def draft(self) -> JSON | Missing:
        """Return the object."""
        return self._when_empty() if self.part is None else self.part.draft()

    def check(self) -> None:
        """Note that nothing was chosen, or that the fields of the choice were not shown yet."""
        if self.part is None:
            self.errors += [] if self.field.is_optional else [CHOOSE]
        elif self.was != self.chosen:
            self.errors.append("Another shape was chosen: look at its fields, then send again.")
        else:
            self.part.check()

    def child(self, part: str | int) -> Bound | None:
        """Return the chosen shape by one of its names, or the field in it with this key."""
        if self.part is None or self.chosen is None:
            return None
        return self.part if part in self.field.tags[self.chosen] else self.part.child(part)

    def is_elsewhere(self, part: str | int) -> bool:
        """Whether an error speaks of a shape that was not chosen."""
        own = self.field.tags[self.chosen] if self.chosen is not None else frozenset()
        return part not in own and any(part in tags for tags in self.field.tags)

    def walk(self) -> Iterator[Bound]:
        """Yield the choice, and all fields of what was chosen."""
        yield self
        if self.part is not None:
            yield from self.part.walk()

    def moved(self, path: Path) -> Self:
        """Return the same elsewhere."""
        return replace(self, path=path, part=self.part.moved(path) if self.part else None)


@dataclass(kw_only=True)
class BoundRows(Bound):
    """A list, one bound item a row."""

    field: Rows
    rows: list[Bound] = each(default_factory=list)
    #: Somebody gave this list, so without rows it is an empty one, and not nothing.
    is_given: bool = False
    #: So many rows, from the first, are items of a list that was given: they are sent, also empty.
    kept: int = 0
    shape: ClassVar[str] = "rows"

    @property
    def is_pristine(self) -> bool:
        """Whether no row holds anything, or just what the field began with."""
        return self.holds_default if self.field.has_default else not self.held

    @property
    def held(self) -> list[Bound]:
        """The rows that are sent: items that were given, and rows that somebody filled in."""
        rows = enumerate(self.rows)
        return [row for number, row in rows if number < self.kept or not row.is_pristine]

    @property
    def kept_name(self) -> str:
        """The name of the input that says how many rows were given."""
        return name_of(self.path, "items")

    @property
    def add_name(self) -> str:
        """The name of the button that adds a row."""
        return name_of(self.path, "add")

    @property
    def can_add(self) -> bool:
        """Whether the list may grow."""
        return not self.is_full and not self.is_long

    @property
    def is_full(self) -> bool:
        """Whether the type allows no more items."""
        return self.field.max_items is not None and len(self.rows) >= self.field.max_items

    @property
    def is_long(self) -> bool:
        """Whether the form shows no more rows: the JSON tab takes them."""
        return len(self.rows) >= MOST_ROWS or sum(1 for _ in self.walk()) > 2 * MOST_FIELDS

    def draft(self) -> JSON | Missing:
        """Return the items of the rows that are sent; one without a value is null, in its place."""
        found = [row.draft() for row in self.held]
        items = [None if isinstance(item, Missing) else item for item in found]
        is_list = items or self.is_given or not self.field.may_be_nothing
        return items if is_list else self._when_empty()

    def check(self) -> None:
        """Check each row that is sent."""
        for row in self.held:
            row.check()

    def child(self, part: str | int) -> Bound | None:
        """Return the row with this index."""
        inside = isinstance(part, int) and 0 <= part < len(self.rows)
        return self.rows[int(part)] if inside else None

    def walk(self) -> Iterator[Bound]:
        """Yield the list and all its rows."""
        yield self
        for row in self.rows:
            yield from row.walk()

    def moved(self, path: Path) -> Self:
        """Return the same list elsewhere."""
        rows = [row.moved((*path, index)) for index, row in enumerate(self.rows)]
        return replace(self, path=path, rows=rows)


def _why_json(raw: str) -> str:
    """Return why a value stands as JSON where its field is of another kind."""
    try:
        value = documents.load(raw)
    except documents.NotJson:
        value = None
    if isinstance(value, str) and not values.is_visible(value):
        why = "This text has characters that cannot be seen, which JSON writes out"
    elif isinstance(value, list | dict) and len(value) > FEW_ROWS:
        why = "This is longer than a form shows"
    else:
        why = "This value does not fit the form’s fields"
    return f"{why}, so it is edited as JSON."
