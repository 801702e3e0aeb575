"""Errors as they are stored: type, message, traceback, causes, sub-errors, notes and attributes.

The stored size of an exception with its causes and sub-errors is bounded, and the record says what
was left out.
"""

import traceback
from collections.abc import Iterator
from typing import Any, Final, TypedDict

from pydantic import ValidationError

from workflows_app import conf, errors
from workflows_app.definition import ANY
from workflows_app.jsontext import clean_text, dumps, loads, masked_text

#: Most bytes of JSON that are stored of an error with its causes and sub-errors.
MOST_BYTES: Final = 64 * 1024
#: At least this much of an error is stored, however small the largest payload is.
LEAST_BYTES: Final = 4 * 1024
#: Most characters of one text, tried in turn until everything fits.
_LENGTHS: Final = (20_000, 8_000, 3_000, 1_000, 300, 100, 40)

#: Most levels of causes and groups.
MOST_DEEP: Final = 10
#: Most errors that are stored with one: its causes and sub-errors.
MOST_ERRORS: Final = 100
#: Most attributes and most notes that are stored of one error.
MOST_DETAILS: Final = 50
MOST_NOTES: Final = 20

#: Most characters of the message of a lost attempt's cause.
MOST_BRIEF: Final = 500

#: Most problems of a value that the message names; the details have all.
MOST_LISTED: Final = 5


