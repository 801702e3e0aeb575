"""`manage.py token`: make, list and revoke tokens of the HTTP API."""

import getpass
import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from workflows_app import calling, errors, tokens
from workflows_app.engine.host import clock
from workflows_app.models import ApiToken, persons

DOOR: Final = "terminal"
#: The exit code for what is not there.
NOT_FOUND: Final = 5
#: Seconds of the longest life: more than a hundred years is none.
_MOST: Final = timedelta(days=40_000)


def life(text: str) -> timedelta:
    """Return `90d`, `12h`, `30m` or `45s` as a time span."""
    span = calling.span(text)
    if span is None or not timedelta() < span <= _MOST:
        raise ArgumentTypeError(f"{text!r} is no life: write {calling.SPANS}")
    return span


class Command(BaseCommand):
    """Make a token and print it once; or list those there are, or revoke one."""

    help = "Makes, lists and revokes tokens of the HTTP API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose token, what it may do, and for how long."""
        parser.add_argument("username", nargs="?", help="whose token; of a list: whose tokens")
        parser.add_argument("--name", default="terminal", help="what uses it")
        parser.add_argument(
            "--scope", action="append", help=f"of {', '.join(tokens.SCOPES)}; again for more"
        )
        parser.add_argument("--workflow", action="append", help="an id; again for more")
        parser.add_argument("--expires", type=life, help="90d, 12h, 30m or 45s; default: never")
        parser.add_argument("--list", action="store_true", help="list tokens, make none")
        parser.add_argument("--json", action="store_true", help="print the list as JSON")
        parser.add_argument("--revoke", metavar="ID", help="revoke a token, make none")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three."""
        if options["revoke"] is not None:
            self._revoke(options["revoke"])
        elif options["list"]:
            self._list(options["username"], is_json=options["json"])
        elif options["username"]:
            self._make(options)
        else:
            raise CommandError("Name whose token to make, or use --list or --revoke.", returncode=2)

    def _make(self, options: dict[str, Any]) -> None:
        span: timedelta | None = options["expires"]
        try:
            row, text = tokens.make(
                self._user(options["username"]),
                options["name"],
                scopes=_parts(options["scope"]),
                workflows=_parts(options["workflow"]),
                expires_at=None if span is None else clock.now() + span,
                actor=_who(),
                door=DOOR,
            )
        except errors.InvalidInput as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        self.stderr.write(f"Token {row.pk} of {row.user}: it is shown this once.")
        self.stdout.write(text)

    def _list(self, username: str | None, *, is_json: bool) -> None:
        rows = persons.joined(ApiToken.objects.order_by("-pk"), "user")
        if username:
            rows = rows.filter(user=self._user(username))
        if is_json:
            items = [tokens.to_json(row) for row in rows]
            page = {"items": items, "next_cursor": None, "total": len(items)}
            self.stdout.write(json.dumps(page, default=_moment))
            return
        for row in rows:
            used = f"used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
            ends = f"expires {row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at else "never expires"
            scopes = ",".join(row.scopes)
            self.stdout.write(
                f"{row.pk}  {row.user}  {row.name}  {row.prefix}…  {scopes}  {used}  {ends}"
            )

    def _revoke(self, key: str) -> None:
        is_key = key.isascii() and key.isdigit() and len(key) <= 18  # noqa: PLR2004 - a key's digits
        rows = ApiToken.objects.filter(pk=int(key) if is_key else 0)
        row = persons.joined_or_later(rows, "user").first()
        if row is None or not tokens.revoke(row, actor=_who(), door=DOOR):
            raise CommandError(f"There is no token {key!r}.", returncode=NOT_FOUND)
        self.stderr.write(f"Token {key} works no more.")

    def _user(self, username: str) -> Any:
        model = get_user_model()
        user = model.objects.filter(**{model.USERNAME_FIELD: username}).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.", returncode=NOT_FOUND)
        return user


def _parts(given: list[str] | None) -> list[str] | None:
    """Return what was given by one option, once or often, with commas or without."""
    if given is None:
        return None
    return [word for text in given for part in text.split(",") if (word := part.strip())]


def _who() -> str:
    """Return how the person at the terminal is called in the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:somebody"


def _moment(value: Any) -> str:
    return str(value.isoformat())
