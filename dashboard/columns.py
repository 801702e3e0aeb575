"""The columns of the list of runs: which there are, which are shown, and what was put into a run.

The first two, status and workflow, are always there: they name the row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from dashboard.catalogue import prepared_graph
from dashboard.forms.fields import Choice, Duration, Group, Number, Switch, Text
from dashboard.forms.schema import field_of
from dashboard.forms.wording import humanised
from workflows_app import errors, get_workflow, jsontext

#: Every column that may be left out, by the name that an address has for it, and its heading.
COLUMNS: Final = {
    "run": "Run",
    "input": "Input",
    "reason": "Waits for, or why it failed",
    "resource": "Resource",
    "tags": "Tags",
    "timeline": "Timeline",
    "started": "Started",
    "took": "Took",
}
#: One that is always there: a form that sends it alone wants none of the others.
ALWAYS: Final = "status"
USUAL: Final = ("run", "input", "reason", "started", "took")
#: Which columns this browser looked at last.
COOKIE: Final = "signalbox_columns"
#: Stands in an address for a list that has none of them.
NONE: Final = "none"

#: Fields of an input that a row shows, and characters of each.
MOST_FIELDS: Final = 3
MOST_CHARACTERS: Final = 32
#: Inputs with more bytes than this are not looked into for a row.
MOST_BYTES: Final = 4096


@dataclass(frozen=True)
class Column:
    """One column to choose: whether it is shown."""

    name: str
    heading: str
    is_shown: bool


def chosen(said: str, remembered: str = "") -> tuple[str, ...]:
    """Return the columns that an address names, else those of the last time, else the usual ones.

    They come in one order, whatever the address says; names that no column has are left out.
    """
    for text in (said, remembered):
        if text == NONE:
            return ()
        if names := set(text.split(".")) & COLUMNS.keys():
            return tuple(name for name in COLUMNS if name in names)
    return USUAL


def of_form(names: Collection[str]) -> str:
    """Return columns as the form of them sends them; empty where it names none that there is."""
    return written(names) if {ALWAYS, *COLUMNS} & set(names) else ""


def understood(said: str) -> str:
    """Return the part of what an address says that names columns; empty where none does."""
    names = set(said.split(".")) & COLUMNS.keys()
    return written(names) if names or said == NONE else ""


def written(names: Collection[str]) -> str:
    """Return columns, as a form names them, as an address and a cookie do."""
    return ".".join(name for name in COLUMNS if name in names) or NONE


def offered(shown: tuple[str, ...]) -> list[Column]:
    """Return all columns, each with whether it is shown."""
    return [Column(name, heading, name in shown) for name, heading in COLUMNS.items()]


# What was put in.


@dataclass(frozen=True)
class Fact:
    """One small value of an input."""

    label: str
    text: str
    #: Whether it says little without its label, as a number does.
    is_bare: bool


def facts_of(workflow_id: str, text: str | None) -> tuple[Fact, ...]:
    """Return the key fields of a run's input, from its JSON; empty where it has none.

    They are the first small ones of the workflow's input type, without long texts and passwords;
    of a workflow that this process does not know, those that the input itself begins with.
    """
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
        return Fact(label, "yes" if value else "no", is_bare=bool(label))
    text = " ".join(str(value).split())
    brief = text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
    return Fact(label, brief, is_bare=bool(label) and not isinstance(value, str))
