"""Why the database cannot be used, in one sentence with the cause and what to do.

It only covers reaching and writing the database, not errors in somebody's SQL.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from django.db import connections
from django.db.backends.base.base import NO_DB_ALIAS
from psycopg_pool import PoolTimeout

from workflows_app import conf

_ELSEWHERE: Final = "or name another file with DATABASE_URL (sqlite:///path/to/file)"
#: What each of SQLite's result codes means for the file; longer names begin with the shorter ones.
_SQLITE: Final = {
    "SQLITE_READONLY": "cannot be written. Make it and its folder writable, {elsewhere}",
    "SQLITE_PERM": "may not be used. Make it and its folder writable, {elsewhere}",
    "SQLITE_CANTOPEN": "cannot be opened. Create its folder and make it writable, {elsewhere}",
    "SQLITE_FULL": "has no room left on its disk. Free some, {elsewhere}",
    "SQLITE_IOERR": "cannot be written: the disk failed. Check whether it is full, {elsewhere}",
    "SQLITE_NOTADB": "is not an SQLite database. Move it away, {elsewhere}",
    "SQLITE_CORRUPT": "is damaged. Restore it from a backup, {elsewhere}",
    "SQLITE_BUSY": "is locked by another program. Stop that program, {elsewhere}",
    "SQLITE_LOCKED": "is locked by another program. Stop that program, {elsewhere}",
}
_MIGRATE: Final = "The database has no tables yet: run `python manage.py migrate` first."
#: PostgreSQL's SQLSTATEs, by what to do about them.
_NO_TABLE: Final = "42P01"
_DISK_FULL: Final = "53100"
_READ_ONLY: Final = "25006"


def sentence(error: BaseException, described: Mapping[str, Any]) -> str:
    """Return why the database that Django's settings describe cannot be used.

    Empty if the error says nothing of that kind.
    """
    cause = error if isinstance(error, sqlite3.Error | psycopg.Error) else error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause, str(described["NAME"]))
    if isinstance(cause, psycopg.Error):
        return _of_postgresql(cause)
    return ""


def connect_once() -> None:
    """Connect once without the pool, which retries for long and hides the server's own message.

    Raises what Django raises if the database cannot be reached.
    """
    probe = connections[conf.get("DATABASE")].copy(alias=NO_DB_ALIAS)
    try:
        probe.ensure_connection()
    finally:
        probe.close()


def _of_sqlite(cause: sqlite3.Error, file: str) -> str:
    if str(cause).startswith("no such table"):
        return _MIGRATE
    name = getattr(cause, "sqlite_errorname", "")
    for kind, words in _SQLITE.items():
        if name == kind or name.startswith(f"{kind}_"):
            return f"The database file {file} {words.format(elsewhere=_ELSEWHERE)} ({cause})."
    return ""


def _of_postgresql(cause: psycopg.Error) -> str:
    if isinstance(cause, PoolTimeout):
        return _behind_the_pool(cause)
    if cause.sqlstate == _NO_TABLE:
        return _MIGRATE
    said = " ".join(str(cause).split())
    if cause.sqlstate == _DISK_FULL:
        return f"The database server has no room left on its disk: {said}. Free some there."
    if cause.sqlstate == _READ_ONLY:
        return f"The database accepts no writes: {said}. Name the primary server in DATABASE_URL."
    if not isinstance(cause, psycopg.OperationalError):
        return ""
    return (
        f"The database does not answer: {said}. Start it or correct DATABASE_URL; without "
        "DATABASE_URL everything is kept in an SQLite file."
    )


def _behind_the_pool(timeout: PoolTimeout) -> str:
    """Connect again without the pool, to get the server's own message."""
    try:
        connect_once()
    except Exception as error:  # noqa: BLE001 - whatever it is, its words are what is wanted
        cause = error.__cause__
        if isinstance(cause, psycopg.Error):
            return _of_postgresql(cause)
    return f"The database gave no connection in time: {timeout}. Check its max_connections."
