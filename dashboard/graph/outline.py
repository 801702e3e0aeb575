"""The entries of a graph in its JSON: what is inside each, and what it does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final

from django.utils.translation import gettext, ngettext

from workflows_app import languages

Entry = Mapping[str, Any]

#: Entries that are drawn as frames around what is inside them.
FRAMES: Final = frozenset({"workflow", "foreach", "do_while", "do_until"})

#: A frame that is folded, drawn as one box.
FOLDED: Final = "folded"


def fold(entries: Sequence[Entry], shut: Set[str]) -> Sequence[Entry]:
    """Return the entries with these frames as single entries, with nothing inside."""
    return [_folded(entry, shut) for entry in entries] if shut else entries


def _folded(entry: Entry, shut: Set[str]) -> Entry:
    if entry["path"] in shut:
        number = count(inside(entry))
        what = ngettext("{number} entry folded", "{number} entries folded", number)
        what, note = what.format(number=number), note_of(entry)
        return {
            "kind": FOLDED,
            "path": entry["path"],
            "name": (entry.get("workflow") or {}).get("title") or entry["name"],
            "description": f"{entry['name']}: {note}, {what}" if note else what,
        }
    nested = entry.get("workflow")
    if nested:
        inner = fold(nested["entries"], shut)
        return {**entry, "workflow": {**nested, "entries": inner}}
    if entry.get("children"):
        return {**entry, "children": fold(entry["children"], shut)}
    return entry


def count(entries: Iterable[Entry]) -> int:
    """Return how many entries there are, at every depth."""
    return sum(1 + count(inside(entry)) for entry in entries)


def inside(entry: Entry) -> Sequence[Entry]:
    """Return the entries inside this one."""
    nested = entry.get("workflow")
    found: Sequence[Entry] = nested["entries"] if nested else entry.get("children", [])
    return found


def short_condition(text: object) -> str:
    """Return a condition's source without `lambda data, ctx:`."""
    return re.sub(r"^lambda\b[^:]*:\s*", "", str(text or ""))


def note_of(entry: Entry) -> str:
    """Return in a few words what an entry does apart from running what is inside."""
    match entry["kind"]:
        case "foreach":
            return gettext("each item, {number} at a time").format(number=entry["concurrency"])
        case "do_while" | "do_until":
            text = gettext("again until {condition}")
            if entry["kind"] == "do_while":
                text = gettext("again while {condition}")
            return text.format(condition=short_condition(entry["conditions"][0]))
        case "step" if "event" in entry:
            event = entry["event"]
            text = gettext("waits for the event {name}, key {key}")
            return text.format(name=event["name"], key=event["key"])
        case "sleep":
            return _length_of(entry)
        case _:
            return ""


def _length_of(entry: Entry) -> str:
    """Return how long a sleep lasts."""
    if "until" in entry:
        return gettext("until {moment}").format(moment=short_condition(entry["until"]))
    seconds = entry["seconds"]
    if isinstance(seconds, str):
        return short_condition(seconds)
    return gettext("{number} s").format(number=languages.plain_number(seconds))
