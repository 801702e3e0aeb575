"""The options of a choice, made distinct: the labels on the page, and the names that are sent."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from workflows_app.languages import gettext_lazy

from . import documents, values
from .fields import Option

#: The prefix of the name of an option whose own value an input would not return.
CODED: Final = "option:"

#: What people call texts that cannot be seen.
WORDS: Final = {
    "": gettext_lazy("Empty text"),
    " ": gettext_lazy("Space"),
    "\t": gettext_lazy("Tab"),
    "\n": gettext_lazy("Line break"),
    "\r": gettext_lazy("Carriage return"),
    "\r\n": gettext_lazy("Carriage return and line break"),
}


def told_apart(options: Iterable[Option]) -> tuple[Option, ...]:
    """Return the options, each with a name and a label that no other option has."""
    found = [replace(option, label=_visible(option)) for option in options]
    names = Counter(option_name(option) for option in found)
    labels = Counter(option.label for option in found)
    return tuple(
        replace(
            option,
            name=_name(option, number, is_alone=names[option_name(option)] == 1),
            label=option.label if labels[option.label] == 1 else _exact(option),
        )
        for number, option in enumerate(found)
    )


def option_name(option: Option) -> str:
    """Return the name of an option in the posted form."""
    if option.name:
        return option.name
    return option.value if isinstance(option.value, str) else documents.dump(option.value)


def option_named(name: str, options: tuple[Option, ...]) -> Option | None:
    """Return the option with this name in the form."""
    return next((option for option in options if option_name(option) == name), None)


def option_of(value: object, options: tuple[Option, ...]) -> Option | None:
    """Return the option with this value."""
    return next((option for option in options if documents.same(option.value, value)), None)


def _name(option: Option, number: int, *, is_alone: bool) -> str:
    name = option_name(option)
    is_carried = values.is_one_line(name) and name == name.strip() and name
    return name if is_alone and is_carried and CODED not in name else f"{CODED}{number}"


def _visible(option: Option) -> str:
    """Return the label, or a text in its place if it cannot be seen as it is."""
    label = option.label
    if label in WORDS:
        return str(WORDS[label])
    return label if values.is_one_line(label) and label == label.strip() else _exact(option)


def _exact(option: Option) -> str:
    return " ".join(documents.dump(option.value).split("\n"))
