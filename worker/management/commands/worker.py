"""`manage.py worker`: processes and threads that run steps in distributed mode."""

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from workflows_app import conf, routers
from workflows_app.models.sqltext import connection_here

from ... import process, serving
from ...supervisor import Supervisor

#: How long running steps may take to finish after the process was asked to stop.
STOP_SECONDS: Final = 25.0


class Command(BaseCommand):
    """Runs steps until SIGTERM or SIGINT; then finishes what is running, or hands it back."""

    help = "Runs steps: worker processes and threads beside web processes, on any machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the numbers of processes and threads, and the queues."""
        parser.add_argument("--processes", type=int, default=1)
        parser.add_argument("--threads", type=int, default=process.DEFAULT_THREADS)
        parser.add_argument(
            "--queues", default="", help="serve only these, comma-separated; default: all"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check that there is something to run, then work."""
        for name in ("processes", "threads"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        if conf.get("EXECUTION") == "inline":
            raise CommandError(
                "In the mode 'inline' the process that starts a run also runs its steps. Set "
                "WORKFLOWS_EXECUTION to 'embedded' or 'distributed' for workers."
            )
        self._say_what_else_works()
        queues = _words(options["queues"])
        self._refuse_without_tables()
        self._warn_of_unknown(queues)
        if options["processes"] == 1:
            self._work(options["threads"], queues)
        else:
            command = [
                sys.executable, sys.argv[0], "worker", "--threads", str(options["threads"]),
                *(["--queues", ",".join(queues)] if queues else []),
            ]  # fmt: skip
            self._say(f"{options['processes']} worker processes are starting.")
            stop_seconds = STOP_SECONDS + 5.0
            sys.exit(Supervisor(command, options["processes"], stop_seconds).run())

    def _work(self, threads: int, queues: list[str]) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        process.start(threads, queues or None)
        served = ", ".join(queues) or "all"
        self._say(f"Worker {os.getpid()} is ready: {threads} threads, queues: {served}.")
        parent = os.getppid()
        while not stop.wait(1.0):
            if os.getppid() != parent:
                break  # its supervisor is gone, and nobody would stop it
        self._say("Stopping: running steps may finish, the rest is handed back.")
        process.stop(timeout=STOP_SECONDS, for_good=True)
        self.stdout.flush()
        # Threads that user code holds forever must not keep the process alive; their steps are
        # free.
        os._exit(0)

    def _say_what_else_works(self) -> None:
        if conf.get("EXECUTION") == "embedded":
            self._say(
                "The mode is 'embedded': processes that start runs also run steps, and this one "
                "looks each second for what they leave. With WORKFLOWS_EXECUTION=distributed "
                "(PostgreSQL or REDIS_URL) they leave all steps to workers, and wake them."
            )

    def _refuse_without_tables(self) -> None:
        if routers.missing_migrations():
            raise CommandError("The database is not migrated: run `manage.py migrate` first.")
        connection_here().close()

    def _warn_of_unknown(self, queues: list[str]) -> None:
        if unknown := sorted(set(queues) - serving.known()):
            self.stderr.write(
                f"No workflow known here names the queue {', '.join(unknown)}; there are: "
                f"{', '.join(sorted(serving.known()))} (WORKFLOWS_MODULES: "
                f"{', '.join(getattr(settings, 'WORKFLOWS_MODULES', ())) or 'none'})."
            )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
