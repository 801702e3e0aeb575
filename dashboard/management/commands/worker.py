"""`manage.py worker`: processes and threads that run steps, in the distributed mode."""

import os
import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from worker import process, serving
from worker.supervisor import Supervisor
from workflows_app import conf

#: How long running steps may take to finish once the process was asked to stop.
STOP_SECONDS: Final = 25.0


class Command(BaseCommand):
    """Run steps until SIGTERM or SIGINT: then finish, or hand back, what is running."""

    help = "Runs steps: worker processes and threads for the distributed mode (REDIS_URL)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the numbers of processes and threads, and the queues."""
        parser.add_argument("--processes", type=int, default=1)
        parser.add_argument("--threads", type=int, default=process.DEFAULT_THREADS)
        parser.add_argument(
            "--queues", default="", help="serve these alone, comma-separated; default: all"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check that there is something to work with, then work."""
        for name in ("processes", "threads"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        if conf.get("EXECUTION") != "distributed":
            raise CommandError(
                "Workers belong to the distributed mode: set REDIS_URL (and DATABASE_URL). Without "
                "it `manage.py up` runs the steps itself."
            )
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
        # Threads that user code holds for ever must not keep the process; their steps are free.
        os._exit(0)

    def _refuse_without_tables(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("The database is not migrated: run `manage.py migrate` first.")
        connection.close()

    def _warn_of_unknown(self, queues: list[str]) -> None:
        if unknown := sorted(set(queues) - serving.known()):
            self.stderr.write(
                f"No workflow known here names the queue {', '.join(unknown)}; there are: "
                f"{', '.join(sorted(serving.known()))} (WORKFLOWS_MODULES: "
                f"{', '.join(settings.WORKFLOWS_MODULES) or 'none'})."
            )

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]
