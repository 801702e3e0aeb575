"""Paths with indexes: which item or iteration a path is in, and how people name it."""

import re
from typing import Any, Final

from workflows_app.definition import BODY
from workflows_app.models import StepSnapshot

_INDEX: Final = re.compile(r"\[(\d+)\]")


def index_of(path: str) -> int | None:
    """Return the innermost index of a path: 3 in `each[3].send`; None if there is none."""
    found = _INDEX.findall(path)
    return int(found[-1]) if found else None


def plain(path: str) -> str:
    """Return a path without its indexes: `each.send` for `each[3].send`."""
    return _INDEX.sub("", path).replace(BODY, "")


def base(path: str) -> str:
    """Return the base path of a path, its place in the graph: `each[].send` for `each[3].send`."""
    return _INDEX.sub(BODY, path)


def ids_of(path: str) -> list[str]:
    """Return the ids along a path, without indexes, because `suspended` names a foreach once."""
    return plain(path).split(".")


def without_last_index(path: str) -> str:
    """Return a path without its innermost index: `each.send` for `each[3].send`."""
    head, _, tail = path.rpartition("[")
    return head + tail.partition("]")[2] if head else path


def label_place(step: StepSnapshot) -> dict[str, Any]:
    """Return the target of this step's resume labels: its path, and the index in a foreach."""
    index = index_of(step.path)
    if index is None:
        return {"step": step.path, "foreach_index": None}
    return {"step": without_last_index(step.path), "foreach_index": index}


def actual(base_path: str, seen_from: str) -> str | None:
    """Return a base path with the indexes of the path `seen_from`.

    `each[].send` seen from `each[3].check` is `each[3].send`; None if an index is not known.
    """
    around = seen_from.split(".")
    parts: list[str] = []
    is_along = True
    for number, part in enumerate(base_path.split(".")):
        here = around[number] if number < len(around) else ""
        is_along = is_along and _INDEX.sub(BODY, here) == part
        parts.append(here if is_along else part)
    found = ".".join(parts)
    return None if BODY in found else found
