"""Checks of Python source: each one reads the files of a tree and returns figures."""

import ast
import io
import re
import threading
import tokenize
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from workflows_app.demo import source_tree
from workflows_app.demo.source_tree import Tree

#: Most places that a check names; it counts all of them.
MOST_SHOWN: Final = 25
LARGEST: Final = 5

MARKER: Final = re.compile(r"\b(TODO|FIXME)\b")

#: Python 3.11 counts the depth of a syntax tree for all threads together, so two threads that parse
#: at the same time fail with "AST constructor recursion depth mismatch".
_parsing: Final = threading.Lock()

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Places(BaseModel):
    """How often something was found, and where the first ones are."""

    count: int = 0
    shown: list[str] = []

    def add(self, place: str) -> None:
        """Count one more place."""
        self.count += 1
        if len(self.shown) < MOST_SHOWN:
            self.shown.append(place)


class Coverage(BaseModel):
    """How many of the public names have a docstring."""

    documented: int = 0
    missing: Places = Places()

    @property
    def percent(self) -> float:
        """The share of names with one, in percent; 100 if there are no names."""
        total = self.documented + self.missing.count
        return round(100 * self.documented / total, 1) if total else 100.0


class FileSize(BaseModel):
    """One file and its length."""

    file: str
    lines: int


def syntax_errors(tree: Tree) -> Places:
    """Return the files that Python cannot read."""
    found = Places()
    for file, text in source_tree.sources(tree):
        try:
            _parse(text, file)
        except SyntaxError as error:
            found.add(f"{file}:{error.lineno or 1}: {error.msg}")
        except (ValueError, RecursionError) as error:
            found.add(f"{file}: {error}")
    return found


def long_files(tree: Tree, most_lines: int) -> Places:
    """Return the files with more than `most_lines` lines."""
    found = Places()
    for file, text in source_tree.sources(tree):
        if (lines := _line_count(text)) > most_lines:
            found.add(f"{file}: {lines:,} lines")
    return found


def markers(tree: Tree) -> Places:
    """Return the comments about work that is still to be done."""
    found = Places()
    for file, text in source_tree.sources(tree):
        for line, comment in _comments(text):
            if MARKER.search(comment):
                found.add(f"{file}:{line}: {comment.strip()[:100]}")
    return found


def docstring_coverage(tree: Tree) -> Coverage:
    """Return how many modules, public classes and public functions have a docstring."""
    found = Coverage(missing=Places())
    for file, text in source_tree.sources(tree):
        for name, line, has_docstring in _public(text):
            if has_docstring:
                found.documented += 1
            else:
                found.missing.add(f"{file}:{line}: {name}")
    return found


def largest_files(tree: Tree) -> list[FileSize]:
    """Return the longest files, the longest first."""
    sizes = [
        FileSize(file=file, lines=_line_count(text)) for file, text in source_tree.sources(tree)
    ]
    return sorted(sizes, key=lambda size: (-size.lines, size.file))[:LARGEST]


def _parse(text: bytes, file: str = "<unknown>") -> ast.Module:
    with _parsing:
        return ast.parse(text, filename=file)


def _line_count(text: bytes) -> int:
    return len(text.splitlines())


def _comments(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment, as far as the file can be read."""
    try:
        for token in tokenize.tokenize(io.BytesIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return  # the syntax check reports it


def _public(text: bytes) -> Iterator[tuple[str, int, bool]]:
    """Yield the name and line of everything public in a file, and whether it has a docstring."""
    try:
        module = _parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    if module.body:  # an empty `__init__.py` needs no docstring
        yield "module", 1, ast.get_docstring(module) is not None
    yield from _public_inside(module, "")


def _public_inside(
    parent: ast.Module | ast.ClassDef, prefix: str
) -> Iterator[tuple[str, int, bool]]:
    for node in parent.body:
        if not isinstance(node, Documented) or isinstance(node, ast.Module):
            continue
        if node.name.startswith("_") or _is_overload(node):
            continue
        name = f"{prefix}{node.name}"
        yield name, node.lineno, ast.get_docstring(node) is not None
        if isinstance(node, ast.ClassDef):
            yield from _public_inside(node, f"{name}.")


def _is_overload(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
