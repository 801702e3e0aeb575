#!/usr/bin/env python
"""The door for people at a terminal: every command of the product starts here."""

import os
import sys

from dashboard.management import terminal


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    terminal.run(sys.argv)


if __name__ == "__main__":
    main()
