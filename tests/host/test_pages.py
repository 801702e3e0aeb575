"""The pages in projects of many kinds, without a browser: `visit.py` says what is looked at."""

from pathlib import Path
from typing import Any, Final

import pytest

from tests.host.projects import Installed, Project

VISIT: Final = Path(__file__).with_name("visit.py").read_text()
KINDS: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "unfold": {"+INSTALLED_APPS": ["unfold"]},
    "manifest": {
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {
                "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
            },
        },
    },
    "below a prefix": {"FORCE_SCRIPT_NAME": "/shop"},
    "atomic": {
        "DATABASES": {
            "default": {
                "ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3",
                "ATOMIC_REQUESTS": True,
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
            },
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_work_and_the_project_stays_as_it_was(
    installed: Installed, tmp_path: Path, kind: str
) -> None:
    project = Project(installed, tmp_path / "shop", KINDS[kind])
    project.prepare()
    if kind == "manifest":
        project.manage("collectstatic", "--no-input", "-v", "0")

    project.python(VISIT)


CHOICE: Final = """
from django.contrib.auth import get_user_model
from django.test import Client

# There is no French, so the language of the project stands in.
for accepted, runs in {"de": "Läufe", "en": "Runs", "fr": "Läufe"}.items():
    visitor = Client(headers={"host": "127.0.0.1", "accept-language": accepted})
    visitor.force_login(get_user_model().objects.get())
    page = visitor.get("/ops/runs/")
    assert page.headers["Content-Language"] == accepted, page.headers
    assert f"{runs}</a>" in page.content.decode(), accepted
    assert visitor.get("/").content == b"the host's own page"
"""


def test_the_projects_middleware_chooses_the_language(installed: Installed, tmp_path: Path) -> None:
    locale = "django.middleware.locale.LocaleMiddleware"
    project = Project(installed, tmp_path / "shop", {"+MIDDLEWARE": [locale]})
    project.prepare()

    project.python(CHOICE)


def test_the_checks_say_what_is_missing(installed: Installed, tmp_path: Path) -> None:
    project = Project(installed, tmp_path / "shop")
    project.prepare()
    assert "workflows_app.E" not in project.manage("check")
    said = project.manage("signalbox_check")
    assert "orders" in said
    assert "migrated" in said

    settings = project.folder / "shop" / "settings.py"
    whole = settings.read_text()
    settings.write_text(
        whole + '\nMIDDLEWARE.remove("signalbox.dashboard.middleware.SignalboxMiddleware")\n'
        'INSTALLED_APPS.remove("signalbox.worker")\nLOGIN_URL = "/no/door/"\n'
    )
    (project.folder / "shop" / "asgi.py").write_text("application = None\n")
    done = installed.run("manage.py", "check", cwd=project.folder, env=project.env)

    assert done.returncode == 1
    for known in ("E004", "E005", "W004"):
        assert f"workflows_app.{known}" in done.stderr
    assert "workflows_app.W003" not in done.stderr  # people then sign in at the admin's door
    assert done.stderr.count("HINT:") >= 3
