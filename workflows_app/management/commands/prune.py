"""`manage.py prune`: delete runs that ended long ago."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from workflows_app.engine.host import clock
from workflows_app.engine.run import deleting
from workflows_app.planner.statuses import ENDED

UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """Return `30d`, `12h`, `90m` or `4w` as a time span."""
    found = re.fullmatch(r"(\d+)([mhdw])", text.strip())
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not an age: write 30d, 12h, 90m or 4w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


class Command(BaseCommand):
    """Delete ended runs in batches; other runs are never touched."""

    help = "Deletes runs that ended before a time, with their steps and events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the age, the statuses, and whether only to count."""
        parser.add_argument("--older-than", type=age, required=True, help="30d, 12h, 90m or 4w")
        parser.add_argument(
            "--status", default=",".join(sorted(ENDED)), help="comma-separated; default: all ended"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, delete nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete, or count."""
        statuses = [status.strip() for status in options["status"].split(",") if status.strip()]
        if alive := sorted(set(statuses) - set(ENDED)):
            raise CommandError(
                f"Only runs that have ended are deleted ({', '.join(sorted(ENDED))}), not "
                f"{', '.join(alive)}."
            )
        runs = deleting.ended_before(clock.now() - options["older_than"], statuses)
        if options["dry_run"]:
            self.stdout.write(f"{runs.count()} runs would be deleted.")
            return
        deleted = sum(deleting.delete_in_batches(runs))
        self.stdout.write(f"{deleted} runs deleted.")
