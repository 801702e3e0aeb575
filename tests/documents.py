"""The documents of the repository, for the tests that hold them to the code."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).resolve().parents[1]
#: The pages by their path from the root, in the order in which people meet them.
PAGES: Final = [
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    "tests/benchmarks/README.md",
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
]
_COMMENT: Final = re.compile(r"<!-- (.*) -->")
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One block of code in a page."""

    page: str
    #: The number of its first line.
    line: int
    language: str
    text: str
    #: The file that the block is a part of, if its title names one.
    title: str
    #: The comment right before it: `not run: REASON` or `stays up`.
    comment: str

    @property
    def is_run(self) -> bool:
        """Whether a reader, and so a test, can run it."""
        return not self.comment.startswith("not run: ")


def text(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """Return the blocks of code in a page, in order."""
    found = []
    before = ""
    for token in MarkdownIt().parse(text(page)):
        if token.type == "fence" and token.map is not None:
            language, _, more = token.info.partition(" ")
            title = _TITLE.search(more)
            found.append(
                Block(
                    page, token.map[0] + 1, language, token.content,
                    title.group(1) if title else "", before,
                )
            )  # fmt: skip
        comment = token.type == "html_block" and re.fullmatch(
            r"<!-- (.*) -->", token.content.strip()
        )
        before = comment.group(1) if comment else ""
    return found


def examples(page: str) -> list[str]:
    """Return the Python of a page that is run where it stands: what is not a part of a file."""
    return [
        block.text
        for block in blocks(page)
        if block.language == "python" and block.is_run and not block.title
    ]
