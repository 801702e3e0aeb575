"""What the address of each page may say: a page tells what it does not understand.

A list that ignores a filter shows more than was asked for, and looks as if it were the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from dashboard import inbox_page, overview_page
from dashboard.filters import WINDOWS
from dashboard.graph_look import FIT, STEPS
from dashboard.paging import number
from dashboard.run_view import GROUPS, TABS
from workflows_app.planner.statuses import RunStatus

#: Says whether a value means something.
Check = Callable[[str], bool]

#: Words of one address that are named at most, and characters of each.
MOST: Final = 5
LONGEST: Final = 60


def _anything(_text: str) -> bool:
    return True


def _one_of(names: Iterable[object]) -> Check:
    known = frozenset(str(name) for name in names)
    return lambda text: text in known


def _reads(read: Callable[[str], object]) -> Check:
    def is_read(text: str) -> bool:
        try:
            return read(text) is not None
        except ValueError:
            return False

    return is_read


_number: Final = _reads(number)
_amount: Final = _reads(float)
_page: Final[Mapping[str, Check]] = {"before": _number, "after": _number, "rows": _anything}
_zoom: Final = _one_of((FIT, *STEPS))

#: By the name of the page, what its address may say. Pages that are not named say nothing of it.
_KNOWN: Final[Mapping[str, Mapping[str, Check]]] = {
    "home": {"window": _one_of(overview_page.WINDOWS)},
    "runs": {
        "status": _one_of(RunStatus),
        "workflow": _anything,
        "window": _one_of(WINDOWS),
        "since": _reads(date.fromisoformat),
        "until": _reads(date.fromisoformat),
        "q": _anything,
        "cols": _anything,
        "col": _anything,
        "rows": _anything,
        "before": _reads(UUID),
        "after": _reads(UUID),
    },
    "inbox": {
        **_page,
        "tab": _one_of(inbox_page.TABS),
        "item": _reads(UUID),
        "who": _one_of(("me",)),
        "sort": _one_of((inbox_page.NEWEST,)),
        "next": _number,
    },
    "workflows": {},
    "workflow": {"version": _anything, "zoom": _zoom, "turned": _anything},
    "schedules": {"after": _anything},
    "schedule": _page,
    "workers": {},
    "audit": {**_page, "person": _anything, "verb": _anything, "run": _anything},
    "run": {
        "tab": _one_of(TABS),
        "at": _amount,
        "timeline": _number,
        "first": _amount,
        "step": _anything,
        "fold": _one_of("01"),
        "errors": _one_of("01"),
        "group": _one_of(GROUPS),
        "since": _amount,
        "until": _amount,
        "skip": _amount,
        "question": _reads(UUID),
        "mark": _anything,
        "zoom": _zoom,
        "turned": _anything,
    },
    "run-step": {"timeline": _number, "first": _number},
    "run-log": {"before": _number},
    "run-compare": dict.fromkeys(("a", "b", "at", "bt", "only", "run"), _anything),
    "settings": {},
}


def not_understood(request: HttpRequest) -> list[str]:
    """Return what the address of a request says that its page does not understand, as written."""
    match = request.resolver_match
    known = _KNOWN.get(match.url_name or "") if match else None
    if known is None or not request.GET:
        return []
    found = [word for _, word in zip(range(MOST), _strange(request, known), strict=False)]
    return [word if len(word) <= LONGEST else word[: LONGEST - 1] + "…" for word in found]


def _strange(request: HttpRequest, known: Mapping[str, Check]) -> Iterator[str]:
    for name, values in request.GET.lists():
        if name not in known:
            yield name
            continue
        yield from (f"{name}={value}" for value in values if value and not known[name](value))
