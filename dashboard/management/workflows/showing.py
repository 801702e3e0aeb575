"""What people read at a terminal: tables that fit it, trees, and statuses in the pages' colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from .session import pretty

#: As the pages have them: done, failed, at work, asking, waiting, over.
COLORS: Final = {
    "success": "green",
    "failed": "red",
    "running": "blue",
    "suspended": "yellow",
    "paused": "yellow",
    "waiting": "cyan",
    "canceled": "dim",
    "skipped": "dim",
    "queued": "dim",
    "pending": "dim",
}
SIGNS: Final = {
    "success": "✓",
    "failed": "✗",
    "running": "●",
    "suspended": "?",
    "paused": "‖",
    "waiting": "…",
    "canceled": "⊘",
    "skipped": "↷",
}
#: Characters of a value that are shown of a run.
MOST: Final = 2000
#: Steps that a tree shows: the last ones.
MOST_STEPS: Final = 200


def status(name: str) -> Text:
    """Return a status with its sign and its colour."""
    return Text(f"{SIGNS.get(name, '·')} {name}", style=COLORS.get(name, ""))


def moment(value: Any) -> str:
    """Return a moment in the zone of this installation."""
    if value is None:
        return ""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def length(seconds: float | None) -> str:
    """Return a length of time in few letters."""
    if seconds is None:
        return ""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        is_id = name in {"run", "suspension", "id"}
        table.add_column(name, no_wrap=True, overflow="fold" if is_id else "ellipsis")
    return table


def workflows(items: Iterable[Mapping[str, Any]]) -> RenderableType:
    """Return workflows as a table."""
    table = _table("id", "title", "version", "schedules")
    for each in items:
        table.add_row(each["id"], Text(each["title"]), each["version"][:8], str(each["schedules"]))
    return table


def runs(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return runs as a table."""
    if not items:
        return Text("No runs.", style="dim")
    table = _table("run", "workflow", "status", "started", "took", "")
    for each in items:
        note = (each["error"] or {}).get("message") or each["waiting_for"] or ""
        table.add_row(
            each["run_id"], each["workflow_id"], status(each["status"]),
            moment(each["started_at"]), length(each["duration"]), Text(_line(note)),
        )  # fmt: skip
    return table


def questions(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return questions as a table."""
    if not items:
        return Text("Nobody waits for an answer.", style="dim")
    table = _table("suspension", "workflow", "run", "step", "asked", "claimed by")
    for each in items:
        table.add_row(
            each["suspension"], each["workflow_id"], each["run_id"], each["path"],
            moment(each["asked_at"]), each.get("claimed_by") or "",
        )  # fmt: skip
    return table


def run(found: Mapping[str, Any]) -> RenderableType:
    """Return all of a run that a person wants to see first."""
    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("workflow", found["workflow_id"]), ("status", status(found["status"])),
        ("started", moment(found["started_at"])), ("took", length(found["duration"])),
        ("started by", found["started_by"]), ("resource", found["resource_id"]),
        ("waits for", found["waiting_for"]), ("trace", found["trace_id"]),
    ):  # fmt: skip
        if value:
            facts.add_row(Text(name, style="dim"), value if isinstance(value, Text) else str(value))
    parts: list[RenderableType] = [facts]
    if "steps" in found:
        parts += [Text(), tree(found)]
    if found["error"]:
        said = f"{found['error']['type']}: {found['error']['message']}"
        parts += [Text(), Text(said, style="red")]
    for name in ("input", "result"):
        if found.get(name) is not None:
            parts += [Text(), Text(name, style="dim"), Text(_cut(pretty(found[name])))]
    return Group(*parts)


def tree(found: Mapping[str, Any]) -> RenderableType:
    """Return a run and its steps as a tree."""
    head = Text.assemble((found["run_id"], "bold"), "  ", status(found["status"]))
    root = Tree(head, guide_style="dim")
    branches = {"": root}
    steps = found["steps"]
    if len(steps) > MOST_STEPS:
        root.add(Text(f"… {len(steps) - MOST_STEPS} steps before", style="dim"))
    for step in steps[-MOST_STEPS:]:
        parent = _parent(step["path"], branches)
        branches[step["path"]] = branches[parent].add(_step(step, parent))
    return root


def _parent(path: str, branches: Mapping[str, Tree]) -> str:
    """Return the path of the step that a step stands in; empty: in the run itself."""
    parent = path
    while "." in parent:
        parent = parent.rpartition(".")[0]
        plain = parent.partition("[")[0]
        if parent in branches or plain in branches:
            return parent if parent in branches else plain
    return ""


def _step(step: Mapping[str, Any], parent: str) -> Text:
    name = step["path"].removeprefix(f"{parent}.") if parent else step["path"]
    line = Text.assemble(status(step["status"]), "  ", (name, "bold"))
    began, ended = (
        datetime.fromisoformat(str(step[key])) if step[key] else None
        for key in ("started_at", "ended_at")
    )
    if began and ended:
        line.append(f"  {length((ended - began).total_seconds())}", "dim")
    if step["iterations"]:
        line.append(f"  {step['iterations']} items or rounds", "dim")
    if step["retry_count"]:
        line.append(f"  after {step['retry_count']} failed attempts", "dim")
    if step["error"] and step["status"] == "failed":
        line.append(f"  {step['error']['type']}: {_line(step['error']['message'])}", "red")
    return line


def event(found: Mapping[str, Any]) -> Text:
    """Return an event on one line."""
    payload = found["payload"]
    seq = "" if found["seq"] is None else str(found["seq"])
    line = Text.assemble(
        (moment(found["at"])[11:], "dim"), f" {seq:>5}  ", (f"{found['type']:<24}", "bold"),
        str(payload.get("path") or ""),
    )  # fmt: skip
    if said := payload.get("status"):
        line.append("  ")
        line.append_text(status(str(said)))
    if error := payload.get("error"):
        line.append(f"  {error['type']}: {_line(error['message'])}", "red")
    return line


def graph(found: Mapping[str, Any]) -> RenderableType:
    """Return the graph of a workflow as a tree of its entries."""
    root = Tree(Text(found["id"], style="bold"), guide_style="dim")
    _add_entries(root, found["entries"])
    return root


def _add_entries(branch: Tree, entries: Iterable[Mapping[str, Any]]) -> None:
    for entry in entries:
        name = str(entry.get("id") or entry["path"])
        inner = branch.add(Text.assemble((name, "bold"), "  ", (str(entry["kind"]), "dim")))
        _add_entries(inner, entry.get("children") or ())
        _add_entries(inner, (entry.get("workflow") or {}).get("entries", ()))


def plan(found: Mapping[str, Any]) -> RenderableType:
    """Return what a time travel would do."""
    table = Table.grid(padding=(0, 2))
    for name in ("step", "reused", "rerun", "skipped", "suspensions", "warnings"):
        value = found[name]
        said = value if isinstance(value, str) else ", ".join(value)
        table.add_row(Text(name, style="dim"), Text(said or "nothing"))
    return table


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]}\n… {len(text) - MOST} more characters"
