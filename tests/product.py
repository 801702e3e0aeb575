"""The product as its users run it: in processes of its own, which may be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.servers import free_port
from workflows_app.engine.host import ports

ROOT: Final = Path(__file__).resolve().parent.parent
READY_SECONDS: Final = 60.0


class SilentDispatcher(ports.Dispatcher):
    """Wakes nobody: a process with it leaves every step to the product, which finds them itself."""

    def wake(self, steps: Sequence[object]) -> None:
        """Say nothing."""

    def drive(self, run: object, patience: float | None = None) -> bool:
        """Leave it to the product."""
        return False

    def abort(self, run: object) -> None:
        """Say nothing; the product looks each second."""


class Product:
    """One installation: a database, an environment, a port; up, killed and up again."""

    def __init__(self, database_url: str, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sign_in_link = ""
        self.log = log
        self._env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WORKFLOWS_")},
            "DATABASE_URL": database_url,
            "DJANGO_SECRET_KEY": "only-for-this-test",
            **(env or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def up(self, *options: str, most_bytes: int | None = None) -> None:
        """Start the product and wait until it says that it is up.

        `most_bytes`: no file that it writes may grow beyond, as on a disk that is full.
        """
        # A shell's background job ignores the interrupt, and so would what it starts.
        limit = ["env", "--default-signal=INT"]
        limit += [] if most_bytes is None else ["prlimit", f"--fsize={most_bytes}"]
        with self.log.open("ab") as log:
            seen = self.log.stat().st_size
            self._process = subprocess.Popen(
                [*limit, sys.executable, "manage.py", "up", "--port", str(self.port), *options],
                cwd=ROOT, env=self._env, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(lambda: "Press Ctrl+C" in self._said(seen), READY_SECONDS, self._said)
        lines = [line.strip() for line in self._said(seen).splitlines()]
        self.sign_in_link = next((line for line in lines if "/sign-in/" in line), "")

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process has used so far, in all its threads."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """Kill the process at once, in the middle of its work."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)

    def stop(self) -> int:
        """Ask the process to stop; return its exit code."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def python(self, code: str) -> Any:
        """Run code in another process beside the product; return what it prints, read as JSON."""
        program = f"import django, json; django.setup()\n{code}"
        env = {
            **self._env,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "WORKFLOWS_DISPATCHER": "tests.product.SilentDispatcher",
        }
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def _said(self, since: int = 0) -> str:
        return self.log.read_bytes()[since:].decode(errors="replace")


@contextmanager
def product(
    database_url: str, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Product]:
    """Give an installation that is stopped at the end, if it still runs."""
    made = Product(database_url, folder / "up.log", env)
    made.log.touch()
    try:
        yield made
    finally:
        made.stop()


class Workers:
    """Worker processes of a distributed installation: started, killed, stopped."""

    def __init__(
        self, database_url: str, redis_url: str, log: Path, env: Mapping[str, str]
    ) -> None:
        self.log = log
        self.log.touch()
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WORKFLOWS_")},
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "DJANGO_SECRET_KEY": "only-for-this-test",
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            **env,
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `manage.py` to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.env,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def start(self, *options: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start `manage.py worker` and wait until it is ready."""
        seen = self.log.stat().st_size
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", *options], cwd=ROOT,
                env={**self.env, **(env or {})}, stdout=log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        wait_until(lambda: b"is ready" in self.log.read_bytes()[seen:], READY_SECONDS, self.said)
        return process

    def web(self, port: int) -> subprocess.Popen[bytes]:
        """Start a web process and wait until it listens."""
        command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, "dashboard.asgi:application"], cwd=ROOT, env=self.env, stdout=log,
                stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        wait_until(lambda: _listens(port), READY_SECONDS, self.said)
        return process

    def python(self, code: str) -> Any:
        """Run code in another process of the installation; return what it prints, as JSON."""
        done = subprocess.run(
            [sys.executable, "-c", f"import django, json; django.setup()\n{code}"], cwd=ROOT,
            env=self.env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def stop(self) -> None:
        """Stop the processes that still run, or kill them if they do not stop."""
        alive = [process for process in self._processes if process.poll() is None]
        for process in alive:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
        for process in alive:
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()

    def said(self) -> str:
        """Return what the processes wrote."""
        return self.log.read_text(errors="replace")


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(1.0)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    holds: Callable[[], object], seconds: float, tell: Callable[[], object] = lambda: ""
) -> None:
    """Wait until a condition is true; after some seconds, fail with what `tell` returns."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"It did not come true in {seconds} s. {tell()}"
        time.sleep(0.05)
