"""`manage.py workflows`: runs at a terminal; see `dashboard.management.workflows`."""

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser

from workflows_app import errors, languages
from workflows_app.api.entry import refusals
from workflows_app.api.entry.refusals import Refusal

from ..workflows import acting, completion, exits, following, parsing, reading
from ..workflows.session import Session, audit_name


def _events(session: Session) -> int:
    return following.events(session) if session.options.follow else reading.events(session)


COMMANDS: Final[Mapping[str, Callable[[Session], int]]] = {
    **acting.COMMANDS,
    "list": reading.list_workflows,
    "graph": reading.graph,
    "runs": reading.runs,
    "show": reading.show,
    "events": _events,
    "inbox": reading.inbox,
    "completion": completion.script,
    "known-ids": completion.known_ids,
}


class Command(BaseCommand):
    """Do what one of the words says; end with 0, or with a number that says what came of it."""

    help = "Starts, shows, answers and steers runs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a word and what belongs to it."""
        parsing.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it."""
        out, err = _plain(self.stdout), _plain(self.stderr)
        session = Session(Namespace(**options), out, err, audit_name(), _colors(options))
        with languages.in_source():
            number = self._done(session)
        if number:
            sys.exit(number)

    def _done(self, session: Session) -> int:
        try:
            if named := session.options.__dict__.get("acting_as"):
                session.actor = _user(named)
            return COMMANDS[session.options.what](session)
        except (errors.WorkflowError, Refusal) as problem:
            return _refused(session, refusals.of(problem))
        except KeyboardInterrupt:
            session.beside.print("Stopped watching.", style="dim")
            return exits.INTERRUPTED


def _plain(wrapped: Any) -> TextIO:
    """Return the stream that Django wraps: rich and JSON need no styles of Django's."""
    stream: TextIO = getattr(wrapped, "_out", wrapped)
    return stream


def _user(name: str) -> Any:
    model = get_user_model()
    found = model.objects.filter(**{model.USERNAME_FIELD: name}).first()
    if found is None:
        raise Refusal("NotFound", f"There is no user {name!r} to act as.")
    if not found.is_active:
        raise Refusal("NotAllowed", f"The account of {name!r} is switched off; nobody acts as it.")
    return found


def _refused(session: Session, refusal: Refusal) -> int:
    if session.is_json:
        session.print_json(refusal.to_json())
    else:
        session.beside.print(f"{refusal.kind}: {refusal}", style="red", soft_wrap=True)
    return exits.of_refusal(refusal.kind)


def _colors(options: Mapping[str, Any]) -> bool | None:
    """Return whether to use colours; None: where a person reads, unless NO_COLOR is set."""
    if options.get("no_color"):
        return False
    return True if options.get("force_color") else None
