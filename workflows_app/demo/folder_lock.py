"""A lock file for one folder: of several runs one at a time reads it. One machine, no service."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.db import connection


class Locked(RuntimeError):
    """Another run holds the lock, or held it when it was lost; a later attempt gets it."""


def lock_of(folder: Path) -> Path:
    """Return the lock file of a folder, which is this installation's own."""
    installation = str(connection.settings_dict["NAME"])
    name = hashlib.sha256(f"{installation}\n{folder}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"signalbox-{name}.lock"


def take(lock: Path, owner: str, is_alive: Callable[[str], bool]) -> None:
    """Make the lock file for `owner`; taken already by the same owner, it stays.

    Raises Locked when it is there for another: while that one lives, it is left alone; one that
    died holding it never takes it away, so it is removed for the next attempt.
    """
    if _made(lock, owner):
        return
    held_by = _owner_of(lock)
    if held_by == owner:
        return
    if held_by and is_alive(held_by):
        raise Locked(
            f"Run {held_by} is reading this folder, which one run at a time may; another attempt "
            "gets it when that run has ended."
        )
    lock.unlink(missing_ok=True)
    raise Locked(
        f"The lock {lock.name} was left behind by run {held_by or '(gone already)'}, which has "
        "ended; it is removed now, so the next attempt can take it."
    )


def _made(lock: Path, owner: str) -> bool:
    """Make the file with its owner's name in it, at once; return False when there is one."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=lock.parent) as draft:
        draft.write(owner)
        draft.flush()
        try:
            os.link(draft.name, lock)
        except FileExistsError:
            return False
    return True


def give_back(lock: Path, owner: str) -> None:
    """Remove the lock file if it is this owner's; called twice, it changes nothing."""
    if _owner_of(lock) == owner:
        lock.unlink(missing_ok=True)


def _owner_of(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
