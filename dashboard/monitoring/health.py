"""Whether this process answers (`/healthz`), and whether it can work (`/readyz`).

Anybody may ask, so messages name no host, no user and no address, and what was found is kept for
a moment: asking again and again costs the database nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from django.db import Error

from workflows_app import conf, routers
from workflows_app.engine.host import vitals
from workflows_app.models.sqltext import connection_here

from ..status import redis_server

#: Seconds for which what was found is kept.
KEPT: Final = 1.0
#: The same of migrations that are all there: none goes away by itself.
KEPT_LONG: Final = 60.0
#: Seconds after which a part that has not answered is failing.
PATIENCE: Final = 2.0

Found = dict[str, Any]


class Trouble(Exception):
    """A part does not work; its text says how, to anybody."""


class Part:
    """One thing that is looked at, in a thread of its own, so that none holds the answer up."""

    def __init__(self, look: Callable[[], str], kept: float = KEPT) -> None:
        """`look` returns a few words, or raises: then the part is failing."""
        self._look = look
        self._kept = kept
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._found: tuple[bool, str] | None = None
        self._found_at = 0.0

    def begin(self) -> None:
        """Look again where what was found is too old, but do not wait for it."""
        with self._lock:
            is_looking = self._thread is not None and self._thread.is_alive()
            if not is_looking and not self._is_fresh():
                self._began = time.monotonic()
                self._thread = threading.Thread(
                    target=self._run, name="signalbox-health", daemon=True
                )
                self._thread.start()

    def state(self) -> Found:
        """Return how it is, and how many seconds ago that was seen."""
        with self._lock:
            if self._thread is not None:
                self._thread.join(max(self._began + PATIENCE - time.monotonic(), 0.0))
            if self._thread is not None and self._thread.is_alive():
                found, at = (False, f"No answer in {PATIENCE:g} s."), self._began
            else:
                found, at = self._found or (False, "It has not been looked at."), self._found_at
        is_well, message = found
        age = round(time.monotonic() - at, 3)
        return {"status": "ok" if is_well else "failing", "age": age, "message": message}

    def _is_fresh(self) -> bool:
        if self._found is None:
            return False
        kept = self._kept if self._found[0] else KEPT
        return time.monotonic() - self._found_at < kept

    def _run(self) -> None:
        try:
            found = True, self._look()
        except Trouble as trouble:
            found = False, str(trouble)
        except Exception as error:  # noqa: BLE001 - whatever it is, the part does not work
            found = False, f"It does not work ({type(error).__name__})."
        finally:
            connection_here().close()
        self._found, self._found_at = found, time.monotonic()


def _database() -> str:
    began, here = time.perf_counter(), connection_here()
    try:
        with here.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except Error as error:
        raise Trouble(f"The database does not answer ({type(error).__name__}).") from error
    return f"{here.display_name} answers in {(time.perf_counter() - began) * 1000:.1f} ms."


def _migrations() -> str:
    if missing := routers.missing_migrations():
        raise Trouble(f"Migrations are missing ({missing}): run `manage.py migrate`.")
    return "All migrations are applied."


def _redis() -> str:
    try:
        took = redis_server.round_trip()
    except redis_server.AWAY as error:
        raise Trouble(f"Redis does not answer ({type(error).__name__}).") from error
    return f"Redis answers in {took * 1000:.1f} ms."


def _threads() -> str:
    if troubles := vitals.here.troubles():
        raise Trouble(f"{'; '.join(troubles)}.")
    number = vitals.here.count()
    return f"{number} threads are alive." if number else "They start with the first run."


_PARTS: Final = {
    "database": Part(_database),
    "migrations": Part(_migrations, KEPT_LONG),
    "redis": Part(_redis),
    "threads": Part(_threads),
}


def alive() -> Found:
    """Return that this process answers, as `/healthz` says it."""
    return {"status": "ok", "parts": {"process": {"status": "ok", "age": 0.0}}}


def ready() -> Found:
    """Return how each part is that this process needs, as `/readyz` says it."""
    names = _needed()
    for name in names:
        _PARTS[name].begin()
    parts = {name: _PARTS[name].state() for name in names}
    is_ready = all(part["status"] == "ok" for part in parts.values())
    return {"status": "ok" if is_ready else "failing", "parts": parts}


def _needed() -> list[str]:
    names = ["database", "migrations"]
    if conf.redis_url():
        names.append("redis")
    if conf.get("EXECUTION") == "embedded":
        names.append("threads")
    return names
