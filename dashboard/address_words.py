"""What the address of each page may say: a page tells what it does not understand.

A list that ignores a filter shows more than was asked for, and looks as if it were the answer. A
file or an image has no room for such a sentence, so the request is refused: see `views.refusing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from dashboard import inbox_page, overview_page
from dashboard.columns import ALWAYS, COLUMNS, NONE
from dashboard.filters import WINDOWS, day
from dashboard.graph_look import FIT, STEPS
from dashboard.paging import number
from dashboard.run_view import GROUPS, TABS, amount, keys
from workflows_app.planner.statuses import RunStatus

#: Says whether a value means something.
Check = Callable[[str], bool]

#: Words of one address that are named at most, and characters of each.
MOST: Final = 5
LONGEST: Final = 60
#: Where a request keeps the words that name nothing.
_LOOKED_UP: Final = "_signalbox_ignored"
#: Words of one address that are looked at.
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
    *("settings", "sign-in-link", "sign-out", "inbox-count", "inbox-claim", "inbox-release"),
    *("inbox-take-over", "inbox-later", "inbox-again", "run-travel-value", "run-answer"),
    *("value-run", "value-step", "run-act"),
    *("schedule-pause", "schedule-unpause", "schedule-trigger"),
)

#: By the name of each address, what it may say besides its path. What a word names, such as a step
#: of the run, is looked up by the view, which then calls `ignore`.
KNOWN: Final[Mapping[str, Mapping[str, Check]]] = {
    "home": {"window": _one_of(overview_page.WINDOWS)},
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
        "tab": _one_of(inbox_page.TABS),
        "item": _reads(UUID),
        "who": _one_of(("me",)),
        "sort": _one_of((inbox_page.NEWEST,)),
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
    # Anything but a number gives all events, because too many do no harm and a missing one would.
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

#: Words that may stand more than once in an address, and how often they are read.
_OFTEN: Final[Mapping[tuple[str, str], int]] = {
    ("runs", "col"): len(COLUMNS) + 1,
    ("run-compare", "run"): 2,
}
#: By page and word, those beside which the word is not read.
_INSTEAD: Final[Mapping[tuple[str, str], str]] = {
    ("runs", "since"): "window",
    ("runs", "until"): "window",
    ("runs", "cols"): "col",
    ("run", "timeline"): "at",
    **{(page, "before"): "after" for page in ("runs", "inbox", "audit", "schedule")},
}
#: Pages on which `since` and `until` are two ends of one part, and say nothing one by one.
_PARTS: Final = frozenset({"run", "run-graph"})


def ignore(request: HttpRequest, word: str) -> None:
    """Remember that what a word of the address names is not there, so that the page says it."""
    request.__dict__.setdefault(_LOOKED_UP, []).append(word)


def not_understood(request: HttpRequest) -> list[str]:
    """Return what the address of a request says that its page does not understand, as written."""
    match = request.resolver_match
    name = match.url_name if match else None
    if name is None or name not in KNOWN or not request.GET:
        return []
    strange = dict.fromkeys((*_strange(request, name), *request.__dict__.get(_LOOKED_UP, ())))
    found = list(strange)[:MOST]
    return [word if len(word) <= LONGEST else word[: LONGEST - 1] + "…" for word in found]


def in_words(strange: list[str]) -> str:
    """Return as the middle of a sentence what is not understood."""
    return ", ".join(f"“{word}”" for word in strange)


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
    """Return which of several values of a word are read: of most words, the last one."""
    most = _OFTEN.get((page, name))
    return values[-1:] if most is None else values[:most]


def _is_beside(request: HttpRequest, page: str, name: str) -> bool:
    """Return whether a word is not read because of what else the address says, or does not say."""
    if page in _PARTS and name in {"since", "until"}:
        first, last = (amount(request.GET.get(word, "")) for word in ("since", "until"))
        return first is None or last is None or first >= last
    other = _INSTEAD.get((page, name))
    said = request.GET.get(other, "") if other else ""
    return bool(said) and KNOWN[page][str(other)](said)
