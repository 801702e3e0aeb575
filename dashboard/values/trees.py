"""A JSON value as a folding tree: which of its rows a page draws, and what it leaves out.

Pure. The number of rows, the depth and the length of each text are bounded for any value.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import ngettext

from workflows_app import jsontext, languages

from ..forms.wording import characters, items

#: The most rows of one value that a page draws.
MOST_ROWS: Final = 400
#: The most rows of one list or object, so that a long list leaves room for what is beside it.
MOST_INSIDE: Final = 100
#: Deeper than this, a tree becomes a staircase.
MOST_DEPTH: Final = 40
#: The most characters of a string, or of a key, that are drawn.
MOST_CHARACTERS: Final = 500
#: If at most this many rows are visible at first, the second level is open, too.
MOST_SEEN: Final = 30

PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)
PLAIN_STEP: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LONE: Final = re.compile("[\ud800-\udfff]")


@dataclass
class TreeNode:
    """One value in the tree."""

    value: Any
    #: The key as it is shown; empty for the whole value.
    name: str = ""
    #: Its part of the path: `.price`, `[2]`, `["a b"]`; `$` for the whole value.
    step: str = "$"
    depth: int = 0
    #: Distinguishes it from its neighbours.
    key: str = "$"
    is_open: bool = False
    inside: list[TreeNode] = field(default_factory=list)
    left_out: int = 0

    @property
    def kind(self) -> str:
        """The type, in the words of JSON."""
        match self.value:
            case None:
                return "null"
            case bool():
                return "boolean"
            case str():
                return "string"
            case dict():
                return "object"
            case list():
                return "array"
            case _:
                return "number"

    @property
    def is_branch(self) -> bool:
        """Whether it can be opened."""
        return isinstance(self.value, dict | list) and bool(self.value)

    @property
    def text(self) -> str:
        """The value as JSON; the beginning of a long one; the brackets of a branch."""
        if self.is_branch:
            return "{…}" if isinstance(self.value, dict) else "[…]"
        return _shown(self.value) if isinstance(self.value, str) else _written(self.value)

    @property
    def is_cut(self) -> bool:
        """Whether a string is not shown completely."""
        return isinstance(self.value, str) and len(self.value) > MOST_CHARACTERS

    @property
    def says(self) -> str:
        """How much it contains, in words; empty if that can be seen."""
        if self.is_branch:
            return (keys if isinstance(self.value, dict) else items)(len(self.value))
        return characters(len(self.value)) if self.is_cut else ""

    @property
    def left_words(self) -> str:
        """How much of it is not drawn, in words."""
        number, has_keys = self.left_out, isinstance(self.value, dict)
        if self.inside and has_keys:
            text = ngettext("… {number} more key", "… {number} more keys", number)
        elif self.inside:
            text = ngettext("… {number} more item", "… {number} more items", number)
        elif has_keys:
            text = ngettext("… {number} key", "… {number} keys", number)
        else:
            text = ngettext("… {number} item", "… {number} items", number)
        return text.format(number=languages.number(number, is_grouped=True))


@dataclass(frozen=True)
class TreeRow:
    """One line of the tree: a leaf, the start of a branch, what it left out, or its end."""

    shape: str
    node: TreeNode


@dataclass(frozen=True)
class Tree:
    """A value, ready to be drawn."""

    root: TreeNode
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return all(not row.node.left_out for row in self.rows if row.shape == "branch")

    @property
    def rows(self) -> list[TreeRow]:
        """The lines of the tree from top to bottom, so that a template needs no recursion."""
        found: list[TreeRow] = []
        waiting = [TreeRow("branch" if self.root.is_branch else "leaf", self.root)]
        while waiting:
            row = waiting.pop()
            found.append(row)
            if row.shape != "branch":
                continue
            after = [
                TreeRow("branch" if node.is_branch else "leaf", node) for node in row.node.inside
            ]
            if row.node.left_out:
                after.append(TreeRow("more", row.node))
            after.append(TreeRow("end", row.node))
            waiting += reversed(after)
        return found


def tree_of(text: str, most: int = MOST_ROWS) -> Tree | None:
    """Return the tree of a JSON text with at most `most` rows; None if it cannot be read.

    Rows are assigned level by level, so that everything near the top is drawn.
    """
    try:
        root = TreeNode(jsontext.loads(text), is_open=True)
        return Tree(root, _grow(root, most))
    except (ValueError, RecursionError):  # not JSON, nested too deeply, or a number of 5000 digits
        return None


def _grow(root: TreeNode, most: int) -> int:
    """Add nodes to the tree until it has this many rows; return how many it has."""
    drawn, seen = 1, 1
    waiting = deque([root])
    while waiting:
        node = waiting.popleft()
        _written(None if node.is_branch else node.value)
        if not node.is_branch:
            continue
        deepest = node.depth >= MOST_DEPTH
        room = 0 if deepest else max(0, min(most - drawn, MOST_INSIDE))
        node.inside = _parts(node, room)
        node.left_out = len(node.value) - len(node.inside)
        drawn += len(node.inside)
        small = node.depth == 1 and bool(node.inside) and seen + len(node.inside) <= MOST_SEEN
        node.is_open = node is root or small
        seen += len(node.inside) if node.is_open else 0
        waiting += node.inside
    return drawn


def _parts(node: TreeNode, room: int) -> list[TreeNode]:
    depth = node.depth + 1
    if isinstance(node.value, list):
        return [
            TreeNode(value, str(index), f"[{index}]", depth, f"{index}")
            for index, value in enumerate(node.value[:room])
        ]
    found = []
    for index, (key, value) in zip(range(room), node.value.items(), strict=False):
        short = key if len(key) <= 60 else f"{key[:60]} {index}"  # noqa: PLR2004 - tells them apart
        name = key if PLAIN_KEY.fullmatch(key) and len(key) <= MOST_CHARACTERS else _shown(key)
        found.append(TreeNode(value, name, step_to(key), depth, _sendable(short)))
    return found


def step_to(key: str) -> str:
    """Return the part of a JSON path that leads to a key."""
    return f".{key}" if PLAIN_STEP.fullmatch(key) else f"[{_written(key)}]"


def keys(number: int) -> str:
    """Return `1 key`, `3,000 keys`."""
    text = ngettext("{number} key", "{number} keys", number)
    return text.format(number=languages.number(number, is_grouped=True))


def _shown(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return _written(text)
    return _written(text[:MOST_CHARACTERS])[:-1] + "…"


def _written(value: object) -> str:
    """Return JSON that a page can carry: halves of surrogate pairs are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _LONE.search(text) else text


def _sendable(text: str) -> str:
    return re.sub("[\x00-\x1f\ud800-\udfff]", "?", text)
