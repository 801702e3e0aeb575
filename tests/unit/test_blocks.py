"""Every block of code in README and docs/ is run by a test, or says why not and is well-formed."""

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from typing import Final

import pytest
import yaml

from tests.documents import PAGES, ROOT, Block, blocks

#: Which test runs blocks of a language; a page that is not named has no such blocks to run.
RUN_BY: Final[Mapping[str, Mapping[str, str]]] = {
    "python": {"*": "tests/integration/test_examples.py"},
    "sh": {
        "docs/broker.md": "tests/integration/docs/test_commands.py",
        "docs/http.md": "tests/integration/api/test_on_a_server.py",
        "docs/install.md": "tests/integration/docs/test_projects.py",
        "docs/operating.md": "tests/integration/docs/test_commands.py",
        "docs/terminal.md": "tests/integration/docs/test_commands.py",
        "docs/tutorial.md": "tests/integration/docs/test_projects.py",
    },
    "js": {"docs/client-js.md": "tests/integration/api/client/test_on_node.py"},
    "json": {"docs/http.md": "tests/integration/api/test_on_a_server.py"},
    "sql": {"docs/operating.md": "tests/integration/docs/test_queries.py"},
    "mermaid": {"*": "the browser, when the site is read"},
}
READ: Final = [page for page in PAGES if page == "README.md" or page.startswith("docs/")]
BLOCKS: Final = [block for page in READ for block in blocks(page)]


def nginx(text: str) -> None:
    """Check that every line of a part of nginx's settings is one, and that braces match."""
    depth = 0
    for line in (line.strip() for line in text.splitlines() if line.strip()):
        assert re.fullmatch(r"[a-z_]+( [^;{}]+)?;|[a-z_]+( [^;{}]+)? \{|\}|#.*", line), line
        depth += line.endswith("{") - (line == "}")
        assert depth >= 0, line
    assert depth == 0


def shell(text: str) -> None:
    """Check the syntax of commands, without running them."""
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def script(text: str) -> None:
    """Check the syntax of a module for Node.js, where there is one."""
    if shutil.which("node"):
        command = ["node", "--input-type=module", "--check", "-"]
        subprocess.run(command, input=text, text=True, check=True)


def diagram(text: str) -> None:
    """Check that a drawing says of which kind it is."""
    assert text.startswith(("sequenceDiagram\n", "flowchart ", "stateDiagram"))


FORMS: Final[Mapping[str, Callable[[str], object]]] = {
    "python": ast.parse,
    "sh": shell,
    "js": script,
    "json": json.loads,
    "yaml": yaml.safe_load,
    "toml": tomllib.loads,
    "nginx": nginx,
    "mermaid": diagram,
    "sql": lambda text: text.endswith(";\n"),
}


def _name(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("block", BLOCKS, ids=_name)
def test_every_block_is_well_formed(block: Block) -> None:
    if block.language:
        FORMS[block.language](block.text)
    else:
        assert block.page == "docs/architecture.md"  # the layers, drawn with letters


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language], ids=_name)
def test_every_block_is_run_or_says_why_not(block: Block) -> None:
    if block.is_run:
        # A part of a file is run by the commands of its page.
        pages = RUN_BY.get("sh" if block.title else block.language, {})
        assert "*" in pages or block.page in pages
    else:
        assert len(block.comment.removeprefix("not run: ").split()) >= 3


def test_every_file_that_runs_blocks_exists() -> None:
    named = {path for pages in RUN_BY.values() for path in pages.values() if "/" in path}
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]
