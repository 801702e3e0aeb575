"""Fields that contain other fields: an object, a choice of a shape, a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as each
from typing import ClassVar, Self

from django.utils.translation import gettext

from . import documents
from .bound import CHOOSE, MOST_FIELDS, MOST_ROWS, Bound
from .fields import (
    JSON,
    Group,
    Missing,
    OneOf,
    Rows,
)
from .paths import Path, name_of


@dataclass(kw_only=True)
class BoundGroup(Bound):
    """An object. `extra` has the keys for which the form has no field, so that they are kept."""

    field: Group
    parts: list[Bound] = each(default_factory=list)
    extra: dict[str, JSON] = each(default_factory=dict)
    #: Whether somebody gave this object, so that it is not left out if it is empty.
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
        """Whether a box is shown that means null: not if empty fields mean null already."""
        return self.field.nullable and (self.field.tells_null or self.is_given or self.is_null)

    @property
    def is_left_out(self) -> bool:
        """Whether an optional object is left out because nothing was typed into it."""
        return self.field.is_optional and not self.field.has_default and self.is_pristine

    @property
    def extra_text(self) -> str:
        """The kept keys as JSON, for the hidden field that carries them."""
        return documents.hidden_json(self.extra)

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
        """Return the same object at another path."""
        parts = [part.moved((*path, part.field.key)) for part in self.parts]
        return replace(self, path=path, parts=parts)


@dataclass(kw_only=True)
class BoundOneOf(Bound):
    """An object of one of several shapes: the chosen shape and its fields."""

    field: OneOf
    #: The number of the shape; None if none was chosen yet.
    chosen: int | None = None
    #: The number of the shape whose fields the page showed when the form was posted.
    was: int | None = None
    part: Bound | None = None
    shape: ClassVar[str] = "one_of"

    @property
    def name(self) -> str:
        """The name of the list of shapes; the fields have the names of the object itself."""
        return name_of(self.path, "shape")

    @property
    def was_name(self) -> str:
        """The name of the hidden input with the number of the shape that is shown."""
        return name_of(self.path, "was")

    @property
    def choices(self) -> list[tuple[int, str, bool]]:
        """Number, label and whether it is chosen, for each shape."""
        labels = enumerate(shape.label for shape in self.field.shapes)
        return [(number, label, number == self.chosen) for number, label in labels]

    @property
    def is_pristine(self) -> bool:
        """Whether no shape was chosen, or only the one that the field began with."""
        return self.holds_default if self.field.has_default else self.part is None

    def draft(self) -> JSON | Missing:
        """Return the object."""
        return self._when_empty() if self.part is None else self.part.draft()

    def check(self) -> None:
        """Note that nothing was chosen, or that the fields of the choice were not shown yet."""
        if self.part is None:
            self.errors += [] if self.field.is_optional else [str(CHOOSE)]
        elif self.was != self.chosen:
            self.errors.append(
                gettext("Another shape was chosen: look at its fields, then send again.")
            )
        else:
            self.part.check()

    def child(self, part: str | int) -> Bound | None:
        """Return the chosen shape by one of its names, or the field in it with this key."""
        if self.part is None or self.chosen is None:
            return None
        return self.part if part in self.field.tags[self.chosen] else self.part.child(part)

    def is_elsewhere(self, part: str | int) -> bool:
        """Whether an error is about a shape that was not chosen."""
        own = self.field.tags[self.chosen] if self.chosen is not None else frozenset()
        return part not in own and any(part in tags for tags in self.field.tags)

    def walk(self) -> Iterator[Bound]:
        """Yield the choice, and all fields of the chosen shape."""
        yield self
        if self.part is not None:
            yield from self.part.walk()

    def moved(self, path: Path) -> Self:
        """Return the same choice at another path."""
        return replace(self, path=path, part=self.part.moved(path) if self.part else None)


@dataclass(kw_only=True)
class BoundRows(Bound):
    """A list with one bound item in each row."""

    field: Rows
    rows: list[Bound] = each(default_factory=list)
    #: Whether somebody gave this list, so that without rows it is an empty list and not nothing.
    is_given: bool = False
    #: How many rows, from the first, are items of a list that was given; they are sent even if
    #: empty.
    kept: int = 0
    shape: ClassVar[str] = "rows"

    @property
    def is_pristine(self) -> bool:
        """Whether all rows are empty or as the field began."""
        return self.holds_default if self.field.has_default else not self.held

    @property
    def held(self) -> list[Bound]:
        """The rows that are sent: items that were given, and rows that somebody filled in."""
        rows = enumerate(self.rows)
        return [row for number, row in rows if number < self.kept or not row.is_pristine]

    @property
    def kept_name(self) -> str:
        """The name of the input with the number of rows that were given."""
        return name_of(self.path, "items")

    @property
    def add_name(self) -> str:
        """The name of the button that adds a row."""
        return name_of(self.path, "add")

    @property
    def can_add(self) -> bool:
        """Whether a row may be added."""
        return not self.is_full and not self.is_long

    @property
    def is_full(self) -> bool:
        """Whether the type allows no more items."""
        return self.field.max_items is not None and len(self.rows) >= self.field.max_items

    @property
    def is_long(self) -> bool:
        """Whether the form shows no more rows, so that more are added in the JSON tab."""
        return len(self.rows) >= MOST_ROWS or sum(1 for _ in self.walk()) > 2 * MOST_FIELDS

    def draft(self) -> JSON | Missing:
        """Return the items of the rows that are sent; a row without a value is null."""
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
        """Return the same list at another path."""
        rows = [row.moved((*path, index)) for index, row in enumerate(self.rows)]
        return replace(self, path=path, rows=rows)
