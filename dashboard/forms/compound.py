"""Fields with several inputs: a duration, a value of a chosen kind, a map, a list of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as each
from typing import ClassVar, Self

from django.utils.translation import gettext

from . import documents, durations, values
from .bound import CHOOSE, ENTER, Bound, BoundInput
from .fields import (
    JSON,
    Duration,
    Either,
    Field,
    Fixed,
    Missing,
    Number,
    Pair,
    Pairs,
    Text,
)
from .groups import BoundGroup, BoundRows
from .paths import Path, name_of

#: The prefixes that errors use for a kind of text.
TAGS = {"date": "date", "datetime-local": "datetime", "time": "time"}


@dataclass(kw_only=True)
class BoundDuration(BoundInput):
    """A number and a unit; `raw` is the number, or ISO 8601 if no unit fits."""

    field: Duration
    unit: str = "minutes"
    start_unit: str = "minutes"
    shape: ClassVar[str] = "duration"

    @property
    def unit_name(self) -> str:
        """The name of the list of units."""
        return name_of(self.path, "unit")

    @property
    def is_pristine(self) -> bool:
        """Whether neither number nor unit was changed."""
        return super().is_pristine and (self.is_empty or self.unit == self.start_unit)

    @property
    def inputs(self) -> tuple[object, ...]:
        """The number and its unit."""
        return self.raw, self.unit

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Name, label and whether it is chosen, for each unit from the smallest."""
        named = [(unit, unit) for unit in reversed(durations.UNITS)]
        named.append((durations.AS_WRITTEN, gettext("as ISO 8601")))
        return [(name, label, name == self.unit) for name, label in named]

    def value(self) -> JSON | Missing:
        """Return the duration in ISO 8601, or the text if it is not a number."""
        if self.is_empty:
            return self._when_empty()
        return durations.written(self.raw, self.unit) or self.raw

    def check_inputs(self) -> None:
        """Note a text that is not a number."""
        super().check_inputs()
        if not self.is_empty and durations.written(self.raw, self.unit) is None:
            self.errors.append(values.number_problem(self.raw, Number()))


@dataclass(kw_only=True)
class BoundEither(BoundInput):
    """One text, and the kind of value that it is."""

    field: Either
    kind: int | None = None
    start_kind: int | None = None
    shape: ClassVar[str] = "either"

    @property
    def kind_name(self) -> str:
        """The name of the list of kinds."""
        return name_of(self.path, "kind")

    @property
    def chosen(self) -> Field | None:
        """The kind that was chosen."""
        return None if self.kind is None else self.field.kinds[self.kind]

    @property
    def is_secret(self) -> bool:
        """Whether the text must not be written into the page."""
        return any(isinstance(k, Text) and k.input == "password" for k in self.field.kinds)

    @property
    def is_pristine(self) -> bool:
        """Whether neither text nor kind was changed."""
        return super().is_pristine and self.kind == self.start_kind

    @property
    def inputs(self) -> tuple[object, ...]:
        """The text, with line ends as a browser sends them, and its kind."""
        return values.with_plain_lines(self.raw), self.kind

    @property
    def is_of_lines(self) -> bool:
        """Whether the text has several lines, which a field with one line would lose."""
        return not self.is_secret and not values.is_one_line(self.raw)

    @property
    def choices(self) -> list[tuple[int, str, bool]]:
        """Number, label and whether it is chosen, for each kind."""
        labels = enumerate(kind.label for kind in self.field.kinds)
        return [(number, label, number == self.kind) for number, label in labels]

    def value(self) -> JSON | Missing:
        """Return the value as the chosen kind; a text that is not of that kind stays a text."""
        match self.chosen:
            case None:
                return self.raw or self._when_empty()
            case Fixed(value=value):
                return value
            case Number() as kind:
                number = values.number_of(self.raw, kind)
                return self.raw if number is None else number
            case Text() as kind:
                return values.text_of(self.raw, kind)
            case _:
                return self.raw

    def check_inputs(self) -> None:
        """Note that no kind was chosen, or that the text is not of the chosen kind."""
        match self.chosen:
            case None:
                if self.raw or not self.field.is_optional:
                    self.errors.append(str(CHOOSE))
            case Number() as kind if values.number_of(self.raw, kind) is None:
                what = values.number_problem(self.raw, kind)
                self.errors.append(ENTER if self.is_empty else what)
            case Text() as kind if not self.raw and kind.input not in {"text", "textarea"}:
                self.errors.append(str(ENTER))
            case Text() as kind:
                if problem := values.moment_problem(self.raw, kind):
                    self.errors.append(problem)
            case _:
                pass

    def is_elsewhere(self, part: str | int) -> bool:
        """Whether an error is about a kind that was not chosen."""
        said = str(part).removeprefix("constrained-")
        own, *_ = [*_tags(self.chosen), ""]
        known = {tag for kind in self.field.kinds for tag in _tags(kind)}
        return bool(own) and said != own and said in known


