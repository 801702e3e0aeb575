"""The line of the log about a failed attempt: what failed where, and nothing of its values.

What an exception says is often made of values of the run, so its message and its traceback are
left to the page of the run, unless the setting `LOG_PAYLOADS` asks for them.
"""

import logging
import re
from typing import Final

from django.conf import settings

from workflows_app.engine.run.claims import Claim
from workflows_app.planner.outcomes import Failed, Outcome

logger = logging.getLogger(__name__)

_PLACE: Final = re.compile(
    r'^  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<name>.+)$', re.MULTILINE
)


def write(claim: Claim, outcome: Outcome) -> None:
    """Log that an attempt failed, if it did."""
    if not isinstance(outcome, Failed):
        return
    error = outcome.error
    number = claim.retry_count + 1
    where = _where(str(error.get("traceback") or ""))
    if getattr(settings, "LOG_PAYLOADS", False):
        logger.warning(
            "Attempt %s of %s failed%s: %s: %s\n%s",
            number, claim.name, where, error["type"], error["message"], error["traceback"],
        )  # fmt: skip
    else:
        logger.warning("Attempt %s of %s failed%s: %s", number, claim.name, where, error["type"])


def _where(traceback: str) -> str:
    """Return the last place of a traceback in words; empty where it has none."""
    places = list(_PLACE.finditer(traceback))
    if not places:
        return ""
    last = places[-1]
    return f" at {last['file']}:{last['line']} in {last['name']}"
