"""What user code finds around it and what it leaves behind: everything is put back afterwards.

Each call runs in a copy of the context, so that context variables, Django's time zone and language,
asgiref's Locals and the decimal context are its own. The database connections of the thread are
given back as they were: transactions left open are rolled back, with a warning that says by whom.
A connection that works in another way than before is closed, and the next use opens another.

What belongs to the whole process is out of reach: warnings filters, `locale.setlocale`, `os.umask`,
the working directory and the environment. Code that changes those changes them for all threads.
"""

import contextlib
import contextvars
import decimal
import functools
import gc
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from django.db import Error, connections

from workflows_app.models.sqltext import connection_here

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: What psycopg calls a connection on which no transaction is open.
_IDLE: Final = 0

#: SQL after which a connection would not be the same for whoever has it next.
_LASTING: Final = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
    r"(SET\s+(?!LOCAL|TRANSACTION|CONSTRAINTS)|RESET\s|DISCARD\s|PRAGMA\s+[\w.]+\s*[=(]|LISTEN\s"
    r"|PREPARE\s|DECLARE\s|ATTACH\s|LOAD\s|LOCK\s|CREATE\s+(LOCAL\s+|GLOBAL\s+)?TEMP)"
    r"|.*\b(set_config|pg_(try_)?advisory_lock)\w*\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_WARNING: Final = "%s left %s. It was rolled back, and what was written in it is gone."
_CHANGED: Final = "%s changed how the connection to the database works. It was restored."
#: What the driver's connection makes of what it reads.
_FACTORIES: Final = {
    "sqlite": ("row_factory", "text_factory"),
    "postgresql": ("row_factory", "cursor_factory"),
}
#: What a connection of SQLite holds besides what is hooked into it: open cursors, statements.
_KEPT_THERE: Final = (list, type(functools.cache(str)))
#: Longer statements are not searched: what lasts is short.
_SEARCHED: Final = 500


class Watch:
    """Sees the SQL that user code sends, and notes whether it changes the session itself."""

    __slots__ = ("has_lasting",)

    def __init__(self) -> None:
        self.has_lasting = False

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,  # noqa: FBT001 - Django's signature
        context: Any,
    ) -> Any:
        """Let the statement pass."""
        if not self.has_lasting and isinstance(sql, str) and _LASTING.match(sql[:_SEARCHED]):
            self.has_lasting = True
        return execute(sql, params, many, context)


class _Standing(NamedTuple):
    """A connection before user code had it."""

    connection: Any
    #: How many `atomic` blocks were open.
    blocks: int
    #: Whether no transaction was open, and none is opened by a plain statement.
    is_plain: bool
    wrappers: int
    cursors: int
    watch: Watch
    #: How the driver's connection worked; None: it was not open.
    ways: tuple[Any, ...] | None


def within(what: str, call: Callable[[], T]) -> T:
    """Return what `call` returns; run it in surroundings of its own and put them back.

    `what` names the user code in warnings. Costs microseconds where there is nothing to put back.
    """
    before = [_stand(connection) for connection in _connections()]
    try:
        return contextvars.copy_context().run(_with_decimals, call)
    finally:
        for standing in before:
            _put_back(standing, what)


def _with_decimals(call: Callable[[], T]) -> T:
    # The copy of a context holds the same decimal context, which is changed in place.
    decimal.setcontext(decimal.getcontext().copy())
    return call()


def _connections() -> list[Any]:
    if len(connections.settings) == 1:
        return [connection_here()]
    return list(connections.all())


def _stand(connection: Any) -> _Standing:
    watch = Watch()
    wrappers = connection.execute_wrappers
    standing = _Standing(
        connection,
        len(connection.atomic_blocks),
        connection.connection is None or _is_plain(connection),
        len(wrappers),
        getattr(connection, "_named_cursor_idx", 0),
        watch,
        _ways(connection),
    )
    wrappers.append(watch)
    return standing


def _is_plain(connection: Any) -> bool:
    is_open = connection.in_atomic_block or connection.autocommit is False
    return not is_open and _is_idle(connection)


def _is_idle(connection: Any) -> bool:
    """Return whether the server has no transaction open; False for a closed connection, too."""
    raw = connection.connection
    if connection.vendor == "postgresql":
        return bool(raw.pgconn.transaction_status == _IDLE)
    if connection.vendor == "sqlite":
        try:
            return not raw.in_transaction
        except Error:
            return False
        except Exception:  # noqa: BLE001 - the driver's own error for a closed connection
            return False
    return True


def _ways(connection: Any) -> tuple[Any, ...] | None:
    """Return what tells how the driver's connection works; None: it is not open.

    SQLite does not tell what is hooked into a connection, such as an authorizer that refuses
    statements; but the garbage collector knows what a connection refers to.
    """
    raw = connection.connection
    if raw is None:
        return None
    if connection.vendor == "postgresql":
        return (raw.row_factory, raw.cursor_factory, raw.autocommit)
    if connection.vendor == "sqlite":
        hooked = [each for each in gc.get_referents(raw) if not isinstance(each, _KEPT_THERE)]
        try:
            return (raw.row_factory, raw.text_factory, raw.isolation_level, *hooked)
        except Exception:  # noqa: BLE001 - the driver's own error for a closed connection
            return None
    return ()


