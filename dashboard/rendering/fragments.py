"""Pieces of pages that are drawn once and reused as long as their values stay the same.

A piece is found by all the values that it shows, compared themselves and not by a digest, so that
nobody can get a piece with other values. It must depend on nothing else but the language: not on
the clock and its zone, the person or the request.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from django import template
from django.template.base import FilterExpression
from django.utils.safestring import SafeString

from workflows_app import languages

#: How many pieces are kept, the latest shown; larger ones are drawn each time.
MOST_KEPT: Final = 2000
MOST_CHARACTERS: Final = 8000

_numbers: Final = itertools.count()


class Fragments:
    """The pieces of one process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, SafeString] = OrderedDict()

    def get(self, key: Hashable) -> SafeString | None:
        """Return the piece that was drawn from these values; None if there is none."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def keep(self, key: Hashable, html: SafeString) -> None:
        """Keep a piece unless it is too large."""
        if len(html) > MOST_CHARACTERS:
            return
        with self._lock:
            self._found[key] = html
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)


fragments: Final = Fragments()


class KeptNode(template.Node):
    """`{% kept value … %}`: its content depends only on these values.

    It is drawn each time if the first value is None.
    """

    def __init__(self, values: list[FilterExpression], inside: template.NodeList) -> None:
        self._number = next(_numbers)
        self._values = values
        self.nodelist = inside

    def render(self, context: template.Context) -> SafeString:
        """Return the piece that was drawn from the same values, or draw it."""
        values = [value.resolve(context, ignore_failures=True) for value in self._values]
        if values[0] is None:
            return self.nodelist.render(context)
        # Their types count, too: 1, 1.0 and True are equal but written differently.
        key = (self._number, languages.active(), *values, *map(type, values))
        found = fragments.get(key)
        if found is None:
            found = self.nodelist.render(context)
            fragments.keep(key, found)
        return found


def kept(parser: template.base.Parser, token: template.base.Token) -> KeptNode:
    """Compile `{% kept value … %} … {% endkept %}`; raises TemplateSyntaxError without a value."""
    _, *values = token.split_contents()
    if not values:
        raise template.TemplateSyntaxError("kept needs the values that its content depends on.")
    inside = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode([parser.compile_filter(value) for value in values], inside)
