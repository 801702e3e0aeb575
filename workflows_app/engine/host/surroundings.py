"""The surroundings of user code, which are restored after each call.

Each call runs in a copy of the context, so it has its own context variables, time zone and language
of Django, asgiref Locals and decimal context. The database connections of the thread are restored:
transactions left open are rolled back, with a warning that names the code. A connection that works
differently than before is closed, and the next use opens another. State of the whole process cannot
be restored: warnings filters, `locale.setlocale`, `os.umask`, the working directory and the
environment. Code that changes those changes them for all threads.
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

#: SQL that changes the connection for its next user.
_LASTING: Final = re.compile(
    r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
    r"(SET\s+(?!LOCAL|TRANSACTION|CONSTRAINTS)|RESET\s|DISCARD\s|PRAGMA\s+[\w.]+\s*[=(]|LISTEN\s"
    r"|PREPARE\s|DECLARE\s|ATTACH\s|LOAD\s|LOCK\s|CREATE\s+(LOCAL\s+|GLOBAL\s+)?TEMP)"
    r"|.*\b(set_config|pg_(try_)?advisory_lock)\w*\s*\(",
    re.IGNORECASE | re.DOTALL,
)
_WARNING: Final = "%s left %s. It was rolled back, and what was written in it is gone."
_CHANGED: Final = "%s changed how the connection to the database works. It was restored."
#: What the driver's connection turns its rows and text into.
_FACTORIES: Final = {
    "sqlite": ("row_factory", "text_factory"),
    "postgresql": ("row_factory", "cursor_factory"),
}
#: What an SQLite connection refers to besides its hooks: open cursors, statements.
_KEPT_THERE: Final = (list, type(functools.cache(str)))
#: Longer statements are not searched, because those that change the session are short.
_SEARCHED: Final = 500


class Watch:
    """Watches the SQL of user code, and notes whether it changes the session itself."""

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
        """Run the statement, and note whether it changes the session."""
        if not self.has_lasting and isinstance(sql, str) and _LASTING.match(sql[:_SEARCHED]):
            self.has_lasting = True
        return execute(sql, params, many, context)


class _State(NamedTuple):
    """The state of a connection before user code had it."""

    connection: Any
    #: How many `atomic` blocks were open.
    blocks: int
    #: Whether no transaction was open, and plain statements commit by themselves.
    is_plain: bool
    wrappers: int
    cursors: int
    watch: Watch
    #: How the driver's connection was set up; None: it was not open.
    ways: tuple[Any, ...] | None


def within(what: str, call: Callable[[], T]) -> T:
    """Return what `call` returns; run it in its own surroundings, and restore them.

    `what` names the user code in warnings. Costs microseconds if there is nothing to restore.
    """
    before = [_stand(connection) for connection in _connections()]
    try:
        return contextvars.copy_context().run(_with_decimals, call)
    finally:
        for state in before:
            _put_back(state, what)


def _with_decimals(call: Callable[[], T]) -> T:
    # A copied context holds the same decimal context object, which code changes in place.
    decimal.setcontext(decimal.getcontext().copy())
    return call()


def _connections() -> list[Any]:
    if len(connections.settings) == 1:
        return [connection_here()]
    return list(connections.all())


def _stand(connection: Any) -> _State:
    watch = Watch()
    wrappers = connection.execute_wrappers
    state = _State(
        connection,
        len(connection.atomic_blocks),
        connection.connection is None or _is_plain(connection),
        len(wrappers),
        getattr(connection, "_named_cursor_idx", 0),
        watch,
        _ways(connection),
    )
    wrappers.append(watch)
    return state


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
    """Return how the driver's connection is set up; None: it is not open.

    SQLite does not say which hooks a connection has, such as an authorizer that refuses statements,
    but the garbage collector knows what the connection refers to.
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


