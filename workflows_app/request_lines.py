"""The line of the log about a request: method, path, status and time, and nothing of its query."""

from __future__ import annotations

import logging
import re
import time
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: The mark of a response whose line is written.
_WRITTEN: Final = "_signalbox_has_line"

#: The part of the address of a callback that must stay secret.
_TOKEN: Final = re.compile(r"(/callbacks/)[^/\s?\"']+")

logger: Final = logging.getLogger("workflows_app.requests")


def write(request: HttpRequest, response: HttpResponseBase, began: float) -> None:
    """Log a request that was answered, once; `began` is when it came, by `time.perf_counter`."""
    if getattr(response, _WRITTEN, False):
        return
    setattr(response, _WRITTEN, True)
    if logger.isEnabledFor(logging.INFO):
        # Not the query: it may hold what somebody searched for.
        took = (time.perf_counter() - began) * 1000
        path = without_tokens(request.path)
        logger.info("%s %s %s %.1f ms", request.method, path, response.status_code, took)


def without_tokens(text: str) -> str:
    """Return text without the tokens of callback URLs, which let anybody answer."""
    return _TOKEN.sub(r"\1…", text)
