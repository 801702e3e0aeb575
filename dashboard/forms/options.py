"""The options of a choice, told apart: what each is called in the page, and in what is sent."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from dashboard.forms import documents, values
from dashboard.forms.fields import Option

#: How the name begins of an option whose own value an input would not give back.
CODED: Final = "option:"

#: What people call texts that cannot be seen.
WORDS: Final = {
    "": "Empty text",
    " ": "Space",
    "\t": "Tab",
    "\n": "Line break",
    "\r": "Carriage return",
    "\r\n": "Carriage return and line break",
}


def told_apart(options: Iterable[Option]) -> tuple[Option, ...]:
    """Return the options, each with a name and a label that no other has."""
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
    """Return how an option is named in the posted form."""
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
    """Return the label, or what stands for one that cannot be seen as it is."""
    label = option.label
    if label in WORDS:
        return WORDS[label]
    return label if values.is_one_line(label) and label == label.strip() else _exact(option)


def _exact(option: Option) -> str:
    return " ".join(documents.dump(option.value).split("\n"))
