"""A lock file for one folder, so that one run at a time reads it. One machine, no service."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from workflows_app.models.sqltext import connection_here


class Locked(RuntimeError):
    """Another run holds the lock, or left it behind; a later attempt gets it."""


def lock_of(folder: Path) -> Path:
    """Return the lock file of a folder for this installation."""
    installation = str(connection_here().settings_dict["NAME"])
    name = hashlib.sha256(f"{installation}\n{folder}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"signalbox-{name}.lock"


def take(lock: Path, owner: str, is_alive: Callable[[str], bool]) -> None:
    """Make the lock file for `owner`; if it belongs to this owner already, nothing changes.

    Raises Locked if another owner has it. While that owner is alive the file stays; otherwise it is
    removed for the next attempt, because a dead owner cannot remove it.
    """
    if _made(lock, owner):
        return
    held_by = _owner_of(lock)
    if held_by == owner:
        return
    if held_by and is_alive(held_by):
        raise Locked(
            f"Run {held_by} is reading this folder, and only one run may at a time; another "
            "attempt gets it when that run has ended."
        )
    lock.unlink(missing_ok=True)
    raise Locked(
        f"The lock {lock.name} was left behind by run {held_by or '(gone already)'}, which has "
        "ended; it is removed now, so the next attempt can take it."
    )


def _made(lock: Path, owner: str) -> bool:
    """Make the file with its owner's name in one step; return False if it exists."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=lock.parent) as draft:
        draft.write(owner)
        draft.flush()
        try:
            os.link(draft.name, lock)
        except FileExistsError:
            return False
    return True


def give_back(lock: Path, owner: str) -> None:
    """Remove the lock file if it belongs to this owner; a second call changes nothing."""
    if _owner_of(lock) == owner:
        lock.unlink(missing_ok=True)


def _owner_of(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