def describe(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON: `type`, `message`, `traceback`, `cause`, `details`.

    A group also has `errors`, and `notes` are included if there are any. Never raises, whatever the
    exception's own methods do.
    """
    whole = _Description().of(error, 0)
    most = min(MOST_BYTES, max(conf.get("MAX_PAYLOAD_BYTES"), LEAST_BYTES))
    for length in _LENGTHS:
        shown = _shortened(whole, length)
        if len(dumps(shown).encode(errors="replace")) <= most:
            return shown
    return plain(error)


class Brief(TypedDict):
    """The error that ended a lost attempt."""

    type: str
    message: str
    traceback: str


def brief(error: BaseException) -> Brief:
    """Return the short form of an error, for lists of many."""
    return {
        "type": type(error).__name__,
        "message": _cut(_message(error), MOST_BRIEF),
        "traceback": _cut(_traceback(error), 4 * MOST_BRIEF),
    }


def plain(error: BaseException) -> dict[str, Any]:
    """Return the minimum to store of an error, in characters that every database takes."""
    message = _message(error)[:500].encode("ascii", "replace").decode()
    printable = "".join(letter if letter.isprintable() else " " for letter in message)
    return {
        "type": type(error).__name__.encode("ascii", "replace").decode()[:200],
        "message": printable,
        "traceback": "",
        "cause": None,
        "details": {},
    }


class _Description:
    """One error with its causes and sub-errors; each is described once, so that cycles end."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def of(self, error: BaseException, depth: int) -> dict[str, Any]:
        """Return one error with its causes and sub-errors as JSON."""
        self._seen.add(id(error))
        kept: dict[str, Any] = {
            "type": type(error).__name__,
            "message": _message(error),
            "traceback": _traceback(error),
            "cause": self._cause(error, depth),
            "details": _details(error),
        }
        notes = _notes(error)
        if isinstance(error, BaseExceptionGroup):
            kept["errors"] = list(self._parts(error, depth))
            missing = len(error.exceptions) - len(kept["errors"])
            if missing:
                notes.append(f"… {missing} more of its errors were not kept")
        if notes:
            kept["notes"] = notes
        return kept

    def _cause(self, error: BaseException, depth: int) -> dict[str, Any] | None:
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return (
            None if cause is None or self._is_left_out(cause, depth) else self.of(cause, depth + 1)
        )

    def _parts(
        self, group: BaseExceptionGroup[BaseException], depth: int
    ) -> Iterator[dict[str, Any]]:
        for part in group.exceptions:
            if not self._is_left_out(part, depth):
                yield self.of(part, depth + 1)

    def _is_left_out(self, error: BaseException, depth: int) -> bool:
        is_enough = depth >= MOST_DEEP or len(self._seen) >= MOST_ERRORS
        return is_enough or id(error) in self._seen


def invalid(
    kind: type[errors.WorkflowError], what: str, error: ValidationError
) -> errors.WorkflowError:
    """Return an error that says that `what` does not fit, with Pydantic's list in its details."""
    problems = problems_of(error)
    listed = "; ".join(f"{_place(p['loc'])}{p['msg']}" for p in problems[:MOST_LISTED])
    more = f" (and {len(problems) - MOST_LISTED} more)" if len(problems) > MOST_LISTED else ""
    refusal = kind(f"{what}: {listed}{more}.")
    refusal.details = {"errors": problems}
    refusal.__cause__ = error
    return refusal


def problems_of(error: ValidationError) -> list[dict[str, Any]]:
    """Return Pydantic's list of problems: `loc`, `msg`, `type`."""
    return [
        {"loc": list(problem["loc"]), "msg": problem["msg"], "type": problem["type"]}
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _place(loc: list[Any]) -> str:
    return ".".join(str(part) for part in loc) + ": " if loc else ""


def _message(error: BaseException) -> str:
    try:
        if isinstance(error, ValidationError):
            return _without_values(error)
        return clean_text(str(error))
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error
        return f"<{type(error).__name__} whose message cannot be read>"


def _traceback(error: BaseException) -> str:
    try:
        return clean_text("".join(traceback.format_tb(error.__traceback__)))
    except Exception:  # noqa: BLE001 - source files may be gone, or not be text
        return ""


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, (list, tuple)):
        return []
    kept = [clean_text(str(note)) for note in notes[:MOST_NOTES] if isinstance(note, str)]
    if len(notes) > MOST_NOTES:
        kept.append(f"… {len(notes) - MOST_NOTES} more notes were not kept")
    return kept


def _details(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        return {"errors": problems_of(error)}
    details: dict[str, Any] = {}
    for name, value in _attributes(error):
        if isinstance(value, Iterator):
            continue  # reading it to the end may take for ever
        try:
            details[clean_text(name)] = loads(ANY.dump(value))
        except Exception:  # noqa: BLE001 - user code writes itself as JSON: it may raise anything
            if isinstance(value, str):
                details[clean_text(name)] = clean_text(value)
    own = details.pop("details", None)
    return {**own, **details} if isinstance(own, dict) else details


def _without_values(error: ValidationError) -> str:
    """Return Pydantic's message without the values, because some may be secret."""
    said = [f"{_place(p['loc'])}{p['msg']} [type={p['type']}]" for p in problems_of(error)]
    count = f"{len(said)} validation error{'' if len(said) == 1 else 's'} for {error.title}"
    return clean_text("\n".join([count, *said]))


def _attributes(error: BaseException) -> list[tuple[str, Any]]:
    try:
        named = [(str(name), value) for name, value in vars(error).items()]
    except Exception:  # noqa: BLE001 - a class may have put anything in its place
        return []
    return [pair for pair in named if not pair[0].startswith("_")][:MOST_DETAILS]


def _shortened(described: dict[str, Any], length: int) -> dict[str, Any]:
    """Return a description in which no text is longer than `length`."""
    cut = {
        **described,
        "type": _cut(described["type"], length),
        "message": _cut(described["message"], length),
        "traceback": _cut(described["traceback"], length),
        "details": _cut_details(described["details"], length),
    }
    if described["cause"] is not None:
        cut["cause"] = _shortened(described["cause"], length)
    if "errors" in described:
        cut["errors"] = [_shortened(part, length) for part in described["errors"]]
    if "notes" in described:
        cut["notes"] = [_cut(note, length) for note in described["notes"]]
    return cut


def _cut_details(details: dict[str, Any], length: int) -> dict[str, Any]:
    cut: dict[str, Any] = {}
    for name, value in details.items():
        text = value if isinstance(value, str) else masked_text(dumps(value))
        is_long = len(text) > length
        cut[_cut(name, length)] = _cut(text, length) if is_long else value
    return cut


def _cut(text: str, length: int) -> str:
    """Return a text of about `length` characters, with the middle left out."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … ({len(text) - 2 * half:,} characters left out) … {text[-half:]}"
