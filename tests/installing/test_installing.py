"""A fresh clone installs with any pip, whatever was published since its locks were made.

Everything that the locks name is downloaded once, with a newer release of every package beside it.
The Makefile installs from that index only, with the pip of each installed Python, with Debian 12's
and with the newest. Needs a network for the downloads, so it is not a part of `make test`.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.product import ROOT
from tests.unit.test_locks import LOCKS, pins

#: Older than any that the locks were made with, and Debian 12's.
PIPS: Final = ("23.0.1", "23.2.1")
PYTHONS: Final = ("3.11", "3.12", "3.13")
NEWER: Final = "99999"


def _python(version: str) -> str | None:
    """Return a Python of this version, if the machine has one."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return str(sys._base_executable)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [str(each) for each in sorted((pyenv / "versions").glob(f"{version}.*/bin/python"))]
    on_path = shutil.which(f"python{version}")
    return found[-1] if found else on_path if on_path and _does_run(on_path) else None


def _does_run(python: str) -> bool:
    """Return whether a command is a Python, because pyenv's shims may not be one."""
    asked = [python, "-c", "pass"]
    return subprocess.run(asked, check=False, capture_output=True, timeout=60).returncode == 0


AT_HAND: Final = {version: _python(version) for version in PYTHONS}


def _run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, check=False, timeout=900,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout


def _newer(folder: Path, name: str) -> None:
    """Make a newer release of a package: a wheel with nothing in it but its name."""
    stem = f"{name.replace('-', '_')}-{NEWER}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {f"{stem}.dist-info/METADATA": metadata, f"{stem}.dist-info/WHEEL": wheel}
    record = ""
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as made:
        for path, text in files.items():
            made.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            record += f"{path},sha256={digest.decode()},{len(text)}\n"
        made.writestr(f"{stem}.dist-info/RECORD", f"{record}{stem}.dist-info/RECORD,,\n")


@pytest.fixture(scope="session")
def pips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pips to install with: some old ones, and the newest there is."""
    folder = tmp_path_factory.mktemp("pips")
    found: dict[str, Path] = {}
    for wanted in (*(f"pip=={version}" for version in PIPS), "pip"):
        code, said = _run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted,
            "--dest", folder / wanted,
        )  # fmt: skip
        assert code == 0, said
        (wheel,) = (folder / wanted).glob("pip-*.whl")
        found[wheel.name.split("-")[1]] = wheel
    return found


@pytest.fixture(scope="session", params=[v for v in PYTHONS if AT_HAND[v]])
def later(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A Python, and a future index with a newer release of every package."""
    python = AT_HAND[request.param]
    assert python is not None
    folder = tmp_path_factory.mktemp(f"index-{request.param}")
    for file in LOCKS:
        code, said = _run(
            python, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", "--requirement", file, "--dest", folder,
        )  # fmt: skip
        assert code == 0, said
        for name in pins((ROOT / file).read_text()):
            _newer(folder, name)
    return python, folder


def _only(index: Path) -> dict[str, str]:
    """Return the environment in which pip knows only this index, and no network."""
    return {
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index),
        "PIP_NO_CACHE_DIR": "1", "PIP_NO_COMPILE": "1", "MAKEFLAGS": "",
    }  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What installing needs of a fresh clone."""
    for name in ("Makefile", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_python_that_is_named_is_tried_or_said_to_be_missing() -> None:
    missing = [version for version, found in AT_HAND.items() if found is None]
    if missing:
        pytest.skip(f"There is no Python {', '.join(missing)} on this machine.")


def test_the_locks_install_with_every_pip_and_again_without_an_index(
    later: tuple[str, Path], pips: dict[str, Path], clone: Path
) -> None:
    python, index = later
    environment = {**_only(index), "PYTHON": python}

    code, said = _run("make", "setup", cwd=clone, **environment)  # with the pip it came with
    assert code == 0, said

    (clone / "requirements-dev.lock").touch()  # as a checkout does
    code, said = _run("make", "setup", cwd=clone, **{**environment, "PIP_FIND_LINKS": ""})
    assert code == 0, said

    for version in _fitting(python, pips):
        code, said = _run(
            clone / ".venv/bin/python", "-m", "pip", "install", "--quiet", pips[version],
            cwd=clone, **environment,
        )  # fmt: skip
        assert code == 0, said
        as_if_new = {"PIP_DRY_RUN": "1", "PIP_IGNORE_INSTALLED": "1"}
        for stamp in (".venv/.run", ".venv/.dev"):
            (clone / stamp).unlink()
            code, said = _run("make", stamp, cwd=clone, **environment, **as_if_new)
            assert code == 0, said


def _fitting(python: str, pips: dict[str, Path]) -> list[str]:
    """Return the pips to try on this Python: Debian 12's and that of 3.11 run on no later one."""
    return [version for version in pips if version not in PIPS or python == AT_HAND["3.11"]]


def test_the_index_is_a_trap_for_a_pip_that_resolves(later: tuple[str, Path], clone: Path) -> None:
    """Without `--no-deps` an old pip looks for `twisted[tls]` itself, and finds the newer one."""
    python, index = later
    if python != AT_HAND["3.11"]:
        pytest.skip("Later Pythons come with a pip that finds the pin by itself.")
    environment = {**_only(index), "PYTHON": python}
    assert _run("make", ".venv/bin/python", cwd=clone, **environment)[0] == 0

    code, said = _run(
        clone / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--require-hashes",
        "--requirement", "requirements.lock", cwd=clone, **environment,
    )  # fmt: skip

    assert code != 0, said
    assert "twisted" in said


def test_a_pip_that_fails_says_what_to_do_and_its_last_lines(
    later: tuple[str, Path], clone: Path
) -> None:
    lock = clone / "requirements.lock"
    lock.write_text(lock.read_text().replace("asgiref==", "asgiref==7777."))
    python, index = later

    code, said = _run("make", ".venv/.run", cwd=clone, PYTHON=python, **_only(index))

    assert code != 0
    assert "No matching distribution found for asgiref==7777." in said
    assert "Check the network" in said
    assert not (clone / ".venv/.run").exists()
