"""The columns of the list of runs: which exist, which are shown, and the facts of a run's input.

The first two, status and workflow, are always shown because they name the row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app import errors, get_workflow, jsontext
from workflows_app.languages import gettext_lazy, pgettext_lazy

from ..catalogue import prepared_graph
from ..forms.fields import Choice, Duration, Group, Number, Switch, Text
from ..forms.schema import field_of
from ..forms.wording import humanised
from ..values import sight

#: Every column that may be hidden, by its name in an address, with its heading.
COLUMNS: Final = {
    "run": gettext_lazy("Run"),
    "input": gettext_lazy("Input"),
    "reason": gettext_lazy("Waits for, or why it failed"),
    "resource": gettext_lazy("Resource"),
    "tags": pgettext_lazy("run", "Tags"),
    "timeline": gettext_lazy("Timeline"),
    "started": gettext_lazy("Started"),
    "took": gettext_lazy("Took"),
}
#: A column that is always shown: a form that sends only this one hides all others.
ALWAYS: Final = "status"
USUAL: Final = ("run", "input", "reason", "started", "took")
#: The cookie with the columns that this browser showed last.
COOKIE: Final = "signalbox_columns"
#: In an address, says that the list has none of the optional columns.
NONE: Final = "none"

#: How many fields of an input a row shows, and how many characters of each.
MOST_FIELDS: Final = 3
MOST_CHARACTERS: Final = 32
#: Inputs with more bytes than this are not read for a row.
MOST_BYTES: Final = 4096


@dataclass(frozen=True)
class Column:
    """One column to choose, and whether it is shown."""

    name: str
    heading: str
    is_shown: bool


def chosen(said: str, remembered: str = "") -> tuple[str, ...]:
    """Return the columns that an address names, or else those shown last, or else the usual ones.

    They always come in the same order; names that no column has are left out.
    """
    for text in (said, remembered):
        if text == NONE:
            return ()
        if names := set(text.split(".")) & COLUMNS.keys():
            return tuple(name for name in COLUMNS if name in names)
    return USUAL


def of_form(names: Collection[str]) -> str:
    """Return columns as their form sends them; empty if it names none that exists."""
    return written(names) if {ALWAYS, *COLUMNS} & set(names) else ""


def understood(said: str) -> str:
    """Return the valid column names in an address; empty if there are none."""
    names = set(said.split(".")) & COLUMNS.keys()
    return written(names) if names or said == NONE else ""


def written(names: Collection[str]) -> str:
    """Return columns, as a form names them, in the form of an address or a cookie."""
    return ".".join(name for name in COLUMNS if name in names) or NONE


def offered(shown: tuple[str, ...]) -> list[Column]:
    """Return all columns, each with whether it is shown."""
    return [Column(name, heading, name in shown) for name, heading in COLUMNS.items()]


# The facts of an input.


@dataclass(frozen=True)
class Fact:
    """One small value of an input."""

    label: str
    text: str
    #: Whether it says little without its label, as a number does.
    is_bare: bool


def facts_of(workflow_id: str, text: str | None) -> tuple[Fact, ...]:
    """Return the key fields of a run's input, from its JSON; empty if it has none.

    They are the first small fields of the workflow's input type, without long texts and passwords.
    If this process does not know the workflow, they are the first small fields of the input itself.
    """
    if not sight.values():
        return (Fact("", sight.LOCK, is_bare=False),) if text else ()
    try:
        value = jsontext.loads(text or "null")
    except (ValueError, RecursionError):
        return ()
    if not isinstance(value, dict):
        return (_fact("", value),) if _is_small(value) else ()
    fields = _fields_of(workflow_id)
    if fields is None:
        fields = tuple((key, humanised(key)) for key in value)
    found = ((label, value.get(key)) for key, label in fields)
    return tuple(_fact(label, inner) for label, inner in found if _is_small(inner))[:MOST_FIELDS]


def _fields_of(workflow_id: str) -> tuple[tuple[str, str], ...] | None:
    try:
        defined = get_workflow(workflow_id)
    except errors.WorkflowNotFound:
        return None
    return _key_fields(defined)


@lru_cache(maxsize=256)
def _key_fields(defined: Any) -> tuple[tuple[str, str], ...] | None:
    schema: Mapping[str, Any] | None = prepared_graph(defined).json.get("input_schema")
    root = field_of(schema)
    if not isinstance(root, Group):
        return None
    return tuple((each.key, each.label) for each in root.fields if _is_key(each))


def _is_key(field: object) -> bool:
    if isinstance(field, Text):
        return field.input not in {"password", "textarea"}
    return isinstance(field, Number | Switch | Choice | Duration)


def _is_small(value: object) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _fact(label: str, value: object) -> Fact:
    if isinstance(value, bool):
        return Fact(label, gettext("yes") if value else gettext("no"), is_bare=bool(label))
    text = " ".join(str(value).split())
    brief = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return Fact(label, brief, is_bare=bool(label) and not isinstance(value, str))
