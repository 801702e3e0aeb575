"""What a person at a terminal reads when a command cannot begin: one sentence with the way out."""

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.management import database_words
from tests.product import ROOT
from tests.servers import free_port

pytestmark = pytest.mark.sqlite_only  # starts databases of its own


def _said(*command: str, **environment: str) -> str:
    """Run a command of `manage.py` that must be refused; return what it says."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("WORKFLOWS_")}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT,
        env={**plain, "DJANGO_SECRET_KEY": "only-for-this-test", **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3
    return done.stderr


@pytest.mark.parametrize("port", ["99999", "0", "-1"])
def test_a_port_that_no_machine_has_is_refused(port: str) -> None:
    assert "from 1 to 65535" in _said("up", f"--port={port}")


def test_a_taken_port_is_refused_before_django_is_imported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "manage.py", "up", "--port", port], cwd=ROOT,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert " django" not in done.stderr


@pytest.mark.parametrize("command", ["up", "worker", "migrate"])
@pytest.mark.parametrize(
    "url", ["localhost:6379", "localhost", "http://localhost:6379", "redis://localhost:99999"]
)
def test_a_redis_url_that_cannot_be_read_is_refused(command: str, url: str) -> None:
    said = _said(command, REDIS_URL=url)

    assert "REDIS_URL cannot be read" in said
    assert "redis://" in said


@pytest.mark.parametrize(
    "command", ["migrate", "worker", "prune --older-than=1d", "showmigrations"]
)
def test_a_database_that_is_down_is_named_at_once_in_its_own_words(command: str) -> None:
    said = _said(
        *command.split(),
        DATABASE_URL=f"postgres://me@127.0.0.1:{free_port()}/runs",
        REDIS_URL="redis://127.0.0.1:6379/0",
    )

    assert "Connection refused" in said
    assert "DATABASE_URL" in said
    assert "couldn't get a connection" not in said


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("DATABASE_URL", "localhost:5432/runs", "DATABASE_URL cannot be read"),
        ("DATABASE_URL", "postgres://host:99999/runs", "DATABASE_URL cannot be read"),
        ("DJANGO_DEBUG", "maybe", "DJANGO_DEBUG is 'maybe'"),
        ("WORKFLOWS_LEASE_SECONDS", "abc", "WORKFLOWS_LEASE_SECONDS is 'abc'"),
        ("WORKFLOWS_MODULES", "shop.nowhere", "WORKFLOWS_MODULES names 'shop.nowhere'"),
        ("DJANGO_ALLOWED_HOSTS", "https://flows.example.org", "without a scheme"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(variable: str, value: str, word: str) -> None:
    assert word in _said("up", f"--port={free_port()}", **{variable: value})


def test_what_a_module_of_workflows_raises_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken_flows.py").write_text("import a_module_that_nobody_has\n")
    done = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(free_port())], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "WORKFLOWS_MODULES": "broken_flows"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "broken_flows.py" in done.stderr


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes, and not a database at all.\n" * 50)

    said = _said("up", f"--port={free_port()}", DATABASE_URL=f"sqlite:///{file}")

    assert f"{file} is not an SQLite database" in said
    assert "my notes" in file.read_text()


def test_a_folder_that_is_missing_and_cannot_be_made_is_named() -> None:
    said = _said("migrate", DATABASE_URL="sqlite:////proc/nowhere/a.sqlite3")

    assert "/proc/nowhere" in said
    assert "writable" in said


def test_a_folder_in_place_of_the_database_file_is_named(tmp_path: Path) -> None:
    said = _said("up", f"--port={free_port()}", DATABASE_URL=f"sqlite:///{tmp_path}")

    assert f"{tmp_path} cannot be opened" in said


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        ["prlimit", "--fsize=40000", sys.executable, "manage.py", "migrate"], cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'full.sqlite3'}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no room" in done.stderr or "cannot be written" in done.stderr


def test_tables_that_are_missing_are_answered_with_migrate(tmp_path: Path) -> None:
    said = _said("prune", "--older-than=1d", DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    assert "manage.py migrate" in said


def _as_nobody(*command: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who may not write what root made."""
    nobody = pwd.getpwnam("nobody")
    is_root = os.getuid() == 0
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False,
        user=nobody.pw_uid if is_root else None, group=nobody.pw_gid if is_root else None,
    )  # fmt: skip


def _reaches(python: str) -> bool:
    env = {"PATH": os.environ["PATH"]}
    try:
        return _as_nobody(python, "-c", "", env=env, cwd=Path("/")).returncode == 0
    except PermissionError:
        return False


needs_python = pytest.mark.skipif(
    not _reaches("/usr/bin/python3"), reason="the user nobody has no Python here"
)


def _checkout(folder: Path) -> Path:
    """Make a folder with the Makefile and the locks, which everybody may read and nobody write."""
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, folder / name)
        (folder / name).chmod(0o444)
    for above in (folder, *folder.parents):
        if above.owner() == folder.owner() and above != Path("/tmp"):
            above.chmod(0o555 if above == folder else above.stat().st_mode | 0o555)
    return folder


@needs_python
def test_a_checkout_that_cannot_be_written_is_named_as_such(tmp_path: Path) -> None:
    checkout = _checkout(tmp_path / "checkout")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    done = _as_nobody("make", "setup", "PYTHON=/usr/bin/python3", env=env, cwd=checkout)
    checkout.chmod(0o755)

    assert done.returncode != 0
    assert f"{checkout} cannot be written" in done.stdout + done.stderr
    assert "python3-venv" not in done.stdout + done.stderr


def test_a_file_that_may_only_be_read_is_named(tmp_path: Path) -> None:
    """SQLite's own words are those of a file system that is mounted read-only."""

    file = tmp_path / "a.sqlite3"
    sqlite3.connect(file).close()
    with (
        pytest.raises(sqlite3.OperationalError) as refused,
        sqlite3.connect(f"file:{file}?mode=ro", uri=True) as reader,
    ):
        reader.execute("CREATE TABLE a (b)")

    said = database_words.sentence(refused.value, {"NAME": str(file)})

    assert f"{file} cannot be written" in said
