"""A JSON value as a folding tree: which rows a page draws of it, and what it leaves out.

Pure. Bounded by rows, by depth and by the length of each text, whatever the value holds.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from workflows_app import jsontext

#: Rows of one value that a page draws at most.
MOST_ROWS: Final = 400
#: Rows of one list or object: so that a long list leaves room for what stands beside it.
MOST_INSIDE: Final = 100
#: Deeper than this, a tree is a staircase.
MOST_DEPTH: Final = 40
#: Characters of a string, or of a key, that are drawn.
MOST_CHARACTERS: Final = 500
#: Rows that are seen at first, below which the second level is open, too.
MOST_SEEN: Final = 30

PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][\w$-]*", re.ASCII)
PLAIN_STEP: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LONE: Final = re.compile("[\ud800-\udfff]")


@dataclass
class Node:
    """One value in the tree."""

    value: Any
    #: The key as it is shown; empty for the whole value.
    name: str = ""
    #: The part of its path: `.price`, `[2]`, `["a b"]`; `$` for the whole value.
    step: str = "$"
    depth: int = 0
    #: Tells it from its neighbours.
    key: str = "$"
    is_open: bool = False
    inside: list[Node] = field(default_factory=list)
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
        """The value as JSON; of a long one the beginning; of a branch its brackets."""
        if self.is_branch:
            return "{…}" if isinstance(self.value, dict) else "[…]"
        return _shown(self.value) if isinstance(self.value, str) else _written(self.value)

    @property
    def is_cut(self) -> bool:
        """Whether not all of a string is shown."""
        return isinstance(self.value, str) and len(self.value) > MOST_CHARACTERS

    @property
    def says(self) -> str:
        """How much it holds, in words; empty where that is seen."""
        if self.is_branch:
            return counted(len(self.value), self.unit)
        return counted(len(self.value), "character") if self.is_cut else ""

    @property
    def unit(self) -> str:
        """What it holds."""
        return "key" if isinstance(self.value, dict) else "item"

    @property
    def left_words(self) -> str:
        """What is not drawn of it, in words."""
        more = " more" if self.inside else ""
        return f"… {self.left_out:,}{more} {self.unit}{'' if self.left_out == 1 else 's'}"


@dataclass(frozen=True)
class Row:
    """One step of writing the tree: a leaf, the head of a branch, what it left out, its end."""

    shape: str
    node: Node


@dataclass(frozen=True)
class Tree:
    """A value, ready to be drawn."""

    root: Node
    size: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return all(not row.node.left_out for row in self.rows if row.shape == "branch")

    @property
    def rows(self) -> list[Row]:
        """The tree from top to bottom, so that a template needs no recursion."""
        found: list[Row] = []
        waiting = [Row("branch" if self.root.is_branch else "leaf", self.root)]
        while waiting:
            row = waiting.pop()
            found.append(row)
            if row.shape != "branch":
                continue
            after = [Row("branch" if node.is_branch else "leaf", node) for node in row.node.inside]
            if row.node.left_out:
                after.append(Row("more", row.node))
            after.append(Row("end", row.node))
            waiting += reversed(after)
        return found


def tree_of(text: str, most: int = MOST_ROWS) -> Tree | None:
    """Return the tree of a JSON text with at most so many rows; None where it cannot be read.

    Rows are given out level by level, so that what is near the top is there.
    """
    try:
        root = Node(jsontext.loads(text), is_open=True)
        return Tree(root, _grow(root, most))
    except (ValueError, RecursionError):  # no JSON, nested too deeply, or a number of 5000 digits
        return None


def _grow(root: Node, most: int) -> int:
    """Put nodes into the tree until it has so many rows; return how many it has."""
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


def _parts(node: Node, room: int) -> list[Node]:
    depth = node.depth + 1
    if isinstance(node.value, list):
        return [
            Node(value, str(index), f"[{index}]", depth, f"{index}")
            for index, value in enumerate(node.value[:room])
        ]
    found = []
    for index, (key, value) in zip(range(room), node.value.items(), strict=False):
        short = key if len(key) <= 60 else f"{key[:60]} {index}"  # noqa: PLR2004 - tells them apart
        name = key if PLAIN_KEY.fullmatch(key) and len(key) <= MOST_CHARACTERS else _shown(key)
        found.append(Node(value, name, step_to(key), depth, _sendable(short)))
    return found


def step_to(key: str) -> str:
    """Return the part of a JSON path that leads to a key."""
    return f".{key}" if PLAIN_STEP.fullmatch(key) else f"[{_written(key)}]"


def counted(number: int, unit: str) -> str:
    """Return `1 key`, `3,000 keys`."""
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def _shown(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return _written(text)
    return _written(text[:MOST_CHARACTERS])[:-1] + "…"


def _written(value: object) -> str:
    """Return JSON that a page can carry: half of a character pair is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value) if _LONE.search(text) else text


def _sendable(text: str) -> str:
    return re.sub("[\x00-\x1f\ud800-\udfff]", "?", text)
