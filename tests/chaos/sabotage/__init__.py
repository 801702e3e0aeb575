"""Sabotages: patches that each break one promise, which a named test or chaos must notice.

A patch has a head, an empty line, and parts as in a diff, but without line numbers. The text of the
lines with a blank or a minus must occur exactly once, and is replaced by the text of those with a
blank or a plus. So a patch still fits when the code around it changes, and reports it when it does
not fit any more.

    Breaks: a promise, in words
    Found by: postgresql tests/…::test_…
    Found by: chaos

    --- workflows_app/engine/record/reference.py
    -        a line as it is
    +        the line that takes its place
    @@
    -        another part of the same file
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
CHAOS: Final = "chaos"
DATABASES: Final = frozenset({"sqlite", "postgresql"})


class DoesNotApply(Exception):
    """The code that a patch changes does not occur, or occurs more than once."""


@dataclass(frozen=True)
class Part:
    """One change: the text of whole lines, and its replacement."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Test:
    """A test that must fail, and over which database."""

    __test__ = False

    database: str
    name: str


@dataclass(frozen=True)
class Sabotage:
    """A patch: what it breaks, what must notice it, and the changes."""

    name: str
    breaks: str
    tests: tuple[Test, ...]
    is_for_chaos: bool
    parts: tuple[Part, ...]

    def apply(self, root: Path) -> None:
        """Change the files below `root`. Raises DoesNotApply, and then nothing was changed."""
        for file, text in self.changed(root).items():
            (root / file).write_text(text, encoding="utf-8")

    def changed(self, root: Path) -> dict[str, str]:
        """Return the files that it changes, as they are afterwards. Raises DoesNotApply."""
        texts: dict[str, str] = {}
        for part in self.parts:
            if part.file not in texts and not (root / part.file).exists():
                raise DoesNotApply(f"Sabotage {self.name}: there is no file {part.file} any more.")
            text = texts.get(part.file) or (root / part.file).read_text(encoding="utf-8")
            times = f"\n{text}".count(f"\n{part.old}")
            if times != 1:
                raise DoesNotApply(
                    f"Sabotage {self.name}: these lines must stand exactly once in {part.file}, "
                    f"and do {times} times. Write the patch for the code as it is now, so that it "
                    f"still breaks this: {self.breaks}\n{part.old}"
                )
            texts[part.file] = f"\n{text}".replace(f"\n{part.old}", f"\n{part.new}").removeprefix(
                "\n"
            )
        return texts


def every() -> list[Sabotage]:
    """Return all sabotages, by name. Raises ValueError for one that cannot be read."""
    return [read(file) for file in sorted(FOLDER.glob("*.patch"))]


def read(file: Path) -> Sabotage:
    """Return the sabotage in a file. Raises ValueError."""
    head, _, body = file.read_text(encoding="utf-8").partition("\n\n")
    lines = [line.partition(": ")[::2] for line in head.replace("\n  ", " ").splitlines()]
    found = [value for name, value in lines if name == "Found by"]
    breaks = [value for name, value in lines if name == "Breaks"]
    parts = tuple(_parts(body))
    if len(breaks) != 1 or not found or not parts or len(lines) != 1 + len(found):
        raise ValueError(
            f"{file.name}: it takes one Breaks, some Found by, an empty line, and parts."
        )
    tests = tuple(_test(file, value) for value in found if value != CHAOS)
    return Sabotage(file.stem, breaks[0], tests, CHAOS in found, parts)


def _test(file: Path, value: str) -> Test:
    database, _, name = value.partition(" ")
    if database not in DATABASES or "::" not in name:
        raise ValueError(f"{file.name}: {value!r} is no database and test, and not {CHAOS!r}.")
    return Test(database, name)


def _parts(body: str) -> Iterator[Part]:
    file = ""
    for is_mark, group in groupby(body.splitlines(), lambda line: line[:3] in {"---", "@@"}):
        lines = list(group)
        if is_mark:
            named = [line[4:] for line in lines if line.startswith("--- ")]
            file = named[-1] if named else file
            continue
        yield Part(file, _side(lines, " -"), _side(lines, " +"))


def _side(lines: list[str], kept: str) -> str:
    """Return the lines of one side of a part; an empty line belongs to both."""
    return "".join(f"{line[1:]}\n" for line in lines if not line or line[0] in kept)
