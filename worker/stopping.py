"""Whether this process was told to stop: then nothing new is taken."""

import threading

_asked = threading.Event()


def ask() -> None:
    """Ask every thread to take nothing new."""
    _asked.set()


def unask() -> None:
    """Start anew."""
    _asked.clear()


def is_asked() -> bool:
    """Return whether a stop was asked."""
    return _asked.is_set()
