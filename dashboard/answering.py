"""An answer as a call from Python: what the form of a question would send, as far as it is filled.

Secrets are not written out.
"""

import copy
from pprint import pformat
from typing import Final

from dashboard.forms.bound import Line
from dashboard.forms.documents import NotJson
from dashboard.forms.fields import JSON
from dashboard.forms.form import JSON_TAB, SchemaForm

HIDDEN: Final = "…"
#: What stands for an answer that nobody has typed readably.
UNKNOWN: Final = "..."
#: Characters of a value that stand on the line of its call.
SHORT: Final = 50


def as_python(workflow_id: str, run_id: str, path: str, form: SchemaForm) -> str:
    """Return the call that answers the step at `path`; one for each button where it has those."""
    found = f"run = get_workflow({workflow_id!r}).get_run({run_id!r})"
    calls = [_call(value, path) + note for value, note in _values(form)]
    return "\n".join([found, *calls])


def _call(value: str, path: str) -> str:
    if len(value) <= SHORT and "\n" not in value:
        return f"run.resume({value}, step={path!r})"
    inside = value.replace("\n", "\n    ")
    return f"run.resume(\n    {inside},\n    step={path!r},\n)"


def _values(form: SchemaForm) -> list[tuple[str, str]]:
    """Return each answer that may be sent as Python writes it, with a note what it is."""
    root = form.root
    if form.tab != JSON_TAB and isinstance(root, Line) and form.buttons:
        return [(_literal(_chosen(root, name)), f"  # {label}") for name, label in form.buttons]
    if form.tab == JSON_TAB and form.has_secrets:
        return [(UNKNOWN, "")]
    hidden = copy.deepcopy(form)
    for line in hidden.root.walk():
        if isinstance(line, Line) and line.is_secret and line.raw:
            line.raw = HIDDEN
    try:
        return [(_literal(hidden.draft()), "")]
    except NotJson:
        return [(UNKNOWN, "")]


def _chosen(root: Line, name: str) -> JSON:
    chosen = copy.deepcopy(root)
    chosen.raw = name
    return chosen.draft()


def _literal(value: JSON) -> str:
    return pformat(value, width=80, sort_dicts=False)
