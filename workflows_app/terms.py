"""What people call the names that programs use: statuses, verbs, doors, modes, kinds.

The names themselves stay as they are wherever programs read them.
"""

from collections.abc import Mapping
from typing import Final

from workflows_app.languages import gettext_lazy, pgettext_lazy

#: The statuses of runs, steps, schedules, their times and workers.
STATUSES: Final[Mapping[str, str]] = {
    "pending": gettext_lazy("pending"),
    "queued": gettext_lazy("queued"),
    "running": gettext_lazy("running"),
    "waiting": gettext_lazy("waiting"),
    "suspended": gettext_lazy("suspended"),
    "paused": gettext_lazy("paused"),
    "success": gettext_lazy("success"),
    "failed": gettext_lazy("failed"),
    "canceled": gettext_lazy("canceled"),
    "canceling": gettext_lazy("canceling"),
    "pausing": gettext_lazy("pausing"),
    "skipped": gettext_lazy("skipped"),
    "published": gettext_lazy("published"),
    "untaken": gettext_lazy("not taken"),
    "unknown": gettext_lazy("not in its version"),
    "active": pgettext_lazy("schedule", "active"),
    "stopped": gettext_lazy("stopped"),
    "alive": gettext_lazy("alive"),
    "silent": gettext_lazy("silent"),
    "unused": gettext_lazy("unused"),
}

#: The verbs of the audit trail; some also begin a timeline.
VERBS: Final[Mapping[str, str]] = {
    "start": pgettext_lazy("verb", "start"),
    "resume": pgettext_lazy("verb", "resume"),
    "resume-refused": pgettext_lazy("verb", "resume-refused"),
    "restart": pgettext_lazy("verb", "restart"),
    "retry": pgettext_lazy("verb", "retry"),
    "rerun": pgettext_lazy("verb", "rerun"),
    "pause": pgettext_lazy("verb", "pause"),
    "proceed": pgettext_lazy("verb", "proceed"),
    "skip-wait": pgettext_lazy("verb", "skip-wait"),
    "give-up": pgettext_lazy("verb", "give-up"),
    "emit": pgettext_lazy("verb", "emit"),
    "cancel": pgettext_lazy("verb", "cancel"),
    "delete": pgettext_lazy("verb", "delete"),
    "time-travel": pgettext_lazy("verb", "time-travel"),
    "fork": pgettext_lazy("verb", "fork"),
    "claim": pgettext_lazy("verb", "claim"),
    "release": pgettext_lazy("verb", "release"),
    "take-over": pgettext_lazy("verb", "take-over"),
    "pause-intake": pgettext_lazy("verb", "pause-intake"),
    "resume-intake": pgettext_lazy("verb", "resume-intake"),
    "create-schedule": pgettext_lazy("verb", "create-schedule"),
    "change-schedule": pgettext_lazy("verb", "change-schedule"),
    "delete-schedule": pgettext_lazy("verb", "delete-schedule"),
    "pause-schedule": pgettext_lazy("verb", "pause-schedule"),
    "unpause-schedule": pgettext_lazy("verb", "unpause-schedule"),
    "trigger-schedule": pgettext_lazy("verb", "trigger-schedule"),
    "create-token": pgettext_lazy("verb", "create-token"),
    "revoke-token": pgettext_lazy("verb", "revoke-token"),
}

#: Doors, modes, kinds of entries and of scheduled times, tabs of a run, ways to do the same.
TERMS: Final[Mapping[str, str]] = {
    "page": gettext_lazy("page"),
    "admin": gettext_lazy("admin"),
    "terminal": gettext_lazy("terminal"),
    "schedule": gettext_lazy("schedule"),
    "Terminal": gettext_lazy("Terminal"),
    "inline": gettext_lazy("inline"),
    "embedded": gettext_lazy("embedded"),
    "distributed": gettext_lazy("distributed"),
    "parallel": gettext_lazy("parallel"),
    "branch": gettext_lazy("branch"),
    "map": gettext_lazy("map"),
    "foreach": gettext_lazy("foreach"),
    "do_while": gettext_lazy("do while"),
    "do_until": gettext_lazy("do until"),
    "sleep": gettext_lazy("sleep"),
    "workflow": gettext_lazy("workflow"),
    "step": gettext_lazy("step"),
    "timeline": gettext_lazy("timeline"),
    "graph": gettext_lazy("graph"),
    "events": gettext_lazy("events"),
    "data": gettext_lazy("data"),
    "related": gettext_lazy("related"),
    "audit": gettext_lazy("audit"),
    "scheduled": gettext_lazy("scheduled"),
    "manual": gettext_lazy("manual"),
    "backfill": gettext_lazy("backfill"),
}


def status(name: str) -> str:
    """Return what people call a status; an unknown one by its name."""
    return str(STATUSES.get(name, name))


def verb(name: str) -> str:
    """Return what people call a verb; an unknown one by its name."""
    return str(VERBS.get(name, name))


def term(name: str) -> str:
    """Return what people call another name of a program; an unknown one as it is."""
    return str(TERMS.get(name, name))
