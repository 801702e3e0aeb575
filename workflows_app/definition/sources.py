"""The text of user functions, for the people who read a graph. Best effort: never raises."""

import ast
import linecache
from functools import lru_cache
from types import CodeType
from typing import Final, NamedTuple

Position = tuple[int, int]

LONGEST: Final = 200


class _Lambda(NamedTuple):
    """Where one lambda is in its file; columns are bytes, as the compiler counts them."""

    first_line: int
    body_start: Position
    body_end: Position
    text: str


def text_of(name: str, code: CodeType | None) -> str:
    """Return one line that shows people a function: a lambda's text, else the name.

    It is the same in every process that runs the same files.
    """
    if code is None or code.co_name != "<lambda>":
        return name
    text = _lambda_text(code) or "lambda"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _lambda_text(code: CodeType) -> str | None:
    extent = _extent(code)
    if extent is None:
        return None
    start, end = extent
    lambdas = _lambdas("".join(linecache.getlines(code.co_filename)))
    around = [
        each
        for each in lambdas
        if each.first_line == code.co_firstlineno
        and each.body_start <= start
        and end <= each.body_end
    ]
    # Of nested lambdas, take the innermost that holds all of the code.
    return max(around, key=lambda each: each.body_start).text if around else None


def _extent(code: CodeType) -> tuple[Position, Position] | None:
    """Return where the compiled body begins and ends; None without columns in the code.

    Python leaves columns out with `-X no_debug_ranges`.
    """
    starts: list[Position] = []
    ends: list[Position] = []
    for line, end_line, column, end_column in code.co_positions():
        # The compiler puts the entry and the return of a lambda at column 0 of its line.
        if line is not None and end_line is not None and column is not None and end_column:
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (min(starts), max(ends)) if starts else None


@lru_cache(maxsize=16)
def _lambdas(text: str) -> tuple[_Lambda, ...]:
    """Return every lambda of a file."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, SystemError, ValueError):  # SystemError: threads, in Python 3.11
        return ()
    lines = text.encode().splitlines(keepends=True)
    return tuple(_read(node, lines) for node in ast.walk(tree) if isinstance(node, ast.Lambda))


def _read(node: ast.Lambda, lines: list[bytes]) -> _Lambda:
    start, end = _span(node)
    body_start, body_end = _span(node.body)
    cut = lines[start[0] - 1 : end[0]]
    cut[-1] = cut[-1][: end[1]]
    cut[0] = cut[0][start[1] :]
    text = " ".join(b"".join(cut).decode().split())
    return _Lambda(node.lineno, body_start, body_end, text)


def _span(node: ast.expr) -> tuple[Position, Position]:
    # Only trees made by hand have no end positions.
    end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
    return (node.lineno, node.col_offset), end
