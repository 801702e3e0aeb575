#!/usr/bin/env python
"""The door for people at a terminal: every command of the product starts here."""

import os
import sys


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  # reads the above

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