def _tags(kind: Field | None) -> list[str]:
    match kind:
        case Number(as_text=True):
            return ["decimal"]
        case Number(integer=True):
            return ["int"]
        case Number():
            return ["float"]
        case Text(input=shape):
            return [TAGS.get(shape, "str")]
        case Fixed(value=bool()):
            return ["bool"]
        case _:
            return []


@dataclass(kw_only=True)
class BoundFixedList(BoundGroup):
    """A list of fixed length."""

    def draft(self) -> JSON | Missing:
        """Return the items; a missing item is null, so that the others keep their places."""
        if self.is_null or self.is_left_out:
            return self._when_empty()
        found = [part.draft() for part in self.parts]
        return [None if isinstance(item, Missing) else item for item in found]

    def child(self, part: str | int) -> Bound | None:
        """Return the field at this place."""
        return super().child(str(part))

    def moved(self, path: Path) -> Self:
        """Return the same list at another path."""
        parts = [part.moved((*path, number)) for number, part in enumerate(self.parts)]
        return replace(self, path=path, parts=parts)


@dataclass(kw_only=True)
class BoundPair(Bound):
    """One row of a map: its key, and the field of its value, which has the same path."""

    field: Pair
    part: Bound
    key: str = ""
    shape: ClassVar[str] = "pair"

    @property
    def name(self) -> str:
        """The name of the key's input."""
        return name_of(self.path, "key")

    @property
    def is_pristine(self) -> bool:
        """Whether neither key nor value was typed."""
        return not self.key and self.part.is_pristine

    def draft(self) -> JSON | Missing:
        """Return the value."""
        return self.part.draft()

    def check(self) -> None:
        """Note a missing key, and what is wrong with the value."""
        if not self.key:
            self.errors.append(gettext("Enter a key."))
        self.part.check()

    def child(self, part: str | int) -> Bound | None:
        """Return what is inside the value; errors use `[key]` for the key itself."""
        return self if part == "[key]" else self.part.child(part)

    def walk(self) -> Iterator[Bound]:
        """Yield the key, then the value and all fields in it."""
        yield self
        yield from self.part.walk()

    def moved(self, path: Path) -> Self:
        """Return the same row at another path."""
        return replace(self, path=path, part=self.part.moved(path))


@dataclass(kw_only=True)
class BoundPairs(BoundRows):
    """A map with free keys, one in each row."""

    field: Pairs
    rows: list[BoundPair] = each(default_factory=list)  # type: ignore[assignment]

    @property
    def doubles(self) -> list[str]:
        """Keys that occur in more than one row."""
        counted = Counter(row.key for row in self.rows if not row.is_pristine)
        return [key for key, number in counted.items() if number > 1]

    def draft(self) -> JSON | Missing:
        """Return the object, with null for a key that has no value yet.

        Raises `NotJson` if a key has two values or is reserved.
        """
        if problem := self.key_problem:
            raise documents.NotJson(problem)
        found = {row.key: row.draft() for row in self.rows if not row.is_pristine}
        given = {key: None if isinstance(v, Missing) else v for key, v in found.items()}
        is_map = given or self.is_given or not self.field.may_be_nothing
        return given if is_map else self._when_empty()

    def check(self) -> None:
        """Check each row, and note keys that occur twice or are not allowed."""
        super().check()
        if problem := self.key_problem:
            self.errors.append(problem)

    @property
    def key_problem(self) -> str:
        """What is wrong with the keys as a whole; empty if nothing is."""
        if self.doubles:
            return gettext("The key “{doubles}” is in two rows; keep one of them.").format(
                doubles=self.doubles[0]
            )
        return documents.reserved(row.key for row in self.rows)

    def child(self, part: str | int) -> Bound | None:
        """Return the row with this key."""
        return next((row for row in self.rows if row.key == str(part)), None)
