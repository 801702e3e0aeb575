"""One wheel, and an environment for each pair of Python and Django that this machine has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import QUIET
from tests.host import projects
from tests.host.projects import Installed

#: The oldest pair that is supported, and the newest that can be had.
PAIRS: Final = {"oldest": ("3.11", "django~=5.2.0"), "newest": ("3.13", "django")}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return projects.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session", params=sorted(PAIRS))
def installed(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    """An environment with the wheel, and with packages that some projects have as well."""
    version, django = PAIRS[request.param]
    python = projects.python_of(version)
    if python is None:
        pytest.skip(f"There is no Python {version} here")
    folder = tmp_path_factory.mktemp(request.param) / "venv"
    return projects.install(folder, python, django, built, "gunicorn", "django-unfold")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of the machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "There is no Chromium here; on Debian: apt install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()
