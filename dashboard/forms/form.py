"""A form made from a JSON schema, its twin as one JSON text, and what was posted to either.

    form = SchemaForm.blank(schema)                     # a page
    form = SchemaForm.posted(schema, request.POST, {})  # what came back
    form.act()                                          # add a row, remove one, change the tab
    form.is_ready, form.value                           # a JSON value, or errors at the fields
    form.refuse(error.details["errors"])                # what the server's types say

Nothing typed is lost on the way, through errors, rows and tabs. Pure but for its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Final, Self

from django.utils.translation import gettext

from workflows_app import type_words
from workflows_app.languages import gettext_lazy

from . import binding, documents, posting
from .bound import Bound, BoundInput
from .compound import BoundEither, BoundPairs
from .fields import JSON, MISSING, Missing, Raw, holds_secret
from .groups import BoundOneOf, BoundRows
from .inputs import BoundChoice, BoundRaw, BoundSwitch
from .paths import as_words
from .schema import field_of
from .wording import Schema

FORM, JSON_TAB = "form", "json"
#: Stands for a secret.
HIDDEN: Final = "…"
NO_JSON = gettext_lazy("Fix the JSON first: the fields show only what can be read.")
NO_FIELDS = gettext_lazy("Fix this part first: the JSON tab shows only what can be read.")


@dataclass(frozen=True)
class Complaint:
    """One line of the error summary: what is wrong, and the input to go to."""

    target: str
    label: str
    message: str


@dataclass
class SchemaForm:
    """One form on one page. `prefix` keeps the ids of several forms apart."""

    root: Bound
    tab: str = FORM
    text: str = ""
    text_errors: list[str] = field(default_factory=list)
    op: str = ""
    prefix: str = ""
    #: The name of the input that gets the focus after a row was added.
    focus: str = ""
    is_locked: bool = False
    #: The zone in which moments are shown and read; the page carries it, so that both are the same.
    zone: tzinfo = UTC

    @classmethod
    def blank(
        cls,
        schema: Schema | None,
        value: JSON | Missing = MISSING,
        prefix: str = "",
        zone: tzinfo = UTC,
    ) -> Self:
        """Return the form as it is first shown, with defaults or `value`."""
        root = binding.bind_value(field_of(schema, zone), value)
        return cls(root=root, prefix=prefix, zone=zone)

    @classmethod
    def posted(
        cls,
        schema: Schema | None,
        data: posting.Posted,
        uploads: Mapping[str, str] | None = None,
        prefix: str = "",
        zone: tzinfo = UTC,
    ) -> Self:
        """Return the form with what was posted from the tab that was open."""
        shape = field_of(schema, zone)
        op = str(data.get("op") or "")
        if data.get("tab") == JSON_TAB:
            form = cls(root=binding.bind_value(shape), prefix=prefix, zone=zone)
            form.tab, form.text, form.op = JSON_TAB, str(data.get("json") or ""), op
            return form
        root = posting.bind_posted(shape, data, uploads or {})
        return cls(root=root, prefix=prefix, op=op, zone=zone)

    @property
    def has_tabs(self) -> bool:
        """Whether the two tabs would differ at all."""
        return not isinstance(self.root.field, Raw)

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """Values and labels of buttons, if the whole form is one choice among a few.

        There are none if a value is chosen already, because the buttons alone would not send it.
        """
        root = self.root
        if isinstance(root, BoundInput) and root.raw:
            return []
        if isinstance(root, BoundSwitch) and not (root.field.is_optional or root.field.is_checkbox):
            return [("true", gettext("Yes")), ("false", gettext("No"))]
        if isinstance(root, BoundChoice) and root.field.is_radio:
            return [(name, label) for name, label, _ in root.choices]
        return []

    @property
    def has_secrets(self) -> bool:
        """Whether any field of it is a password, which no draft may keep."""
        return holds_secret(self.root.field)

    def hide_secrets(self) -> None:
        """Replace the passwords that were typed by a mark that shows that there are some."""
        for line in self.root.walk():
            if isinstance(line, BoundInput) and line.is_secret and line.raw:
                line.raw = HIDDEN

    def focus_first(self) -> None:
        """Let the first input have the focus when the form is shown."""
        self.focus = _first_input(self.root) or _first_adding(self.root) or self.root.name

    def press(self, name: str) -> None:
        """Take the value of the button among `buttons` that was pressed; any other is an error."""
        if self.tab == FORM and isinstance(self.root, BoundInput) and name in dict(self.buttons):
            self.root.raw = name
        else:
            self.text_errors.append(gettext("There is no such button in this form."))

    # What the buttons inside the form do; each shows the form again.

    def act(self) -> bool:
        """Do what a button of the form asked for; return False if the form itself was sent."""
        verb, _, target = self.op.partition(":")
        match verb:
            case "add":
                self._add(target)
            case "remove":
                self._remove(target)
            case "shape":
                self.focus = target
            case "tab":
                self._turn_to(target)
            case _:
                return False
        return True

    def _add(self, name: str) -> None:
        rows = self._rows_named(name)
        if rows and rows.can_add:
            row = binding.add_row(rows)
            inputs = [part.name for part in row.walk() if part.child("") is None]
            self.focus = _first_input(row) or inputs[0]

    def _remove(self, name: str) -> None:
        owner, _, index = name.rpartition(".")
        rows = self._rows_named(owner)
        if rows and index.isdecimal():
            binding.remove_row(rows, int(index))
            self.focus = f"{owner}:add"

    def _rows_named(self, name: str) -> BoundRows | None:
        found = (part for part in self.root.walk() if part.name == name)
        return next((part for part in found if isinstance(part, BoundRows)), None)

    def _turn_to(self, tab: str) -> None:
        if tab == JSON_TAB and self.tab == FORM:
            self._turn_to_json()
        elif tab == FORM and self.tab == JSON_TAB:
            self._turn_to_form()

    def _turn_to_json(self) -> None:
        maps = [part for part in self.root.walk() if isinstance(part, BoundPairs)]
        if any(part.key_problem for part in maps):
            self.root.check()
            self.text_errors = [str(NO_FIELDS)]
            return
        broken = [part for part in self.root.walk() if isinstance(part, BoundRaw)]
        for part in broken:
            part.check()
        if any(part.errors and not part.is_empty for part in broken):
            self.text_errors = [str(NO_FIELDS)]
            return
        for part in broken:
            part.errors = []
        for line in self.root.walk():
            if isinstance(line, BoundInput) and line.is_secret:  # never written into a page
                line.raw = ""
        draft = self.root.draft()
        self.text = "" if isinstance(draft, Missing) else documents.dump(draft)
        self.tab = JSON_TAB

    def _turn_to_form(self) -> None:
        try:
            value = documents.load(self.text) if self.text.strip() else MISSING
        except documents.NotJson as mistake:
            self.text_errors = [str(mistake), str(NO_JSON)]
            return
        self.root = binding.bind_value(self.root.field, value)
        self.tab = FORM

    # Sending.

    def check(self) -> bool:
        """Return whether the form makes a JSON value; if not, its fields have the errors."""
        if self.tab == JSON_TAB:
            try:
                self.draft()
            except documents.NotJson as mistake:
                self.text_errors.append(str(mistake))
            return not self.text_errors
        self.root = binding.tidied(self.root)
        self.root.check()
        return not self.complaints

    def draft(self) -> JSON:
        """Return the value as far as it is known; None means no value at all.

        Raises `NotJson` if a JSON text cannot be read.
        """
        if self.tab == JSON_TAB:
            return documents.load(self.text) if self.text.strip() else None
        draft = self.root.draft()
        return None if isinstance(draft, Missing) else draft

    def refuse(self, errors: Iterable[Mapping[str, Any]]) -> None:
        """Put the server's errors, Pydantic's list, beside the fields that they name."""
        silent = {id(part) for part in self.root.walk() if part.errors}
        for error in errors:
            loc, message = tuple(error.get("loc", ())), _in_words(error)
            if self.tab == JSON_TAB:
                self.text_errors.append(f"{as_words(loc)}: {message}" if loc else message)
                continue
            part, rest = self._nearest(loc)
            if isinstance(part, BoundOneOf | BoundEither) and rest and part.is_elsewhere(rest[0]):
                continue
            if id(part) not in silent:
                part.errors.append(f"{as_words(rest)}: {message}" if rest else message)

    def _nearest(self, loc: Sequence[str | int]) -> tuple[Bound, Sequence[str | int]]:
        part = self.root
        for depth, key in enumerate(loc):
            inner = part.child(key)
            if inner is None:
                return part, loc[depth:]
            part = inner
        return part, ()

    @property
    def complaints(self) -> list[Complaint]:
        """All errors in the order of the page; the first field with one gets the focus."""
        if self.tab == JSON_TAB:
            return [Complaint("json", "JSON", message) for message in self.text_errors]
        found = [Complaint("", "", message) for message in self.text_errors]
        for part in self.root.walk():
            part.is_first_error = bool(part.errors) and not any(c.target for c in found)
            target = _first_input(part) or part.name
            found += [Complaint(target, _label(part), message) for message in part.errors]
        return found


def _label(part: Bound) -> str:
    rows = [f"{step + 1}" for step in part.path if isinstance(step, int)]
    label = part.field.label or gettext("Value")
    return f"{label} ({'.'.join(rows)})" if rows else label


def _first_input(part: Bound) -> str:
    """Return the name of the first input that can get the focus; radios have an index."""
    leaf = next(
        (inner for inner in part.walk() if inner.shape not in {"group", "rows", "fixed"}), None
    )
    return leaf.name if leaf else ""


def _first_adding(part: Bound) -> str:
    """Return the name of the first button that adds a row, in a form that has only lists."""
    adding = (rows for rows in part.walk() if isinstance(rows, BoundRows) and rows.can_add)
    return next((rows.add_name for rows in adding), "")


def _in_words(error: Mapping[str, Any]) -> str:
    message = str(error.get("msg", gettext("This value was refused.")))
    message = type_words.of(str(error.get("type")), message)
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    if error.get("type") == "missing":
        message = gettext("Enter a value.")
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")
