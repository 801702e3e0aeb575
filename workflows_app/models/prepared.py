"""The cursor of the hot path: on PostgreSQL, statements that each connection prepares once.

psycopg's own cursor sends a statement through a generator and a waiting loop in Python, which takes
as long as PostgreSQL needs for a small statement. Here libpq itself sends and waits, without the
interpreter's lock; psycopg still converts the values.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Self, cast
from weakref import WeakKeyDictionary, ref

import psycopg
from psycopg import errors
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.numeric import Int8Dumper

#: The number of statements that one connection keeps prepared.
MOST: Final = 200

#: What identifies a statement: its text, and the types of its values.
_Key = tuple[str, tuple[int, ...]]


class _Names(dict[_Key, bytes]):
    """The statements that a connection has prepared. A name is used once, even after an error."""

    def __init__(self, context: _Context) -> None:
        super().__init__()
        self.next = itertools.count()
        self.context = context


class _Context:
    """How values are converted for our statements; the host's own conversions are left alone."""

    def __init__(self, raw: psycopg.Connection[Any], *, is_utc: bool) -> None:
        self._raw = ref(raw)
        self.adapters = AdaptersMap(raw.adapters)
        # One type for every integer: a statement is prepared once for each combination of types.
        self.adapters.register_dumper(int, Int8Dumper)
        if is_utc:
            self.adapters.register_loader("timestamptz", Instants)

    @property
    def connection(self) -> psycopg.Connection[Any] | None:
        """The connection; a weak reference, so that this object does not keep it alive."""
        return self._raw()


_names: Final[WeakKeyDictionary[Any, _Names]] = WeakKeyDictionary()


def cursor(connection: Any) -> AbstractContextManager[Any]:
    """Return a cursor; on PostgreSQL one whose statements are prepared on the server.

    There, placeholders are numbered (`$1`), and every statement is one of a few that are written
    once.
    """
    if connection.vendor != "postgresql":
        is_watched = connection.execute_wrappers or connection.queries_logged
        found: AbstractContextManager[Any] = (
            connection.cursor() if is_watched else DirectCursor(connection)
        )
        return found
    if connection.connection is None:
        connection.ensure_connection()
    connection.validate_no_broken_transaction()
    raw = connection.connection
    names = _names.get(raw)
    if names is None:
        names = _names[raw] = _Names(_Context(raw, is_utc=connection.timezone is UTC))
    return PreparedCursor(raw, names, connection)


class DirectCursor:
    """SQLite's own cursor, which keeps statements prepared; Django's first rewrites each."""

    def __init__(self, wrapper: Any) -> None:
        if wrapper.connection is None:
            wrapper.ensure_connection()
        wrapper.validate_no_broken_transaction()
        self._wrapper = wrapper
        self._cursor = wrapper.connection.cursor(sqlite3.Cursor)
        self.fetchone = self._cursor.fetchone
        self.fetchall = self._cursor.fetchall

    def __enter__(self) -> Self:
        self._wrapper.wrap_database_errors.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._cursor.close()
        self._wrapper.wrap_database_errors.__exit__(*raised)

    def execute(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Run a statement whose placeholders are `%s`, as in Django's cursors, or `:name`."""
        self._cursor.execute(_with_marks(query), values)

    @property
    def rowcount(self) -> int:
        """How many rows the last statement wrote."""
        count: int = self._cursor.rowcount
        return count


@cache
def _with_marks(query: str) -> str:
    return query.replace("%s", "?").replace("%%", "%")


class Instants(TimestamptzLoader):
    """Reads times of a session in UTC; psycopg's own loader is in Python and ten times slower."""

    #: Django looks here for the time zone of what it reads.
    timezone = UTC

    def load(self, data: Any) -> datetime:
        """Return the time. Raises DataError for a time that Python cannot represent."""
        try:
            return datetime.fromisoformat(bytes(data).decode())
        except ValueError:
            return super().load(data).replace(tzinfo=UTC)


class PreparedCursor:
    """The methods `execute`, `fetchone`, `fetchall` and `rowcount` of a cursor, and no others."""

    def __init__(self, raw: psycopg.Connection[Any], names: _Names, wrapper: Any) -> None:
        self._raw = raw
        self._names = names
        self._wrapper = wrapper
        self._rows: list[tuple[Any, ...]] = []
        self.rowcount = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows = []

    def execute(self, query: str, values: Sequence[Any] = ()) -> None:
        """Run a statement. Raises Django's exception if the database refuses it."""
        with self._wrapper.wrap_database_errors:
            if not self._is_direct():
                self._execute_plainly(query, values)
                return
            try:
                self._execute(query, values)
            except errors.InvalidSqlStatementName:
                # Somebody told the server to forget all statements: DISCARD ALL, DEALLOCATE ALL.
                self._names.clear()
                if not self._raw.autocommit:
                    raise  # the transaction is lost, too
                self._execute(query, values)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows of the last statement."""
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first row of the last statement, or None."""
        return self._rows[0] if self._rows else None

    def _is_direct(self) -> bool:
        """Return whether only the statement is to be sent, without a BEGIN before it."""
        pgconn = self._raw.pgconn
        if pgconn.status != ConnStatus.OK:
            return False
        return self._raw.autocommit or pgconn.transaction_status == TransactionStatus.INTRANS

    def _execute(self, query: str, values: Sequence[Any]) -> None:
        raw = self._raw
        convert = Transformer(cast("Any", self._names.context))
        # None means NULL; psycopg's stubs do not allow it in `exec_prepared`.
        given = cast("Any", convert.dump_sequence(values, [PyFormat.AUTO] * len(values)))
        key = (query, tuple(convert.types or ()))
        with raw.lock:
            name = self._names.get(key)
            if name is None and len(self._names) < MOST:
                name = b"signalbox_%d" % next(self._names.next)
                self._checked(raw.pgconn.prepare(name, query.encode(), key[1]))
                self._names[key] = name
            if name is None:
                result = raw.pgconn.exec_params(query.encode(), given, key[1], convert.formats)
            else:
                result = raw.pgconn.exec_prepared(name, given, convert.formats)
            self._checked(result)
        self.rowcount = result.command_tuples or 0
        self._rows = []
        if result.status == ExecStatus.TUPLES_OK:
            convert.set_pgresult(result)
            self._rows = convert.load_rows(0, result.ntuples, tuple)

    def _checked(self, result: Any) -> Any:
        if result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
            return result
        pgconn = self._raw.pgconn
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError(pgconn.get_error_message())
        raise errors.error_from_result(result, encoding=self._raw.info.encoding)

    def _execute_plainly(self, query: str, values: Sequence[Any]) -> None:
        with psycopg.RawCursor(self._raw) as plain:
            plain.adapters.register_dumper(int, Int8Dumper)
            plain.execute(query, values)
            self.rowcount = plain.rowcount
            self._rows = [] if plain.description is None else plain.fetchall()
