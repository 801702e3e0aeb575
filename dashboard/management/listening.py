"""Whether an address can be listened on: checked first of all, so it imports only Python."""

import socket
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Final

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8000
_LAST_PORT: Final = 65535


def add_address(parser: ArgumentParser) -> None:
    """Add the argument for the address of the pages."""
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)


def refusal_of(arguments: Sequence[str]) -> str:
    """Return why the address in these arguments of `up` cannot be listened on; empty if it can.

    Arguments that cannot be read are left to the command itself.
    """
    parser = ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    add_address(parser)
    try:
        known, _ = parser.parse_known_args(arguments)
    except Exception:  # noqa: BLE001 - the command has the words for it
        return ""
    return refusal(known.host, known.port)


def refusal(host: str, port: int) -> str:
    """Return why nothing can listen on this address now; empty if it can."""
    if not 1 <= port <= _LAST_PORT:
        return f"There is no port {port}: ports go from 1 to {_LAST_PORT}."
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            return (
                f"Cannot listen on {host}:{port}: {why}. Give another one with --port, or "
                "`make up PORT=8123`."
            )
    return ""
