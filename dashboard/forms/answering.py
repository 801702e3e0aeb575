"""An answer as a call in Python: what the form of a question would send, as far as it is filled.

Secrets are not written out.
"""

import copy
from pprint import pformat
from typing import Final

from .bound import BoundInput
from .decision import AnswerForm, DecisionForm
from .documents import NotJson
from .fields import JSON
from .form import JSON_TAB

#: Stands for an answer that has not been typed, or cannot be read.
UNKNOWN: Final = "..."
#: A value with up to this many characters stays on the line of its call.
SHORT: Final = 50


def as_python(workflow_id: str, run_id: str, path: str, form: AnswerForm) -> str:
    """Return the call that answers the step at `path`; one for each button if there are some."""
    found = f"run = get_workflow({workflow_id!r}).get_run({run_id!r})"
    calls = [
        _call(_literal(value), path) + (f"  # {note}" if note else "")
        for value, note in answers(form)
    ]
    return "\n".join([found, *(calls or [_call(UNKNOWN, path)])])


def _call(value: str, path: str) -> str:
    if len(value) <= SHORT and "\n" not in value:
        return f"run.resume({value}, step={path!r})"
    inside = value.replace("\n", "\n    ")
    return f"run.resume(\n    {inside},\n    step={path!r},\n)"


def answers(form: AnswerForm) -> list[tuple[JSON, str]]:
    """Return each answer that may be sent, with a note what it is; none if it cannot be read."""
    if isinstance(form, DecisionForm):
        return form.answers()
    root = form.root
    if form.tab != JSON_TAB and isinstance(root, BoundInput) and form.buttons:
        return [(_chosen(root, name), label) for name, label in form.buttons]
    if form.tab == JSON_TAB and form.has_secrets:
        return []
    hidden = copy.deepcopy(form)
    hidden.hide_secrets()
    try:
        return [(hidden.draft(), "")]
    except NotJson:
        return []


def _chosen(root: BoundInput, name: str) -> JSON:
    chosen = copy.deepcopy(root)
    chosen.raw = name
    return chosen.draft()


def _literal(value: JSON) -> str:
    return pformat(value, width=80, sort_dicts=False)
