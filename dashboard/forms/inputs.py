"""Fields with one input, together with what was typed into them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as each
from typing import ClassVar

from django.utils.translation import gettext

from . import documents, values
from .bound import CHOOSE, FEW_ROWS, Bound, BoundInput
from .fields import (
    JSON,
    Choice,
    Fixed,
    Many,
    Missing,
    Number,
    Raw,
    Switch,
    Text,
    holds_secret,
)
from .options import option_name, option_named
from .paths import name_of


@dataclass(kw_only=True)
class BoundText(BoundInput):
    """A string. An empty field means nothing, if allowed, unless `is_blank` says an empty text."""

    field: Text
    is_blank: bool = False
    starts_blank: bool = False
    shape: ClassVar[str] = "text"

    @property
    def blank_name(self) -> str:
        """The name of the box that tells an empty text from no text."""
        return name_of(self.path, "blank")

    @property
    def asks_if_blank(self) -> bool:
        """Whether the box is shown: not if no text is usual; the JSON tab tells them apart."""
        field = self.field
        is_open = self.is_blank or self.starts_blank or bool(self.errors and not self.raw)
        is_usual = not field.has_default if field.nullable else not field.required
        return field.may_be_blank and (is_open or is_usual)

    @property
    def is_pristine(self) -> bool:
        """Whether neither the text nor the box was changed."""
        tells = not self.raw and self.field.may_be_blank
        return super().is_pristine and (not tells or self.is_blank == self.starts_blank)

    @property
    def is_empty(self) -> bool:
        """Whether there is no text; spaces count as text."""
        return not self.raw and not (self.is_blank and self.field.may_be_blank)

    def means(self, text: str) -> bool:
        """Whether the text means the same as this one: a time may be written in several ways."""
        return values.meant(self.raw, self.field) == values.meant(text, self.field)

    @property
    def inputs(self) -> tuple[object, ...]:
        """The text as it is meant, and the box if it counts."""
        is_blank = self.is_blank and not self.raw and self.field.may_be_blank
        return values.meant(self.raw, self.field), is_blank

    @property
    def input(self) -> str:
        """The input type: a browser's date field would swallow text that is not a date."""
        if not self.is_secret and not values.is_one_line(self.raw):
            return "textarea"
        return self.field.input if values.fits_input(self.raw, self.field) else "text"

    @property
    def is_secret(self) -> bool:
        """Whether this is a password."""
        return self.field.input == "password"

    def check_inputs(self) -> None:
        """Note a time that does not exist in the field's zone, or occurs twice."""
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
class BoundNumber(BoundInput):
    """A number, or the text that was typed in its place."""

    field: Number
    shape: ClassVar[str] = "number"

    def value(self) -> JSON | Missing:
        """Return the number, or the text if it is not a number."""
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
class BoundSwitch(BoundInput):
    """Yes, no, or not answered."""

    field: Switch
    shape: ClassVar[str] = "switch"

    def value(self) -> JSON | Missing:
        """Return the truth value, if one was chosen."""
        return self._when_empty() if self.is_empty else self.raw == "true"

    def check_inputs(self) -> None:
        """Note that neither yes nor no was chosen."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append(gettext("Choose yes or no."))


@dataclass(kw_only=True)
class BoundChoice(BoundInput):
    """One of the options, by its name in the form."""

    field: Choice
    shape: ClassVar[str] = "choice"

    @property
    def is_empty(self) -> bool:
        """Whether nothing was chosen; a space may be an option."""
        return not self.raw

    def value(self) -> JSON | Missing:
        """Return the chosen value; an unknown one is returned as it was sent."""
        if self.is_empty:
            return self._when_empty()
        found = option_named(self.raw, self.field.options)
        return self.raw if found is None else found.value

    def check_inputs(self) -> None:
        """Note that nothing was chosen."""
        if self.is_empty and not self.field.is_optional:
            self.errors.append(str(CHOOSE))

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Name, label and whether it is chosen, for each option, and for an unknown one."""
        named = [(option_name(option), option.label) for option in self.field.options]
        if self.raw and self.raw not in dict(named):
            named.append((self.raw, gettext("{raw} (not one of the options)").format(raw=self.raw)))
        return [(name, label, name == self.raw) for name, label in named]


@dataclass(kw_only=True)
class BoundMany(Bound):
    """Any of the options."""

    field: Many
    raws: list[str] = each(default_factory=list)
    start: list[str] = each(default_factory=list)
    #: Whether somebody gave this list, so that without a choice it is an empty list and not
    #: nothing.
    is_given: bool = False
    #: The numbers of the options that were given, in their order.
    order: tuple[int, ...] = ()
    shape: ClassVar[str] = "many"

    @property
    def order_text(self) -> str:
        """The order as the input carries it; the input also says that a list was given."""
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
class BoundRaw(BoundInput):
    """A part of the document as JSON text. `field` may be of any kind that did not fit."""

    shape: ClassVar[str] = "raw"

    @property
    def is_pristine(self) -> bool:
        """Whether the text is the one that the field began with, or its default."""
        return self.means(self.start) or self.holds_default

    @property
    def is_secret(self) -> bool:
        """Whether there is a password in it."""
        return holds_secret(self.field)

    @property
    def post_name(self) -> str:
        """The name of the input; a mark says that it has JSON for a field of another kind."""
        return self.name if isinstance(self.field, Raw) else name_of(self.path, "json")

    @property
    def reason(self) -> str:
        """Why this part is JSON."""
        if isinstance(self.field, Raw):
            return self.field.reason
        return _why_json(self.raw)

    def value(self) -> JSON | Missing:
        """Return the value; raises `NotJson` for a text that is not JSON."""
        return self._when_empty() if self.is_empty else documents.load(self.raw)

    def check_inputs(self) -> None:
        """Note a text that is not JSON."""
        super().check_inputs()
        try:
            self.draft()
        except documents.NotJson as mistake:
            self.errors.append(str(mistake))


def _why_json(raw: str) -> str:
    """Return why a value is shown as JSON although its field is of another kind."""
    try:
        value = documents.load(raw)
    except documents.NotJson:
        value = None
    if isinstance(value, str) and not values.is_visible(value):
        return gettext(
            "This text has characters that cannot be seen, which JSON writes out, so it is edited "
            "as JSON."
        )
    if isinstance(value, list | dict) and len(value) > FEW_ROWS:
        return gettext("This is longer than a form shows, so it is edited as JSON.")
    return gettext("This value does not fit the form’s fields, so it is edited as JSON.")
