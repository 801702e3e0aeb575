"""The public client itself, as npm gives it, against a running server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests import product as products
from tests.product import ROOT, Product

#: The client that the wire is measured by.
CLIENT: Final = "@mastra/client-js@1.47.0"
PAGE: Final = ROOT / "docs" / "client-js.md"
SCRIPT: Final = Path(__file__).with_name("round.mjs")
NEEDED: Final = ("node", "npm")


def _missing() -> str:
    lacking = [name for name in NEEDED if shutil.which(name) is None]
    return f"{' and '.join(lacking)} of Node.js missing" if lacking else ""


#: In CI it is run whatever is missing, and fails then.
pytestmark = [
    pytest.mark.skipif(bool(_missing()) and not os.environ.get("CI"), reason=_missing()),
    pytest.mark.sqlite_only,  # its installation has a database of its own
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the client in it, as anybody installs it."""
    made: Path = tmp_path_factory.mktemp("node")
    (made / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    npm = ["npm", "install", CLIENT, "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(npm, cwd=made, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    shutil.copy(SCRIPT, made)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Product]:
    """One running installation with the workflows of `flows`."""
    kept = tmp_path_factory.mktemp("server")
    url = f"sqlite:///{kept / 'signalbox.sqlite3'}"
    modules = "tests.integration.api.client.flows,tests.integration.api.orders"
    env = {"WORKFLOWS_MODULES": modules, "WORKFLOWS_API_RATE": "off"}
    with products.product(url, kept, env) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def token(server: Product) -> str:
    """A token of the installation's first person."""
    made = subprocess.run(
        [sys.executable, "manage.py", "token", "admin"], cwd=ROOT, env=server._env,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return made.stdout.splitlines()[-1]


def node(folder: Path, script: str, *arguments: str, **env: str) -> str:
    """Run a script beside the client to its end; return what it prints."""
    done = subprocess.run(
        ["node", script, *arguments], cwd=folder, env={**os.environ, **env}, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    return done.stdout


def test_the_client_goes_its_whole_round(folder: Path, server: Product, token: str) -> None:
    said = node(folder, SCRIPT.name, server.address, token)
    assert said.count("ok ") == SCRIPT.read_text().count("\n  async "), said


def test_the_examples_of_the_page_run(folder: Path, server: Product, token: str) -> None:
    blocks = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    text = "\n".join(blocks).replace("http://127.0.0.1:8000", server.address)
    (folder / "page.mjs").write_text(text)
    said = node(folder, "page.mjs", TOKEN=token)
    assert "charged 700 for o-1" in said
    assert "workflow-finish" in said
