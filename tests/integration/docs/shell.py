"""Running a page as its reader does: its files are written and its commands run, in its order."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.documents import Block, blocks
from tests.product import ROOT

DATABASE: Final = "signalbox.sqlite3"
#: A command may end with 3, which says that a run is suspended.
_HEAD: Final = """
set -uo pipefail
trap 'code=$?; if [ "$code" != 3 ]; then exit "$code"; fi' ERR
trap 'trap - ERR; kill $(jobs -p) 2>/dev/null; wait' EXIT
"""
#: How a server of a page says that it is up.
_WAITING: Final = """
for _ in $(seq 240); do grep -q 'Press Ctrl+C' up.log && break; sleep 0.25; done
grep -q 'Press Ctrl+C' up.log || { cat up.log; exit 1; }
"""


def as_script(page: str, change: Callable[[str], str] = str) -> str:
    """Return what a page does as one script of bash; `change` rewrites its commands."""
    return _HEAD + "\n".join(_lines(block, change) for block in blocks(page) if block.is_run)


def _lines(block: Block, change: Callable[[str], str]) -> str:
    if block.title:
        return f"cat >> {block.title} <<'END OF FILE'\n\n{block.text}\nEND OF FILE\n"
    if block.language != "sh":
        return ""
    said = f"echo '== {block.page}:{block.line}'\n"
    if block.comment == "stays up":
        return f"{said}{change(block.text).strip()} >up.log 2>&1 &\n{_WAITING}"
    return said + change(block.text)


def run(script: str, folder: Path, env: Mapping[str, str]) -> str:
    """Run a script of bash in a folder to its end; return what it printed."""
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def of_the_checkout(folder: Path) -> dict[str, str]:
    """Return an environment in which `python manage.py` is that of the checkout, run in a folder.

    It has a database of its own, and the workflow that the pages speak of.
    """
    programs = folder / "programs"
    programs.mkdir()
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (folder / "manage.py").symlink_to(ROOT / "manage.py")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WORKFLOWS_", "DJANGO_"))}
    return {
        **kept,
        "PATH": f"{programs}:{kept['PATH']}",
        "PYTHONPATH": f"{ROOT}:{folder}",
        "DATABASE_URL": f"sqlite:///{folder / DATABASE}",
        "DJANGO_SECRET_KEY": "only-for-this-test",
        "WORKFLOWS_MODULES": "tests.integration.api.orders",
    }
