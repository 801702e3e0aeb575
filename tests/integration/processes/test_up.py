"""`manage.py up` as a person at a terminal meets it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests.product import ROOT, Product, product, wait_until
from tests.servers import free_port

SLOW_SECONDS = 120
SLOW = f"""
import os
import time
from pathlib import Path
from workflows_app import Workflow, step

@step
def sleep_on(marks: str) -> str:
    Path(marks, str(os.getpid())).touch()
    time.sleep({SLOW_SECONDS})
    return marks

Workflow("slow", input=str).then(sleep_on).commit()
"""
INTERRUPTED_EARLY = """
import os
import signal
import sys

if "up" in sys.argv:
    from daphne import server  # chooses the reactor
    from twisted.internet import reactor

    reactor.addSystemEventTrigger("before", "startup", os.kill, os.getpid(), signal.SIGINT)
"""
SIGN_IN = """
from django.contrib.auth.models import User
from django.utils import timezone
User.objects.update(last_login=timezone.now())
"""

pytestmark = pytest.mark.sqlite_only  # starts a database of its own


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Product]:
    """An installation on SQLite that makes its own secret key."""
    (tmp_path / "slow_workflows.py").write_text(SLOW)
    env = {
        "DJANGO_SECRET_KEY": "",
        "PYTHONPATH": str(tmp_path),
        "WORKFLOWS_MODULES": "slow_workflows",
    }
    with product(f"sqlite:///{tmp_path / 'up.sqlite3'}", tmp_path, env) as made:
        yield made


def _refused(*options: str, **environment: str) -> str:
    """Run `up` where it must refuse; return what it says."""
    done = subprocess.run(
        [sys.executable, "manage.py", "up", *options], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_in_use_is_reported_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        said = _refused("--port", str(port), DATABASE_URL=f"sqlite:///{tmp_path / 'a.sqlite3'}")

    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said
    assert not (tmp_path / "a.sqlite3").exists()


def test_a_database_that_does_not_answer_is_reported_with_the_way_out() -> None:
    nowhere = f"postgresql://me@127.0.0.1:{free_port()}/runs?connect_timeout=1"

    said = _refused("--port", str(free_port()), DATABASE_URL=nowhere)

    assert "The database does not answer" in said
    assert "DATABASE_URL" in said


def test_the_key_is_kept_and_the_link_is_shown_until_somebody_has_signed_in(
    installed: Product, tmp_path: Path
) -> None:
    installed.up()
    assert installed.sign_in_link.startswith(f"{installed.address}/sign-in/")
    kept = (tmp_path / "up.secret-key").read_text()
    answer: HTTPResponse
    with urllib.request.urlopen(installed.sign_in_link, timeout=20) as answer:
        assert "Sign in as admin" in answer.read().decode()
    installed.python(SIGN_IN)
    assert installed.stop() == 0

    installed.up()

    assert installed.sign_in_link == ""
    assert (tmp_path / "up.secret-key").read_text() == kept


def test_it_leaves_soon_after_a_signal_though_a_step_goes_on(
    installed: Product, tmp_path: Path
) -> None:
    installed.up()
    installed.python(
        "from workflows_app import get_workflow\n"
        f"get_workflow('slow').create_run('r').start({str(tmp_path)!r}, wait=False)"
    )
    assert installed._process is not None
    ran = tmp_path / str(installed._process.pid)
    wait_until(ran.exists, 20, installed.log.read_text)
    asked = time.monotonic()

    assert installed.stop() == 0

    assert time.monotonic() - asked < 15
    assert "Stopping" in installed.log.read_text()


def test_an_interrupt_from_the_keyboard_is_a_way_out_too(installed: Product) -> None:
    installed.up()
    assert installed._process is not None

    installed._process.send_signal(signal.SIGINT)

    assert installed._process.wait(timeout=15) == 0
    assert "Traceback" not in installed.log.read_text()


def test_an_interrupt_just_before_it_is_up_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "interrupted_early.py").write_text(INTERRUPTED_EARLY)
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'early.sqlite3'}",
        "PYTHONPATH": str(tmp_path),
        "WORKFLOWS_MODULES": "interrupted_early",
    }

    done = subprocess.run(
        ["env", "--default-signal=INT", sys.executable, "manage.py", "up", "--port",
         str(free_port())],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Stopping" in done.stdout
    assert "Traceback" not in done.stderr
