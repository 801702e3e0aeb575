"""Templates: text with values of the run put in, such as `{init.city}: {steps.a.value}`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Secret, SecretStr

from workflows_app import errors
from workflows_app.definition import places
from workflows_app.definition.schemas import ANY, MISSING
from workflows_app.jsontext import revealed_text

if TYPE_CHECKING:
    from workflows_app.definition.mappings import Nodes, Values
    from workflows_app.definition.places import Place

ROOTS: Final = ("init", "input", "state", "context")
_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Hole:
    """A gap for a value: a place in one of the roots or in the output of a step."""

    root: str
    place: Place
    #: With the root `steps`, once bound: the path of the step; None if there is no such step.
    step: str | None = None

    def bind(self, nodes: Nodes) -> Self:
        """Split the path of the step from the place in its output; the longest path that is a step
        wins.
        """
        if self.root != "steps":
            return self
        for length in range(len(self.place), 0, -1):
            if (path := ".".join(self.place[:length])) in nodes:
                return replace(self, step=path, place=self.place[length:])
        return self

    def evaluate(self, values: Values) -> str | SecretStr:
        """Return the value as text: JSON for other types, and empty if there is none.

        If the value holds a secret, the text is a secret, too.
        """
        if self.root != "steps":
            found = places.walk(getattr(values, self.root), self.place)
        elif self.step is None:
            return ""
        else:
            found = places.walk(values.output_of(self.step), self.place)
        if found is MISSING:
            return ""
        return found if isinstance(found, (str, SecretStr)) else _as_json(found)


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes."""

    text: str
    pieces: tuple[str | Hole, ...]

    def bind(self, nodes: Nodes, what: str) -> Self:
        """Return the same template with its steps found; a missing step gives empty text."""
        bound = (each if isinstance(each, str) else each.bind(nodes) for each in self.pieces)
        return replace(self, pieces=tuple(bound))

    def evaluate(self, values: Values) -> str | SecretStr:
        """Return the text with the values put in; a secret if one of them is."""
        parts = [each if isinstance(each, str) else each.evaluate(values) for each in self.pieces]
        text = "".join(each if isinstance(each, str) else each.get_secret_value() for each in parts)
        is_secret = any(isinstance(each, SecretStr) for each in parts)
        return SecretStr(text) if is_secret else text

    def __str__(self) -> str:
        return f"template({ANY.dump(self.text).decode()})"


def template(text: str) -> Template:
    """Return text with values put in where it says `{init.city}` or `{steps.a.value}`.

    Roots: `init`, `input`, `state`, `context`, `steps.<path of a step>`; `{{` and `}}` are literal
    braces. Values other than text are put in as JSON; a path that leads nowhere gives empty text.
    Raises InvalidTemplate for an unknown root, or a brace that is never closed.
    """
    if not isinstance(text, str):
        raise errors.InvalidTemplate(f"template() takes text, not {text!r}.")
    pieces: list[str | Hole] = []
    end = 0
    for found in _PIECE.finditer(text):
        pieces += [text[end : found.start()], _piece(text, found)]
        end = found.end()
    pieces.append(text[end:])
    return Template(text, tuple(pieces))


def _as_json(value: Any) -> str | SecretStr:
    if isinstance(value, Secret) and isinstance(value.get_secret_value(), str):
        return SecretStr(value.get_secret_value())
    written = ANY.dump(value).decode()
    plain = str(revealed_text(written))
    return written if plain == written else SecretStr(plain)


def _piece(text: str, found: re.Match[str]) -> str | Hole:
    written = found.group()
    if written in {"{{", "}}"}:
        return written[0]
    if written in {"{", "}"}:
        raise errors.InvalidTemplate(
            f"The template {text!r} has a {written!r} at character {found.start() + 1} without "
            "its counterpart; write {{ or }} for a brace that is meant as it is."
        )
    return _hole(text, found.group(1).strip())


def _hole(text: str, written: str) -> Hole:
    root, *place = written.split(".")
    is_step = root == "steps" and place
    if not (is_step or root in ROOTS) or not all(place):
        raise errors.InvalidTemplate(
            f"The template {text!r} asks for {written!r}; text in braces begins with "
            f"{', '.join(ROOTS)} or steps.<path of a step>, and goes on with dots and names."
        )
    return Hole(root, tuple(place))
