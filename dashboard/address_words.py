"""Which words the address of each page may contain; a page says which ones it does not understand.

A list that ignores a filter shows more than was asked for and looks like the answer. A file or an
image has no room for such a sentence, so the request is refused: see `request.refusing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from workflows_app.planner.statuses import RunStatus

from .graph.look import FIT, STEPS
from .inbox.query import NEWEST
from .inbox.query import TABS as INBOX_TABS
from .lists.columns import ALWAYS, COLUMNS, NONE
from .lists.filters import WINDOWS, day
from .lists.paging import number
from .overview import page as overview_page
from .request import ignoring
from .run.view import GROUPS, TABS, amount, keys

#: Tells whether a value is valid.
Check = Callable[[str], bool]

#: How many words of one address a page names at most, and how many characters of each.
MOST: Final = 5
LONGEST: Final = 60
#: How many words of one address are checked at most.
LOOKED_AT: Final = 200


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


def _columns(text: str) -> bool:
    return text == NONE or set(text.split(".")) <= COLUMNS.keys()


_number: Final = _reads(number)
_amount: Final = _reads(amount)
_page: Final[Mapping[str, Check]] = {"before": _number, "after": _number, "rows": _anything}
_zoom: Final = _one_of((FIT, *STEPS))

_look: Final[Mapping[str, Check]] = {"zoom": _zoom, "turned": _anything}
_theme: Final = _one_of(("dark", "light"))
_run: Final[Mapping[str, Check]] = {
    **_look,
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
    "mark": lambda text: bool(keys(text)),
}
_trail: Final[Mapping[str, Check]] = dict.fromkeys(("person", "verb", "run"), _anything)
_raw: Final[Mapping[str, Check]] = {"download": _one_of("01")}

_BY_PATH: Final = (
    *(
        "settings",
        "tokens",
        "sign-in-link",
        "sign-out",
        "inbox-count",
        "inbox-claim",
        "inbox-release",
    ),
    *("inbox-take-over", "inbox-later", "inbox-again", "run-travel-value", "run-answer"),
    *("value-run", "value-step", "workflow-intake"),
    *("schedule-pause", "schedule-unpause", "schedule-trigger"),
)

#: The words that each address may contain apart from its path, by the address's name. The name of
#: something that must exist, such as a step of the run, is looked up by the view, which then calls
#: `ignoring.ignore`.
KNOWN: Final[Mapping[str, Mapping[str, Check]]] = {
    "home": {"window": _one_of(overview_page.WINDOWS)},
    "run-act": {"step": _anything},
    "runs": {
        "status": _one_of(RunStatus),
        "workflow": _anything,
        "window": _one_of(WINDOWS),
        "since": _reads(day),
        "until": _reads(day),
        "q": _anything,
        "cols": _columns,
        "col": _one_of((*COLUMNS, ALWAYS)),
        "rows": _anything,
        "before": _reads(UUID),
        "after": _reads(UUID),
    },
    "inbox": {
        **_page,
        "tab": _one_of(INBOX_TABS),
        "item": _reads(UUID),
        "who": _one_of(("me",)),
        "sort": _one_of((NEWEST,)),
        "next": _number,
    },
    "workflows": {},
    "workflow": {**_look, "version": _anything},
    "workflow-graph": {**_look, "version": _anything, "theme": _theme},
    "workflow-start": {"from": _anything, "run": _anything},
    "schedules": {"after": _anything},
    "schedule": _page,
    "workers": {},
    "audit": {**_page, **_trail},
    "run": _run,
    "run-graph": {**_run, "theme": _theme},
    "run-step": {"timeline": _number, "first": _number},
    "run-log": {"before": _number},
    # Anything but a number gives all events: too many do no harm, but a missing one would.
    "run-events": {"after": _anything},
    "run-compare": {
        **dict.fromkeys(("a", "b", "run"), _anything),
        **dict.fromkeys(("at", "bt"), _number),
        "only": _one_of("01"),
    },
    "run-travel": {
        **dict.fromkeys(("from", "changed", "reason"), _anything),
        "per_step": _one_of("1"),
        "mode": _one_of(("here", "new")),
    },
    "raw-run": _raw,
    "raw-step": _raw,
    "audit-csv": _trail,
    "audit-json": _trail,
    "sign-in": {"next": _anything},
    # These addresses say everything in their path.
    **{name: {} for name in _BY_PATH},
}

#: Words that may occur more than once in an address, and how many of them are read.
_OFTEN: Final[Mapping[tuple[str, str], int]] = {
    ("runs", "col"): len(COLUMNS) + 1,
    ("run-compare", "run"): 2,
}
#: By page and word: the words that make this word have no effect.
_INSTEAD: Final[Mapping[tuple[str, str], str]] = {
    ("runs", "since"): "window",
    ("runs", "until"): "window",
    ("runs", "cols"): "col",
    ("run", "timeline"): "at",
    **{(page, "before"): "after" for page in ("runs", "inbox", "audit", "schedule")},
}
#: Pages on which `since` and `until` are two ends of one range, so that one of them alone means
#: nothing.
_PARTS: Final = frozenset({"run", "run-graph"})


def not_understood(request: HttpRequest) -> list[str]:
    """Return the words of a request's address that its page does not understand, as written."""
    match = request.resolver_match
    name = match.url_name if match else None
    if name is None or name not in KNOWN or not request.GET:
        return []
    strange = dict.fromkeys((*_strange(request, name), *ignoring.ignored(request)))
    found = list(strange)[:MOST]
    return [word if len(word) <= LONGEST else word[: LONGEST - 1] + "…" for word in found]


def _strange(request: HttpRequest, page: str) -> Iterator[str]:
    known = KNOWN[page]
    for _, (name, values) in zip(range(LOOKED_AT), request.GET.lists(), strict=False):
        if name not in known:
            yield name
            continue
        read = _read(page, name, values)
        strange = [v for v in dict.fromkeys(values) if v and not (v in read and known[name](v))]
        yield from (f"{name}={value}" for value in strange)
        if not strange and any(values) and _is_beside(request, page, name):
            yield name


def _read(page: str, name: str, values: list[str]) -> list[str]:
    """Return which of several values of a word are read: for most words, the last one."""
    most = _OFTEN.get((page, name))
    return values[-1:] if most is None else values[:most]


def _is_beside(request: HttpRequest, page: str, name: str) -> bool:
    """Return whether a word has no effect because of other words that are there, or missing."""
    if page in _PARTS and name in {"since", "until"}:
        first, last = (amount(request.GET.get(word, "")) for word in ("since", "until"))
        return first is None or last is None or first >= last
    other = _INSTEAD.get((page, name))
    said = request.GET.get(other, "") if other else ""
    return bool(said) and KNOWN[page][str(other)](said)
