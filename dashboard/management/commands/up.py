"""`manage.py up`: the whole product in one process: migrations, pages, worker threads, timers."""

import os
import threading
from argparse import ArgumentParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from twisted.internet import reactor

from dashboard import signin
from dashboard.management import database_words, listening
from worker import process
from workflows_app import conf

DEMO: Final = "workflows_app.demo"
#: How long running steps may take to finish once the process was asked to stop.
STOP_SECONDS: Final = 5.0
#: How long the process lasts after that, whatever a thread of somebody's code does.
LEAVE_SECONDS: Final = STOP_SECONDS + 4.0
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound


class Command(BaseCommand):
    """Start everything and stay until SIGINT or SIGTERM."""

    help = "Runs everything in one process: migrations, web, worker threads, timers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, the number of worker threads, and whether to load the demo."""
        listening.add_address(parser)
        parser.add_argument("--threads", type=int, default=process.DEFAULT_THREADS)
        parser.add_argument("--demo", action="store_true", help="load the demo workflows")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Migrate, listen, work; on a signal stop all three in order."""
        host, port = options["host"], options["port"]
        if options["threads"] < 1:
            raise CommandError("--threads must be at least 1.")
        if refusal := listening.refusal(host, port):
            raise CommandError(refusal)
        _answer_to(host)
        self._migrate()
        if options["demo"]:
            import_module(f"{DEMO}.workflows")
        server = Server(
            application=import_module("dashboard.asgi").application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            ready_callable=lambda: self._ready(options),
            verbosity=0,
        )
        before_shutdown: Any = reactor.addSystemEventTrigger  # its stub has the arguments wrong
        before_shutdown("before", "shutdown", _leave_in_any_case)
        try:
            server.run()
        finally:
            self._say("Stopping: running steps may finish, the rest is handed back.")
            process.stop(timeout=STOP_SECONDS, for_good=True)
        if server.abort_start:
            raise CommandError(f"Cannot listen on {host}:{port}; the log above says why.")

    def _migrate(self) -> None:
        database_words.ask()
        call_command("migrate", verbosity=0, interactive=False)

    def _ready(self, options: dict[str, Any]) -> None:
        """Start to work and say where the pages are, now that the server listens."""
        if conf.get("EXECUTION") != "inline":
            process.start(threads=options["threads"])
        if options["demo"] and find_spec(f"{DEMO}.life") is not None:
            import_module(f"{DEMO}.life").begin()
        address = f"http://{_shown(options['host'])}:{options['port']}/"
        self._say(f"Signalbox is up at {address}")
        if options["host"] in ANY_ADDRESS:
            hosts = ", ".join(settings.ALLOWED_HOSTS)
            self._say(f"It answers to {hosts}; DJANGO_ALLOWED_HOSTS adds others.")
        if (user := signin.first_user()) is not None:
            self._say(f"Sign in as {user.get_username()} (15 minutes, one use):")
            self._say(f"  {signin.link(user, address)}")
        self._say("Press Ctrl+C to stop.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _shown(host: str) -> str:
    """Return the host as a browser on this machine can type it."""
    if host in ANY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _answer_to(host: str) -> None:
    """Answer requests for the host that was asked for by name; the others are named in settings."""
    if host not in ANY_ADDRESS and _shown(host) not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(_shown(host))


def _leave_in_any_case() -> None:
    """End the process in a while, even when a view or a step holds its thread for ever.

    What it held is found by the next process, which sees that this one is dead.
    """
    timer = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
