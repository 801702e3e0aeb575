"""What a browser sends for a form that nobody touched, by the rules of HTML and without a browser.

Reads the page's own HTML: what a parser drops, what an input's type makes of its value, which
fields count, and how line ends travel.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from html.parser import HTMLParser

from django.http import HttpRequest
from django.test import RequestFactory

VOID = frozenset({"input", "br", "hr", "img", "meta", "link"})
LINE_END = re.compile("\r\n|\r|\n")
ONE_LINE = frozenset({"text", "search", "tel", "password", "url", "email"})
BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"

Attributes = dict[str, str | None]


@dataclass
class _Select:
    name: str
    is_disabled: bool
    options: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def value(self) -> str | None:
        """The option that was chosen last, or the first one."""
        chosen = [value for value, is_chosen in self.options if is_chosen]
        return chosen[-1] if chosen else next((value for value, _ in self.options), None)


@dataclass
class _Open:
    """A text that is being read: of a textarea, or of an option that has no value."""

    text: str = ""


class Form(HTMLParser):
    """The form of a page that was made from a type: its fields, their values, and its buttons."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.buttons: list[tuple[str, str]] = []
        self._is_inside = self._has_ended = False
        self._fieldsets: list[bool] = []
        self._select: _Select | None = None
        self._option: Attributes | None = None
        self._textarea: Attributes | None = None
        self._open = _Open()
        # A parser reads every end of a line as one character, and no NUL at all.
        self.feed(LINE_END.sub("\n", page).replace("\0", "\ufffd"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a field, or that one begins."""
        given = dict(attrs)
        is_form = tag == "form" and "schema-form" in (given.get("class") or "")
        if is_form and not self._has_ended:
            self._is_inside = True
        if not self._is_inside:
            return
        self._note_button(tag, given)
        match tag:
            case "fieldset":
                self._fieldsets.append("disabled" in given)
            case "input":
                self._input(given)
            case "textarea":
                self._textarea, self._open = given, _Open()
            case "select":
                self._select = _Select(given.get("name") or "", self._is_disabled(given))
            case "option":
                self._option, self._open = given, _Open()
            case _:
                pass

    def _note_button(self, tag: str, given: Attributes) -> None:
        if tag == "button" and given.get("name"):
            self.buttons.append((given["name"] or "", given.get("value") or ""))

    def handle_data(self, data: str) -> None:
        """Read the text of what is open."""
        self._open.text += data

    def handle_endtag(self, tag: str) -> None:
        """Note the value of what ends."""
        match tag:
            case "form" if self._is_inside:
                self._is_inside, self._has_ended = False, True
            case "fieldset" if self._fieldsets:
                self._fieldsets.pop()
            case "textarea" if self._textarea is not None:
                self._add(self._textarea, self._open.text.removeprefix("\n"))
                self._textarea = None
            case "option" if self._option is not None and self._select is not None:
                value = self._option.get("value")
                shown = " ".join(self._open.text.split())
                is_chosen = "selected" in self._option
                self._select.options.append((shown if value is None else value, is_chosen))
                self._option = None
            case "select" if self._select is not None:
                value = self._select.value
                if value is not None and self._select.name and not self._select.is_disabled:
                    self.fields.append((self._select.name, value))
                self._select = None
            case _:
                pass

    def _is_disabled(self, given: Attributes) -> bool:
        return "disabled" in given or any(self._fieldsets)

    def _input(self, given: Attributes) -> None:
        kind = (given.get("type") or "text").lower()
        if kind in {"submit", "button", "reset", "image", "file"}:
            return
        if kind in {"checkbox", "radio"}:
            if "checked" in given:
                self._add(given, given.get("value") or ("" if "value" in given else "on"))
            return
        self._add(given, sanitised(given.get("value") or "", kind))

    def _add(self, given: Attributes, value: str) -> None:
        name = given.get("name")
        if name and not self._is_disabled(given):
            self.fields.append((name, value))


def sanitised(value: str, kind: str) -> str:
    """Return the value after an input of this type has sanitised it."""
    if kind in ONE_LINE:
        value = value.replace("\n", "")
        return value.strip("\t\f\r ") if kind in {"url", "email"} else value
    match kind:
        case "date":
            is_valid = re.fullmatch(r"\d{4}-\d\d-\d\d", value) and _reads(date, value)
            return value if is_valid else ""
        case "time":
            is_valid = re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?", value) and _reads(time, value)
            return value if is_valid else ""
        case "datetime-local":
            return _moment(value)
        case _:
            return value


def _moment(value: str) -> str:
    """Return a moment as browsers write it: seconds only where there are any."""
    shape = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?"
    if not re.fullmatch(shape, value) or not _reads(datetime, value):
        return ""
    moment = datetime.fromisoformat(value)
    if moment.microsecond:
        return moment.isoformat("T", "milliseconds")
    return moment.isoformat("T", "seconds" if moment.second else "minutes")


def _reads(kind: type[date] | type[time], value: str) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


def multipart(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the body that a browser makes of a form's fields."""
    parts = []
    for name, value in fields:
        quoted = LINE_END.sub("%0D%0A", name).replace('"', "%22")
        text = LINE_END.sub("\r\n", value)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{quoted}"\r\n\r\n'
        parts.append(f"{head}{text}\r\n")
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


def request_of(page: str, op: str = "") -> HttpRequest:
    """Return the request of a page's form when the button `op` is pressed."""
    form = Form(page)
    assert not op or ("op", op) in form.buttons, f"There is no button {op!r}."
    fields = [*form.fields, *([("op", op)] if op else [])]
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return RequestFactory().generic("POST", "/", multipart(fields), content_type=kind)
