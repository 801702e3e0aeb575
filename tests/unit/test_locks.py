"""The locks name every package that is needed, on every platform, so installing resolves nothing.

`pip check` looks at neither extras nor other platforms; this does, from the packages' own words.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: What each lock is made for: the project, and these extras of it.
LOCKS = {
    "requirements.lock": ("product",),
    "requirements-dev.lock": ("product", "dev", "browser"),
}
PYTHONS = ("3.11.0", "3.11.7", "3.12.1", "3.13.0", "3.14.0")
PLATFORMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))


@dataclass(frozen=True)
class Pin:
    """One package of a lock: its exact version, where it is meant for, and its files."""

    version: Version
    marker: Marker | None
    hashes: int


def _environments() -> list[dict[str, str]]:
    here = {name: str(value) for name, value in default_environment().items()}
    return [
        here
        | {
            "python_full_version": full,
            "python_version": full.rpartition(".")[0],
            "implementation_version": full,
            "sys_platform": system,
            "platform_system": name,
            "os_name": os_name,
        }
        for full, (system, name, os_name) in product(PYTHONS, PLATFORMS)
    ]


ENVIRONMENTS = _environments()


def pins(text: str) -> dict[str, list[Pin]]:
    """Return what a lock pins, by package."""
    found: dict[str, list[Pin]] = {}
    for entry in re.split(r"\n(?=[a-zA-Z])", text.replace(" \\\n", " ")):
        if entry.startswith("#"):
            continue
        wanted, *hashes = re.split(r"\s+--hash=", entry.strip())
        requirement = Requirement(wanted)
        (only,) = requirement.specifier
        assert only.operator == "=="
        pin = Pin(Version(only.version), requirement.marker, len(hashes))
        found.setdefault(canonicalize_name(requirement.name), []).append(pin)
    return found


def asked(extras: tuple[str, ...]) -> list[Requirement]:
    """Return what the project itself asks for."""
    named = [*PROJECT["dependencies"]]
    for extra in extras:
        named += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in named]


def problems(
    lock: dict[str, list[Pin]], wanted: list[Requirement], environment: dict[str, str]
) -> tuple[set[str], set[str]]:
    """Return the packages that are reached in this environment, and what the lock does not meet."""
    reached: set[str] = set()
    wrong: set[str] = set()
    seen: set[str] = set()
    queue = list(wanted)
    while queue:
        requirement = queue.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        pin = next((p for p in lock.get(name, ()) if _applies(p.marker, environment)), None)
        if pin is None or not requirement.specifier.contains(pin.version, prereleases=True):
            wrong.add(f"{requirement} has {pin.version if pin else 'no pin'} in the lock")
            continue
        reached.add(name)
        queue += _needed_by(name, requirement.extras, environment)
    return reached, wrong


def _needed_by(name: str, extras: set[str], environment: dict[str, str]) -> Iterator[Requirement]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # for other platforms than this one
    for line in lines:
        requirement = Requirement(line)
        marker = requirement.marker
        if any(_applies(marker, environment | {"extra": extra}) for extra in ("", *extras)):
            requirement.marker = None
            yield requirement


def _applies(marker: Marker | None, environment: dict[str, str]) -> bool:
    return marker is None or marker.evaluate({"extra": "", **environment})


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_meets_every_requirement_of_every_package_on_every_platform(file: str) -> None:
    lock = pins((ROOT / file).read_text())
    wanted = asked(LOCKS[file])

    wrong = {line for where in ENVIRONMENTS for line in problems(lock, wanted, where)[1]}

    assert not wrong


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_names_nothing_that_nobody_needs(file: str) -> None:
    lock = pins((ROOT / file).read_text())
    everywhere = [*ENVIRONMENTS, *(e | _PYPY for e in ENVIRONMENTS)]

    reached = {
        name for where in everywhere for name in problems(lock, asked(LOCKS[file]), where)[0]
    }

    assert set(lock) == reached


_PYPY = {"implementation_name": "pypy", "platform_python_implementation": "PyPy"}


@pytest.mark.parametrize("file", LOCKS)
def test_every_package_of_a_lock_is_held_by_hashes(file: str) -> None:
    lock = pins((ROOT / file).read_text())

    assert [name for name, held in lock.items() if not all(pin.hashes for pin in held)] == []


def test_both_locks_pin_the_same_versions() -> None:
    run, dev = (pins((ROOT / file).read_text()) for file in LOCKS)

    differing = {
        name
        for name, held in run.items()
        if {(p.version, str(p.marker)) for p in held}
        != {(p.version, str(p.marker)) for p in dev.get(name, ())}
    }

    assert not differing


def test_an_extra_that_the_lock_leaves_out_is_found() -> None:
    lock = pins((ROOT / "requirements.lock").read_text())
    del lock["pyopenssl"]  # daphne asks for twisted[tls], which asks for it

    _, wrong = problems(lock, asked(()), ENVIRONMENTS[0])

    assert any(line.startswith("pyopenssl") for line in wrong)
