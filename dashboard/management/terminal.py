"""What a terminal shows if a command cannot begin: one sentence instead of a traceback.

`manage.py` starts here. Errors that the user cannot fix keep their traceback.
"""

import sys
from collections.abc import Sequence
from typing import Final

from . import listening

#: Commands that need the database at once: they connect to it first, without the pool.
_FOR_THE_DATABASE: Final = frozenset(
    {
        *("changepassword", "createsuperuser", "dbshell", "migrate", "prune", "showmigrations"),
        *("worker", "workflows"),
    }
)


def run(arguments: Sequence[str]) -> None:
    """Run the command; for errors that its user can fix, print a sentence and exit with 1."""
    command = arguments[1] if len(arguments) > 1 else ""
    if command == "up" and (refusal := listening.refusal_of(arguments[2:])):
        _leave(refusal)
    # Imported late, because Django takes seconds on a slow machine: a taken port is reported at
    # once.
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        _execute(command, arguments)
    except ImproperlyConfigured as refused:
        if "--traceback" in arguments:
            raise
        _leave(str(refused))


def _execute(command: str, arguments: Sequence[str]) -> None:
    import django  # noqa: PLC0415  # see above
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import Error  # noqa: PLC0415

    from . import database_words  # noqa: PLC0415

    try:
        if command in _FOR_THE_DATABASE and "--help" not in arguments:
            django.setup()
            database_words.connect_once()
        execute_from_command_line(list(arguments))
    except Error as error:
        said = database_words.sentence(error, settings.DATABASES["default"])
        if not said or "--traceback" in arguments:
            raise
        _leave(said)


def _leave(said: str) -> None:
    sys.exit(f"Error: {said}")
