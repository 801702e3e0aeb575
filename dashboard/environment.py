"""What the settings take from the environment: the database, the secret key, the hosts.

It is read once, while `dashboard.settings` is imported, so it must not import Django's apps or
ours.
"""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})

# Run on every new SQLite connection. In WAL mode NORMAL cannot corrupt the file; only a power cut
# (not a crash of the process) may lose the last commits.
_PRAGMAS: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"

# Worker threads, requests and live pages each hold a connection while they work and then give it
# back. If the pool were smaller than all of them together, one could starve the others.
#: A server that no longer answers is noticed within half a minute instead of after hours.
_LIFELINES: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # The same on the server: a worker whose machine is gone must not keep its locks.
    "options": "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}
_POOL: Final = {"min_size": 0, "max_size": 64, "timeout": 20.0, "max_idle": 60.0}


def flag(environment: Mapping[str, str], name: str) -> bool:
    """Return the boolean in variable `name`; unset and empty mean False.

    Raises ImproperlyConfigured for a word that means neither yes nor no.
    """
    word = environment.get(name, "").strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {word!r}; it must be 1 or 0 (or be left out, for 0).")


def words(environment: Mapping[str, str], name: str) -> list[str]:
    """Return the comma-separated words in variable `name`, without blanks."""
    return [word for part in environment.get(name, "").split(",") if (word := part.strip())]


def optional_flag(environment: Mapping[str, str], name: str) -> bool | None:
    """Return the boolean in variable `name`; unset and empty mean None: nobody has said.

    Raises ImproperlyConfigured for a word that is neither yes nor no.
    """
    return flag(environment, name) if environment.get(name, "").strip() else None


def choice(environment: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """Return which of `words` variable `name` says; the first where it says nothing.

    Raises ImproperlyConfigured for any other word.
    """
    word = environment.get(name, "").strip().lower() or words[0]
    if word not in words:
        raise ImproperlyConfigured(f"{name} is {word!r}; it must be one of {', '.join(words)}.")
    return word


def networks(environment: Mapping[str, str], name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the addresses and networks in variable `name`, which are separated by commas.

    Raises ImproperlyConfigured for what is neither.
    """
    try:
        return tuple(ip_network(word, strict=False) for word in words(environment, name))
    except ValueError as refusal:
        raise ImproperlyConfigured(
            f"{name} cannot be read: {refusal}. Give addresses or networks, separated by commas: "
            "10.0.0.7, 10.1.0.0/16."
        ) from refusal


def database(environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return Django's description of the database that DATABASE_URL names.

    Without one it is an SQLite file in `folder`. Raises ImproperlyConfigured for a URL that names
    no database this product runs on.
    """
    url = environment.get("DATABASE_URL", "").strip()
    if not url:
        return _sqlite({"ENGINE": "django.db.backends.sqlite3"}, folder / "signalbox.sqlite3")
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=0))
    except ValueError as refusal:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {refusal}") from refusal
    match parsed["ENGINE"]:
        case "django.db.backends.sqlite3":
            return _sqlite(parsed, _file(str(parsed["NAME"])))
        case "django.db.backends.postgresql":
            return _postgresql(parsed)
        case engine:
            raise ImproperlyConfigured(
                f"DATABASE_URL names the engine {engine}; Signalbox runs on SQLite and PostgreSQL. "
                "Give sqlite:///path/to/file or postgresql://user:password@host:5432/name."
            )


def redis_url(environment: Mapping[str, str]) -> str:
    """Return REDIS_URL, or an empty string if it is not set.

    Raises ImproperlyConfigured for a URL that names no server.
    """
    url = environment.get("REDIS_URL", "").strip()
    if not url:
        return ""
    from redis.connection import parse_url  # noqa: PLC0415  # only where there is a Redis

    try:
        parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError as refusal:
        raise ImproperlyConfigured(
            f"REDIS_URL cannot be read: {refusal}. Give redis://host:6379/0, rediss://… for TLS, "
            "or unix://path/to/socket."
        ) from refusal
    return url


