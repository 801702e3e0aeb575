"""How lines of the log are written: as text, or as one JSON object each (`LOG_FORMAT=json`).

Imported while logging is set up, before Django's apps are there.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal

from workflows_app.log_context import FIELDS

#: The part of an address that signs somebody in, or that answers a question.
_LINK: Final = re.compile(r"(/sign-in/)[^/\s?\"']+/[^/\s?\"']+|(/callbacks/)[^/\s?\"']+")
#: Errors of what the product leans on; of others a message may be made of somebody's values.
_OUTSIDE: Final = frozenset(
    {"ImproperlyConfigured", "InterfaceError", "OSError", "OperationalError", "RedisError"}
)


class NoLinks(logging.Filter):
    """Takes out of each line what would sign somebody in, or answer a question."""

    def filter(self, record: logging.LogRecord) -> Literal[True]:
        """Let every record pass, without addresses of sign-in links and callbacks."""
        said = record.getMessage()
        if "/sign-in/" in said or "/callbacks/" in said:
            record.msg, record.args = _LINK.sub(r"\1\2…", said), ()
        return True


class JsonLines(logging.Formatter):
    """Writes each record as one JSON object on one line."""

    def __init__(self, *, payloads: bool = False) -> None:
        """`payloads`: also what exceptions say, which may be made of values of a run."""
        super().__init__()
        self._payloads = payloads

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, "")) != ""}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._exception(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)

    def _exception(self, error: BaseException) -> str:
        """Return an error, and where it came from, as text."""
        if self._payloads:
            return "".join(traceback.format_exception(error))
        return "\n".join(_without_values(error))


def _without_values(error: BaseException) -> Iterator[str]:
    """Yield the lines of a traceback: files, lines and functions, but nothing that was said."""
    for each in reversed(_chain(error)):
        for frame in traceback.extract_tb(each.__traceback__):
            yield f"{frame.filename}:{frame.lineno} in {frame.name}"
        names = {kind.__name__ for kind in type(each).__mro__}
        said = f": {each}" if names & _OUTSIDE else ""
        yield f"{type(each).__name__}{said}"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it came from, the newest first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        hidden = None if current.__suppress_context__ else current.__context__
        current = current.__cause__ or hidden
    return found


def settings(form: str, *, payloads: bool) -> dict[str, Any]:
    """Return what Django's setting LOGGING should be, for the form `json` or any other."""
    is_json = form == "json"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "about": {"()": "workflows_app.log_context.About"},
            "no_links": {"()": f"{__name__}.NoLinks"},
        },
        "formatters": {
            "line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
            "json": {"()": f"{__name__}.JsonLines", "payloads": payloads},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json" if is_json else "line",
                "filters": ["about", "no_links"],
            },
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            # Django's own handlers would say everything twice, and mail admins that nobody named.
            "django": {"handlers": [], "level": "WARNING"},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            **{name: {"level": "INFO"} for name in ("dashboard", "worker", "workflows_app")},
            # A line a request, for those who collect them.
            "workflows_app.requests": {"level": "INFO" if is_json else "WARNING"},
        },
    }