def _put_back(state: _State, what: str) -> None:
    connection = state.connection
    if (other := connections[connection.alias]) is not connection:
        logger.warning(_CHANGED, what)
        _replace(other, connection)
    del connection.execute_wrappers[state.wrappers :]
    is_whole = len(connection.atomic_blocks) == state.blocks
    if state.is_plain:
        if connection.connection is None:
            is_whole = is_whole and not connection.in_atomic_block
        else:
            is_whole = is_whole and _is_plain(connection)
    if not is_whole:
        logger.warning(_WARNING, what, _left(connection))
        _roll_back(connection, state)
    is_changed = _is_changed(state)
    if is_changed and state.ways is not None:
        logger.warning(_CHANGED, what)
    if state.is_plain:
        _tidy(connection, state, is_changed=is_changed)
    else:
        _repair(connection, state, is_changed=is_changed)


def _replace(other: Any, mine: Any) -> None:
    """Give the thread its own connection again, and close the one that replaced it."""
    connections[mine.alias] = mine
    if other._thread_ident == mine._thread_ident:  # noqa: SLF001 - otherwise another thread uses it
        discard(other)


def _is_changed(state: _State) -> bool:
    """Return whether the driver's connection is set up differently, or nobody knows how it was."""
    ways = _ways(state.connection)
    if state.ways is None:
        return ways is not None and state.connection is connection_here()
    return ways is not None and ways != state.ways


def _repair(connection: Any, state: _State, *, is_changed: bool) -> None:
    """Restore a connection whose transaction continues, and let it close when that has ended."""
    if state.watch.has_lasting:
        connection.close_at = 0  # by Django's clock, it is too old
    raw, ways = connection.connection, state.ways
    if not is_changed or ways is None:
        return
    if connection.vendor == "sqlite":
        raw.set_authorizer(None)
        raw.set_progress_handler(None, 0)
        raw.set_trace_callback(None)
    for name, value in zip(_FACTORIES.get(connection.vendor, ()), ways, strict=False):
        setattr(raw, name, value)


def _left(connection: Any) -> str:
    """Return in words what user code left open on a connection."""
    if connection.in_atomic_block or connection.atomic_blocks:
        return "a transaction open (an atomic block that was entered and never left)"
    if connection.autocommit is False:
        return "autocommit off"
    return "a transaction open, or a connection that cannot be used"


def _roll_back(connection: Any, state: _State) -> None:
    try:
        while len(connection.atomic_blocks) > state.blocks:
            left = RuntimeError("an atomic block was never left")
            connection.atomic_blocks[-1].__exit__(RuntimeError, left, None)
        if not state.is_plain:
            return
        if connection.in_atomic_block:
            discard(connection)
        elif connection.connection is not None:
            connection.rollback()
            connection.set_autocommit(connection.settings_dict["AUTOCOMMIT"])
            if not _is_idle(connection):
                discard(connection)
    except Exception:  # noqa: BLE001 - whatever it is, nobody may use this connection
        discard(connection)


def _tidy(connection: Any, state: _State, *, is_changed: bool) -> None:
    """Leave no session settings and no cursors for the next user of the connection."""
    if is_changed or state.watch.has_lasting:
        discard(connection)
    elif getattr(connection, "_named_cursor_idx", 0) != state.cursors:
        _close_cursors(connection)
    elif connection.errors_occurred or connection is not connection_here():
        # Also connections that a step opened to another database, so that no thread keeps them.
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
    """Close a connection whatever its state, without returning it to a pool.

    The next use opens another.
    """
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
    """The one thread that runs `sync_to_async` for one async call, as the ORM uses it.

    asgiref's own thread is shared by the whole process, where calls would share a transaction.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._watch = Watch()
        self.is_used = False
        #: It starts its thread when it is first needed.
        self.executor = ThreadPoolExecutor(1, "signalbox-async-orm", self._begin)

    def _begin(self) -> None:
        self.is_used = True
        for connection in connections.all():
            connection.execute_wrappers.append(self._watch)

    def end(self) -> None:
        """Roll back and return the thread's connections. Called in that thread."""
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
