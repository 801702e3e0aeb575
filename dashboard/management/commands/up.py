"""`manage.py up`: the whole product in one process: migrations, pages, worker threads, timers."""

import os
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string
from twisted.internet import reactor

from workflows_app import conf
from workflows_app.models.sqltext import alias

from ...checks import asgi_module
from ...people import signin
from .. import database_words, listening

DEMO: Final = "workflows_app.demo"
#: How long running steps may take to finish after the process was asked to stop.
STOP_SECONDS: Final = 5.0
#: How long the process lasts after that, even if a thread of user code hangs.
LEAVE_SECONDS: Final = STOP_SECONDS + 4.0
#: Twisted's reactor, whose stubs have the arguments of these methods wrong.
loop: Any = reactor
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound


class Command(BaseCommand):
    """Starts everything and runs until SIGINT or SIGTERM."""

    help = "Runs everything in one process: migrations, web, worker threads, timers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, the number of worker threads, and what to load and to leave."""
        listening.add_address(parser)
        parser.add_argument("--threads", type=int, default=None)
        parser.add_argument("--demo", action="store_true", help="load the demo workflows")
        leave = "leave the tables as they are; otherwise those of all apps are migrated"
        parser.add_argument("--no-migrate", action="store_true", help=leave)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Migrate, listen, work; on a signal, stop all three in order."""
        host, port = options["host"], options["port"]
        if options["threads"] is not None and options["threads"] < 1:
            raise CommandError("--threads must be at least 1.")
        if refusal := listening.refusal(host, port):
            raise CommandError(refusal)
        _answer_to(host)
        be_reached_at(host, port)
        if not options["no_migrate"]:
            self._migrate()
        if options["demo"]:
            import_module(f"{DEMO}.workflows")
        server = Server(
            application=_application(),
            endpoints=build_endpoint_description_strings(host=host, port=port),
            ready_callable=lambda: self._ready(options),
            verbosity=0,
        )
        loop.addSystemEventTrigger("before", "shutdown", _leave_in_any_case)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _leave_once_it_runs)
        try:
            server.run()
        finally:
            self._say("Stopping: running steps may finish, the rest is handed back.")
            _worker().stop(STOP_SECONDS)
        if server.abort_start:
            raise CommandError(f"Cannot listen on {host}:{port}; the log above says why.")

    def _migrate(self) -> None:
        database_words.connect_once()
        for each in sorted({DEFAULT_DB_ALIAS, alias()}):
            call_command("migrate", database=each, verbosity=0, interactive=False)

    def _ready(self, options: dict[str, Any]) -> None:
        """Begin to work, and say where the pages are once the server answers requests and signals.

        Not before: the server takes over the signals only when its loop runs.
        """
        if conf.get("EXECUTION") != "inline":
            _worker().start(options["threads"])
        if options["demo"] and find_spec(f"{DEMO}.life") is not None:
            import_module(f"{DEMO}.life").begin()
        loop.callLater(0, self._say, "\n".join(_welcome(options["host"], options["port"])))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _application() -> Any:
    """Return the ASGI application of the project, as its settings or `startproject` name it.

    Raises CommandError where there is none, because `up` serves nothing else.
    """
    named = getattr(settings, "ASGI_APPLICATION", None)
    if named is None and (module := asgi_module()):
        named = f"{module}.application"
    try:
        return import_string(named or "")
    except ImportError as missing:
        raise CommandError(
            f"There is no ASGI application to serve: {missing}. Set ASGI_APPLICATION in the "
            "settings, for example to 'project.asgi.application'."
        ) from missing


def _worker() -> Any:
    """Return the app that runs steps, whatever its package is called."""
    return apps.get_app_config("signalbox_worker")


def _welcome(host: str, port: int) -> Iterator[str]:
    """Yield what somebody at the terminal reads: where the pages are and how to sign in."""
    origin = f"http://{_shown(host)}:{port}"
    yield f"Signalbox is up at {origin}{_home()}"
    if host in ANY_ADDRESS:
        setting = "DJANGO_ALLOWED_HOSTS" if _has_own_door() else "ALLOWED_HOSTS"
        yield f"It answers to {', '.join(settings.ALLOWED_HOSTS)}; {setting} adds others."
    if _has_own_door() and (user := signin.first_user()) is not None:
        yield f"Sign in as {user.get_username()} (15 minutes, one use):"
        yield f"  {signin.link(user, origin)}"
    yield "Press Ctrl+C to stop."


def _home() -> str:
    """Return the path of the pages."""
    try:
        return reverse("signalbox:home")
    except NoReverseMatch:
        return "/"


def _has_own_door() -> bool:
    """Return whether people sign in to the product here, and not at a door of the project's own."""
    try:
        return bool(reverse("signalbox_people:sign-in"))
    except NoReverseMatch:
        return False


def _shown(host: str) -> str:
    """Return the host as a browser on this machine can type it."""
    if host in ANY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _answer_to(host: str) -> None:
    """Answer requests for the host in the arguments; the settings name the others."""
    if host not in ANY_ADDRESS and _shown(host) not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS.append(_shown(host))


def be_reached_at(host: str, port: int) -> None:
    """Let callback URLs lead to this server, unless the setting says where it is reached."""
    given: dict[str, Any] = getattr(settings, "WORKFLOWS", {})
    if "SITE_URL" not in given and not os.environ.get("WORKFLOWS_SITE_URL"):
        settings.WORKFLOWS = {**given, "SITE_URL": f"http://{_shown(host)}:{port}"}


def _leave_once_it_runs(*_signal: object) -> None:
    """Stop the server as soon as its loop runs; until then nothing of it would hear a signal."""
    loop.callWhenRunning(loop.callLater, 0, loop.stop)


def _leave_in_any_case() -> None:
    """End the process after a while, even if a view or a step holds its thread forever.

    The next process sees that this one is dead and recovers what it held.
    """
    timer = threading.Timer(LEAVE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