def _put_back(standing: _Standing, what: str) -> None:
    connection = standing.connection
    if (other := connections[connection.alias]) is not connection:
        logger.warning(_CHANGED, what)
        _replace(other, connection)
    del connection.execute_wrappers[standing.wrappers :]
    is_whole = len(connection.atomic_blocks) == standing.blocks
    if standing.is_plain:
        if connection.connection is None:
            is_whole = is_whole and not connection.in_atomic_block
        else:
            is_whole = is_whole and _is_plain(connection)
    if not is_whole:
        logger.warning(_WARNING, what, _left(connection))
        _roll_back(connection, standing)
    is_changed = _is_changed(standing)
    if is_changed and standing.ways is not None:
        logger.warning(_CHANGED, what)
    if standing.is_plain:
        _tidy(connection, standing, is_changed=is_changed)
    else:
        _repair(connection, standing, is_changed=is_changed)


def _replace(other: Any, mine: Any) -> None:
    """Give the thread the connection again that it had; close the one in its place."""
    connections[mine.alias] = mine
    if other._thread_ident == mine._thread_ident:  # noqa: SLF001 - else it is used elsewhere
        discard(other)


def _is_changed(standing: _Standing) -> bool:
    """Return whether the driver's connection works otherwise, or nobody knows how it did."""
    ways = _ways(standing.connection)
    if standing.ways is None:
        return ways is not None and standing.connection is connection_here()
    return ways is not None and ways != standing.ways


def _repair(connection: Any, standing: _Standing, *, is_changed: bool) -> None:
    """Let a connection whose transaction goes on work as before; what lasts ends with that."""
    if standing.watch.has_lasting:
        connection.close_at = 0  # by Django's clock: it is too old
    raw, ways = connection.connection, standing.ways
    if not is_changed or ways is None:
        return
    if connection.vendor == "sqlite":
        raw.set_authorizer(None)
        raw.set_progress_handler(None, 0)
        raw.set_trace_callback(None)
    for name, value in zip(_FACTORIES.get(connection.vendor, ()), ways, strict=False):
        setattr(raw, name, value)


def _left(connection: Any) -> str:
    """Return what user code has left of a connection, in words."""
    if connection.in_atomic_block or connection.atomic_blocks:
        return "a transaction open (an atomic block that was entered and never left)"
    if connection.autocommit is False:
        return "autocommit off"
    return "a transaction open, or a connection that cannot be used"


def _roll_back(connection: Any, standing: _Standing) -> None:
    try:
        while len(connection.atomic_blocks) > standing.blocks:
            left = RuntimeError("an atomic block was never left")
            connection.atomic_blocks[-1].__exit__(RuntimeError, left, None)
        if not standing.is_plain:
            return
        if connection.in_atomic_block:
            discard(connection)
        elif connection.connection is not None:
            connection.rollback()
            connection.set_autocommit(connection.settings_dict["AUTOCOMMIT"])
            if not _is_idle(connection):
                discard(connection)
    except Exception:  # noqa: BLE001 - whatever it is, nobody may get this connection
        discard(connection)


def _tidy(connection: Any, standing: _Standing, *, is_changed: bool) -> None:
    """Leave no settings of the session and no cursors to whoever has the connection next."""
    if is_changed or standing.watch.has_lasting:
        discard(connection)
    elif getattr(connection, "_named_cursor_idx", 0) != standing.cursors:
        _close_cursors(connection)
    elif connection.errors_occurred or connection is not connection_here():
        # Also what a step opened to another database: no thread keeps that for ever.
        connection.close_if_unusable_or_obsolete()


def _close_cursors(connection: Any) -> None:
    if connection.connection is None:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("CLOSE ALL")
    except Error:
        discard(connection)


def discard(connection: Any) -> None:
    """Close a connection whatever its state, also past a pool; the next use opens another."""
    raw = connection.connection
    connection.in_atomic_block = connection.closed_in_transaction = False
    connection.needs_rollback = False
    connection.savepoint_ids, connection.atomic_blocks = [], []
    connection.run_on_commit = []
    with contextlib.suppress(Exception):
        if raw is not None and connection.vendor == "postgresql":
            raw.close()  # a pool takes no closed connection back
        elif raw is not None:
            raw.rollback()
    with contextlib.suppress(Exception):
        connection.close()
    connection.connection = None if connection.vendor == "postgresql" else connection.connection


class Aside:
    """The one thread in which an async call does what `sync_to_async` runs for it, as the ORM does.

    asgiref's own is shared by the whole process: there one call's transaction would be another's.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._watch = Watch()
        self.is_used = False
        #: Makes its thread when that is needed first.
        self.executor = ThreadPoolExecutor(1, "signalbox-async-orm", self._begin)

    def _begin(self) -> None:
        self.is_used = True
        for connection in connections.all():
            connection.execute_wrappers.append(self._watch)

    def end(self) -> None:
        """Give the thread's connections back, rolled back. Called in that thread."""
        for connection in connections.all(initialized_only=True):
            if connection.connection is None:
                continue
            is_plain = _is_plain(connection)
            if not is_plain:
                logger.warning(_WARNING, self._what, _left(connection))
            if is_plain and not self._watch.has_lasting:
                connection.close()
            else:
                discard(connection)