def hosts(environment: Mapping[str, str]) -> list[str]:
    """Return the hosts to answer to: those of this machine, and DJANGO_ALLOWED_HOSTS.

    Raises ImproperlyConfigured for text that is not a host name, because Django would then answer
    to nobody.
    """
    named = words(environment, "DJANGO_ALLOWED_HOSTS")
    if wrong := [host for host in named if "/" in host]:
        raise ImproperlyConfigured(
            f"DJANGO_ALLOWED_HOSTS names {wrong[0]!r}; give host names without a scheme and "
            "without a path: flows.example.org."
        )
    return [*LOCAL_HOSTS, *named]


def key_file(described: Mapping[str, Any], folder: Path) -> Path:
    """Return the path of the secret key: beside the SQLite file, or else in `folder`.

    It is named after the database, so that two databases in one folder do not share a key.
    """
    if described["ENGINE"] == "django.db.backends.sqlite3":
        return Path(described["NAME"]).with_suffix(".secret-key")
    return folder / "signalbox.secret-key"


def secret_key(environment: Mapping[str, str], execution: str, file: Path) -> str:
    """Return DJANGO_SECRET_KEY, or the key kept in `file`, which the first call creates.

    Raises ImproperlyConfigured in distributed mode if the variable is not set, because all
    processes must share the key.
    """
    if key := environment.get("DJANGO_SECRET_KEY", ""):
        return key
    if execution == "distributed":
        raise ImproperlyConfigured(
            "DJANGO_SECRET_KEY is not set. In the distributed mode every process must have the "
            "same key. Make one with `openssl rand -base64 48` and set it for all of them."
        )
    try:
        return _kept(file)
    except OSError as refusal:
        raise ImproperlyConfigured(
            f"No secret key can be kept in {file}: {refusal.strerror}. "
            "Make its folder writable, or set DJANGO_SECRET_KEY."
        ) from refusal


def trusted_origins(hosts: list[str]) -> list[str]:
    """Return the HTTPS origins of `hosts`; forms are accepted from them behind a TLS proxy."""
    named = (host for host in hosts if host not in (*LOCAL_HOSTS, "*"))
    return [f"https://{'*' if host.startswith('.') else ''}{host}" for host in named]


def _file(name: str) -> Path:
    """Return the path of the SQLite file that a URL names.

    Raises ImproperlyConfigured for a database in memory, which other threads cannot see.
    """
    if name in ("", ":memory:"):
        raise ImproperlyConfigured(
            "DATABASE_URL names an SQLite database in memory, which worker threads cannot see. "
            "Give it a file: sqlite:///path/to/file."
        )
    return Path(name).expanduser().absolute()


def _sqlite(parsed: dict[str, Any], file: Path) -> dict[str, Any]:
    """Complete the settings of an SQLite database, which several threads write to in turn."""
    options = {
        # Only a transaction that takes the write lock at its start waits for the timeout: one that
        # reads first and then writes fails at once if another wrote in between.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": _PRAGMAS,
    }
    # A file, because worker threads must reach the test database too; one for each process, because
    # two test runs may share a folder.
    test = {"NAME": str(file.with_name(f"test-{os.getpid()}.sqlite3"))}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise ImproperlyConfigured(
            f"The database cannot be kept in {file.parent}: {refusal.strerror}. Make that folder "
            "writable, or name another file with DATABASE_URL (sqlite:///path/to/file)."
        ) from refusal
    return {
        **parsed,
        "NAME": str(file),
        "OPTIONS": options | parsed.get("OPTIONS", {}),
        "TEST": test,
    }


def _postgresql(parsed: dict[str, Any]) -> dict[str, Any]:
    """Complete the settings of a PostgreSQL database: connections come from a pool."""
    options = {"pool": dict(_POOL), "application_name": "signalbox", **_LIFELINES}
    return {
        **parsed,
        "OPTIONS": options | parsed.get("OPTIONS", {}),
        "CONN_MAX_AGE": 0,  # the pool keeps connections open by itself and allows no other value
        "CONN_HEALTH_CHECKS": True,  # the pool replaces a dead connection instead of handing it out
    }


def _kept(file: Path) -> str:
    """Return the key in `file`; if there is no such file, create it, completely or not at all."""
    if not file.exists():
        _make(file)
    if key := file.read_text(encoding="ascii").strip():
        return key
    raise ImproperlyConfigured(
        f"{file} is empty but keeps the secret key; delete it for a new one."
    )


def _make(file: Path) -> None:
    """Write a new key to `file` unless another process was faster."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".secret-key-")  # mode 0600
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(50) + "\n")
        # A link appears with its whole content, and only for the first of two processes.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
