"""A Django project as somebody else has it: by `startproject`, with Signalbox from the wheel.

It has a `dashboard` and a `worker` of its own, people who sign in by e-mail and have a UUID, a door
of its own, German, and everything of ours below `/ops/`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.product import ROOT, wait_until
from tests.servers import free_port

READY_SECONDS: Final = 60.0
PASSWORD: Final = "only-for-this-test"
EMAIL: Final = "ana@example.org"

_PEOPLE: Final = """
import uuid

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models


class People(BaseUserManager):
    def create_superuser(self, email, password=None, **fields):
        person = self.model(email=email, is_staff=True, is_superuser=True, **fields)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    username = None
    email = models.EmailField(unique=True)
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = People()
"""
_WORKFLOWS: Final = '''
from pydantic import BaseModel

from workflows_app import StepContext, Workflow, step


class Order(BaseModel):
    id: str
    total: float


class Decision(BaseModel):
    approved: bool


@step(resume=Decision)
def approve(order: Order, ctx: StepContext) -> Order:
    """Ask a person."""
    if ctx.resume_data is None:
        ctx.suspend({"reason": f"order {order.id}"})
    return order


@step
def charge(order: Order) -> str:
    return f"charged {order.id}"


orders = Workflow("orders", input=Order).then(approve).then(charge).commit()
'''
_SETTINGS: Final = """
INSTALLED_APPS += ["people", "dashboard", "worker"]
AUTH_USER_MODEL = "people.Person"
LOGIN_URL = "door"
LOGIN_REDIRECT_URL = "/"
LANGUAGE_CODE = "de"
USE_THOUSAND_SEPARATOR = True
DEBUG = False
STATIC_URL = "/assets/"
STATIC_ROOT = BASE_DIR / "collected"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]

INSTALLED_APPS += ["workflows_app", "signalbox.dashboard", "signalbox.worker"]
MIDDLEWARE += ["signalbox.dashboard.middleware.SignalboxMiddleware"]

import json, os
for _name, _value in json.loads(os.environ.get("HOST_SETTINGS", "{}")).items():
    _before = globals().get(_name[1:])
    globals()[_name.lstrip("+")] = [*_value, *_before] if _name[0] == "+" else _value
"""
_URLS: Final = """
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("", lambda request: HttpResponse("the host's own page"), name="home"),
    path("runs/", lambda request: HttpResponse("the host's runs"), name="runs"),
    path("door/", LoginView.as_view(template_name="door.html"), name="door"),
    path("admin/", admin.site.urls),
    path("ops/", include("signalbox.dashboard.urls")),
]
"""
_ASGI: Final = """
import os

from django.core.asgi import get_asgi_application
from signalbox.dashboard.asgi import websockets

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = websockets(get_asgi_application())
"""
_OWN: Final = "OWNER = 'the host'"
_DOOR: Final = '<form method="post">{% csrf_token %}{{ form }}<button>Anmelden</button></form>'


@dataclass
class Installed:
    """An environment in which the wheel was installed, without the repository."""

    python: Path
    django: str

    def run(
        self, *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program to its end, and return what it said."""
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(env or {})}
        return subprocess.run(
            [self.python, *command], cwd=cwd, env=kept, capture_output=True, text=True,
            timeout=300, check=False,
        )  # fmt: skip


def wheel(folder: Path) -> Path:
    """Build the wheel into a folder, and return its file."""
    _said([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)])
    (made,) = folder.glob("django_signalbox-*.whl")
    return made


def install(folder: Path, python: str, django: str, built: Path, *more: str) -> Installed:
    """Return a new environment with the wheel and this Django (`django~=5.2.0`)."""
    _said([python, "-m", "venv", str(folder)])
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
    ]
    _said([*pip, str(built), django, *more])
    return Installed(folder / "bin" / "python", django)


def _said(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Project:
    """One project in a folder of its own."""

    def __init__(
        self, installed: Installed, folder: Path, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.installed = installed
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.env = {"HOST_SETTINGS": json.dumps(settings or {})}
        folder.mkdir()
        done = installed.run("-m", "django", "startproject", "shop", str(folder), cwd=folder)
        assert done.returncode == 0, done.stderr
        self._write()

    def _write(self) -> None:
        settings = self.folder / "shop" / "settings.py"
        settings.write_text(settings.read_text() + _SETTINGS)
        (self.folder / "shop" / "urls.py").write_text(_URLS)
        (self.folder / "shop" / "asgi.py").write_text(_ASGI)
        files = {
            "people/__init__.py": "", "people/models.py": _PEOPLE,
            "people/migrations/__init__.py": "", "people/workflows.py": _WORKFLOWS,
            "people/templates/door.html": _DOOR,
            "dashboard/__init__.py": _OWN, "worker/__init__.py": _OWN,
            "dashboard/templates/dashboard/base.html": "the host's base",
            "dashboard/templates/404.html": "the host's page for what is not there",
            "dashboard/static/dashboard/run.css": "/* the host's */",
        }  # fmt: skip
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py`; return what it said on both ways."""
        done = self.installed.run("manage.py", *arguments, cwd=self.folder, env=self.env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def prepare(self) -> None:
        """Make the tables and a person."""
        self.manage("makemigrations", "people", "-v", "0")
        self.manage("migrate", "-v", "0")
        person = "from people.models import Person; "
        person += f"Person.objects.create_superuser({EMAIL!r}, {PASSWORD!r})"
        self.manage("shell", "-c", person)

    def python(self, program: str) -> None:
        """Run a program in the project, after Django is set up; it fails by itself."""
        start = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n"
        text = start + "django.setup()\n" + program
        done = self.installed.run("-W", "ignore", "-c", text, cwd=self.folder, env=self.env)
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def serving(self, *command: str, until: str) -> Iterator[None]:
        """Run a server until the end of the block; it is ready once it says `until`."""
        log = self.folder / "server.log"
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **self.env}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self.installed.python, "-u", *command], cwd=self.folder, env=kept,
                stdout=out, stderr=out,
            )  # fmt: skip
        try:
            wait_until(lambda: until in log.read_text(), READY_SECONDS, log.read_text)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def python_of(version: str) -> str | None:
    """Return a Python of this version, as `3.13`; None where the machine has none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return str(sys._base_executable)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted((pyenv / "versions").glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else None
