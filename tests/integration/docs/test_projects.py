"""The pages that begin with an empty folder: their reader installs the wheel and has it running."""

import os
import re
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.docs import shell
from tests.product import ROOT
from tests.servers import free_port

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]

pytestmark = [
    pytest.mark.sqlite_only,  # a project has a database of its own
    pytest.mark.skipif(
        PROJECT != "django-signalbox", reason="the wheel of the pages is not built here yet"
    ),
]
#: What a reader of install.md has before: a project with a person and a place to sign in.
BEFORE = """
python3 -m venv .venv
source .venv/bin/activate
django-admin startproject mysite .
echo 'LOGIN_URL = "admin:login"' >>mysite/settings.py
python manage.py migrate --verbosity 0
export DJANGO_SUPERUSER_PASSWORD=tutorial
python manage.py createsuperuser --noinput --username admin --email admin@example.org
"""
#: What a reader does in the browser: signs in, and looks at the runs.
LOOK = """
here=$(grep -o 'http://127.0.0.1:[0-9]*' up.log | head -n 1)
page="$here/admin/login/?next=/ops/runs/"
token=$(curl -sSf -c cookies "$page" | grep -o 'csrfmiddlewaretoken" value="[^"]*' | cut -d'"' -f3)
form="csrfmiddlewaretoken=$token&username=admin&password=tutorial"
curl -sSf -L -c cookies -b cookies -d "$form" "$page" >runs.html
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which pip finds the wheel of this checkout and, installed, all it needs."""
    wheels = tmp_path_factory.mktemp("wheels")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WORKFLOWS_", "DJANGO_"))}
    for name in ("DATABASE_URL", "REDIS_URL", "PYTHONPATH"):
        kept.pop(name, None)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(wheels)]
    shell.run(" ".join([*build, str(ROOT)]), wheels, kept)
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }


def on(port: int) -> Callable[[str], str]:
    """Return what lets the server of a page listen on another port."""
    return lambda text: re.sub(r"(?m)manage\.py up$", f"manage.py up --port {port}", text)


def test_the_tutorial_goes_from_nothing_to_an_approved_run(
    env: dict[str, str], tmp_path: Path
) -> None:
    said = shell.run(shell.as_script("docs/tutorial.md", on(free_port())) + LOOK, tmp_path, env)
    assert "charged 900 for o2" in said
    assert ">o2<" in (tmp_path / "runs.html").read_text()


def test_what_is_installed_in_a_project_works(env: dict[str, str], tmp_path: Path) -> None:
    script = shell.as_script("docs/install.md", on(free_port()))
    said = shell.run(BEFORE + script + LOOK, tmp_path, env)
    assert "Successfully installed django-signalbox" in said
    assert "Runs" in (tmp_path / "runs.html").read_text()
