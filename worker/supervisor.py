"""A process that starts several worker processes, replaces those that die, and stops them all.

Each is its own `manage.py worker --processes 1`, not a fork, so they share no connection, no lock
and no thread.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Final

logger = logging.getLogger(__name__)

#: Seconds before a dead process is replaced. The pause doubles while processes die young.
FIRST_PAUSE: Final = 0.2
LAST_PAUSE: Final = 10.0
#: Seconds after which a process does not count as having died young.
WELL_SECONDS: Final = 30.0


class Supervisor:
    """Keeps a number of processes of one command alive until a signal asks it to stop."""

    def __init__(self, command: Sequence[str], processes: int, stop_seconds: float) -> None:
        self._command = list(command)
        self._stop_seconds = stop_seconds
        self._stop = threading.Event()
        self._children = [_Child(self._command) for _ in range(processes)]

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return 0 if every child ended well."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)
        while not self._stop.wait(0.1):
            for child in self._children:
                child.keep_alive()
        return self._end()

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _end(self) -> int:
        """Ask all to stop, wait, and kill those that do not end; return 0 or an error code.

        A child that was still starting has no signal handler yet. The signal itself ends it, which
        counts as ending well.
        """
        for child in self._children:
            child.ask_to_stop()
        deadline = time.monotonic() + self._stop_seconds
        codes = [child.await_end(deadline) for child in self._children]
        return next((abs(code) for code in codes if code not in {0, -signal.SIGTERM}), 0)


class _Child:
    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._pause = FIRST_PAUSE
        self._not_before = 0.0

    def keep_alive(self) -> None:
        """Start the process, or replace it when it is dead, after a pause."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            lived = time.monotonic() - self._begun
            self._pause = FIRST_PAUSE if lived > WELL_SECONDS else min(self._pause * 2, LAST_PAUSE)
            logger.warning(
                "Worker process %d ended (%d) after %.0f s; another starts in %.1f s.",
                self._process.pid, code, lived, self._pause,
            )  # fmt: skip
            self._process = None
            self._not_before = time.monotonic() + self._pause
        if time.monotonic() >= self._not_before:
            self._begun = time.monotonic()
            # A session of its own: Ctrl+C in a terminal reaches the supervisor alone, once.
            self._process = subprocess.Popen(self._command, start_new_session=True)  # noqa: S603 - our own command

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def await_end(self, deadline: float) -> int:
        if self._process is None:
            return 0
        try:
            return self._process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
