"""The worker as a Django app: what the terminal and other apps ask of it, whatever its package is.

Its package is `worker` in the repository and `signalbox.worker` where it was installed as a wheel.
"""

from __future__ import annotations

from django.apps import AppConfig


class WorkerConfig(AppConfig):
    """The processes and threads that run steps; it has no tables."""

    name = __package__
    label = "signalbox_worker"
    verbose_name = "Signalbox workers"

    def start(self, threads: int | None = None) -> None:
        """Run steps in this process, with so many threads."""
        from . import process  # noqa: PLC0415 - the apps must be ready

        process.start(process.DEFAULT_THREADS if threads is None else threads)

    def stop(self, seconds: float) -> None:
        """Let running steps finish for so many seconds, and hand the others back, for good."""
        from . import process  # noqa: PLC0415 - the apps must be ready

        process.stop(timeout=seconds, for_good=True)
