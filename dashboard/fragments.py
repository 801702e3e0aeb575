"""Pieces of pages that are drawn once for as long as what they are drawn of stays the same.

A piece is found again by all that it shows, itself and not a digest of it: whoever sees the same
values is shown the same, and nobody anything else. It must depend on nothing besides; neither on
the clock and its zone, nor on the person, nor on the request.
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

#: Pieces that are kept; those shown longest ago go first. Larger ones are drawn each time.
MOST_KEPT: Final = 2000
MOST_CHARACTERS: Final = 8000

_numbers: Final = itertools.count()


class Fragments:
    """The pieces of one process, safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, SafeString] = OrderedDict()

    def get(self, key: Hashable) -> SafeString | None:
        """Return the piece that was drawn of this; None where there is none."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
            return found

    def keep(self, key: Hashable, html: SafeString) -> None:
        """Keep a piece, if it is not too large."""
        if len(html) > MOST_CHARACTERS:
            return
        with self._lock:
            self._found[key] = html
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)


fragments: Final = Fragments()


class KeptNode(template.Node):
    """`{% kept value … %}`: what is inside is drawn of these values alone. None first: not kept."""

    def __init__(self, values: list[FilterExpression], inside: template.NodeList) -> None:
        self._number = next(_numbers)
        self._values = values
        self.nodelist = inside

    def render(self, context: template.Context) -> SafeString:
        """Return the piece that was drawn of the same values, or draw it."""
        values = [value.resolve(context, ignore_failures=True) for value in self._values]
        if values[0] is None:
            return self.nodelist.render(context)
        # By their types, too: 1, 1.0 and True are equal, and are not written alike.
        key = (self._number, *values, *map(type, values))
        found = fragments.get(key)
        if found is None:
            found = self.nodelist.render(context)
            fragments.keep(key, found)
        return found


def kept(parser: template.base.Parser, token: template.base.Token) -> KeptNode:
    """Compile `{% kept value … %} … {% endkept %}`; raises TemplateSyntaxError without a value."""
    _, *values = token.split_contents()
    if not values:
        raise template.TemplateSyntaxError("kept needs the values that its inside is drawn of.")
    inside = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode([parser.compile_filter(value) for value in values], inside)
