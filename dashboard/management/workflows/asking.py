"""Asking for an answer at a terminal, field by field: the form of the page in another dress.

Labels, hints, defaults and errors are those of the form. Lists, maps and choices of a shape are
typed as JSON. An empty line is the default. What the server's types refuse is said, and asked again
with what was typed as the defaults.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from getpass import getpass
from typing import Any, Final

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from workflows_app import Run, errors
from workflows_app.definition import exhausted

from ...forms import documents, durations
from ...forms.bound import Bound, BoundInput
from ...forms.compound import BoundDuration, BoundEither
from ...forms.fields import JSON, MISSING, Missing
from ...forms.form import SchemaForm
from ...forms.groups import BoundGroup
from ...forms.inputs import BoundChoice, BoundFixed, BoundSwitch, BoundText
from .session import Session, pretty

_YES: Final = frozenset({"y", "yes", "true", "1"})
_NO: Final = frozenset({"n", "no", "false", "0"})

Answered = Callable[[Session, Run, Any, Mapping[str, Any]], int]


class NoAnswer(Exception):
    """Whoever was asked does not answer: there is no terminal, or its input ended."""


@dataclass(frozen=True)
class Question:
    """What a step asks, and the JSON Schema of the answer."""

    path: str
    asked: Any
    schema: Mapping[str, Any] | None

    @property
    def is_used_up(self) -> bool:
        """Whether the attempts of the step are used up, and somebody decides about that."""
        return exhausted.is_question(self.asked)


def question_of(session: Session, run: Run, chosen: Mapping[str, Any]) -> Question | None:
    """Return what is asked; None where that is not one question: then the verb refuses.

    Ends the process with the usage where nobody can be asked.
    """
    if not sys.stdin.isatty():
        session.wrong_use("--data is needed where there is no terminal to ask at.")
    asking = [each for each in run.suspended_steps() if _is_meant(each, chosen)]
    places = {each["path"].partition("[")[0] for each in asking}
    if len(places) != 1:
        return None
    first = asking[0]
    return Question(first["path"], first["suspend_payload"], first["resume_schema"])


def _is_meant(step: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    if suspension := chosen.get("suspension"):
        return bool(str(step["suspension"]) == suspension)
    if label := chosen.get("label"):
        return label in step["resume_labels"]
    wanted, index = chosen.get("step"), chosen.get("foreach_index")
    path = step["path"]
    if index is not None and not path.endswith(f"[{index}]"):
        return False
    return not wanted or path == wanted or path.startswith((f"{wanted}.", f"{wanted}["))


def answered(
    session: Session,
    run: Run,
    question: Question | None,
    chosen: Mapping[str, Any],
    answer: Answered,
) -> int:
    """Ask until the answer is taken; return how the command ends."""
    if question is None:
        return answer(session, run, None, chosen)
    console = session.beside
    _show(console, question)
    form = SchemaForm.blank(question.schema)
    while True:
        try:
            value = (_decision_in if question.is_used_up else _value_of)(console, form)
        except NoAnswer:
            session.wrong_use("Nothing was answered.")
        try:
            return answer(session, run, value, chosen)
        except errors.InvalidResumeData as refused:
            form = SchemaForm.blank(question.schema, value)
            form.refuse((refused.details or {}).get("errors") or [{"msg": str(refused)}])


def _show(console: Console, question: Question) -> None:
    console.print(Text.assemble((question.path, "bold"), " asks:"))
    if question.is_used_up:
        _show_failure(console, question.asked)
        return
    said, rest = _question_and_rest(question.asked)
    if said:
        console.print(Markdown(said))
    if rest:
        console.print(Text(pretty(rest), style="dim"))
    console.print(Text("Press Enter to take what stands in brackets.", style="dim"))


def _show_failure(console: Console, asked: Mapping[str, Any]) -> None:
    error, attempts = asked["error"], asked["attempts"]
    count = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    console.print(Text(f"{count} failed, and no attempt is left."))
    console.print(Text(f"{error.get('type')}: {error.get('message')}", style="red"))


def _question_and_rest(asked: Any) -> tuple[str, Any]:
    """Return what is asked in words, and what else is said with it."""
    if isinstance(asked, str):
        return asked, None
    if isinstance(asked, dict) and isinstance(asked.get("question"), str):
        return asked["question"], {key: each for key, each in asked.items() if key != "question"}
    return "", asked


def _value_of(console: Console, form: SchemaForm) -> JSON:
    value = _ask(console, form.root)
    return None if isinstance(value, Missing) else value


#: Which value each action may have.
_VALUES: Final = {exhausted.RETRY: exhausted.INPUT, exhausted.RESULT: exhausted.OUTPUT}


def _decision_in(console: Console, form: SchemaForm) -> JSON:
    """Ask for an action, and then only for the value that it may have."""
    found: dict[str, Any] = {}
    if (action := form.root.child("action")) is not None:
        found["action"] = _ask(console, action)
    name = _VALUES.get(str(found.get("action")), "")
    if (part := form.root.child(name)) is None:
        return found
    if isinstance(part, BoundGroup) and name == exhausted.OUTPUT:
        part.is_given = True
    value = _ask(console, part)
    return found if isinstance(value, Missing) else {**found, name: value}


def _ask(console: Console, part: Bound) -> JSON | Missing:
    _say_errors(console, part)
    match part:
        case BoundFixed():
            return part.draft()
        case BoundGroup():
            return _ask_group(console, part)
        case BoundInput() if not isinstance(part, BoundEither):
            return _ask_line(console, part)
        case _:
            return _ask_json(console, part)


def _say_errors(console: Console, part: Bound) -> None:
    for error in part.errors:
        console.print(Text(f"  {_label(part)}: {error}", style="red"))
    part.errors = []


def _label(part: Bound) -> str:
    return part.field.label or "Answer"


def _ask_group(console: Console, group: BoundGroup) -> JSON | Missing:
    if group.field.is_optional and not group.is_given:
        known = part_default(group)
        if not _yes(console, f"Fill in {_label(group)}?", is_default=known is not MISSING):
            return MISSING if known is MISSING else known
    if group.field.label and group.path:
        console.print(Text(group.field.label, style="bold"))
    found = {str(part.field.key): _ask(console, part) for part in group.parts}
    given = {key: value for key, value in found.items() if not isinstance(value, Missing)}
    return {**given, **group.extra}


def part_default(part: Bound) -> JSON | Missing:
    """Return the value that a part has before anybody types; MISSING where it has none."""
    try:
        return part.draft()
    except documents.NotJson:
        return MISSING


def _yes(console: Console, question: str, *, is_default: bool) -> bool:
    while True:
        typed = _read(console, f"{question} [{'Y/n' if is_default else 'y/N'}] ").strip().lower()
        if not typed:
            return is_default
        if typed in _YES | _NO:
            return typed in _YES
        console.print(Text("  Type y or n.", style="red"))


# One line.


def _ask_line(console: Console, line: BoundInput) -> JSON | Missing:
    _say_options(console, line)
    while True:
        typed = _read(console, _prompt(line), is_secret=line.is_secret)
        if typed:
            line.origin = MISSING
            if problem := _take(line, typed):
                console.print(Text(f"  {problem}", style="red"))
                continue
        line.check()
        if not line.errors:
            return line.draft()
        for error in line.errors:
            console.print(Text(f"  {error}", style="red"))
        line.errors = []


def _say_options(console: Console, line: BoundInput) -> None:
    if line.field.hint:
        console.print(Text(f"  {line.field.hint}", style="dim"))
    if isinstance(line, BoundChoice):
        for number, (_, label, _) in enumerate(line.choices, 1):
            console.print(Text(f"  {number}) {label}"))


def _prompt(line: BoundInput) -> str:
    words = _label(line)
    if isinstance(line, BoundSwitch):
        return f"{words} [{_switch_words(line)}] "
    default = _default_words(line)
    return f"{words}{f' [{default}]' if default else ''}: "


def _switch_words(line: BoundSwitch) -> str:
    return {"true": "Y/n", "false": "y/N"}.get(line.raw, "y/n")


def _default_words(line: BoundInput) -> str:
    """Return what an empty line would mean, as it is shown; a secret is not."""
    if line.is_secret:
        return "" if line.is_empty else "…"
    if isinstance(line, BoundChoice):
        return next((label for _, label, is_chosen in line.choices if is_chosen), "")
    if isinstance(line, BoundDuration) and line.raw:
        return f"{line.raw} {line.unit}"
    return line.raw or ("nothing" if line.field.is_optional else "")


def _take(line: BoundInput, typed: str) -> str:
    """Put what was typed into a field; return what is wrong with it, if anything is."""
    match line:
        case BoundSwitch():
            return _take_switch(line, typed)
        case BoundChoice():
            return _take_choice(line, typed)
        case BoundDuration():
            number, _, unit = typed.strip().partition(" ")
            line.raw, line.unit = number, unit.strip() or durations.AS_WRITTEN
            if line.unit not in {*durations.UNITS, durations.AS_WRITTEN}:
                return f"The units are {', '.join(reversed(durations.UNITS))}."
        case BoundText():
            line.raw, line.is_blank = ("", True) if typed == '""' else (typed, False)
        case _:
            line.raw = typed
    return ""


def _take_switch(line: BoundSwitch, typed: str) -> str:
    word = typed.strip().lower()
    if word not in _YES | _NO:
        return "Type y or n."
    line.raw = "true" if word in _YES else "false"
    return ""


def _take_choice(line: BoundChoice, typed: str) -> str:
    word = typed.strip()
    for number, (name, label, _) in enumerate(line.choices, 1):
        if word in {name, label, str(number)} or word.lower() == label.lower():
            line.raw = name
            return ""
    return "Type the number or the name of one of these."


# What is no line: as JSON.


def _ask_json(console: Console, part: Bound) -> JSON | Missing:
    default = part_default(part)
    shown = "" if isinstance(default, Missing) else f" [{documents.hidden_json(default)}]"
    if part.field.hint:
        console.print(Text(f"  {part.field.hint}", style="dim"))
    while True:
        typed = _read(console, f"{_label(part)}, as JSON{shown}: ").strip()
        if not typed:
            return default
        try:
            value: JSON = documents.load(typed)
        except documents.NotJson as mistake:
            console.print(Text(f"  {mistake}", style="red"))
        else:
            return value


def _read(console: Console, prompt: str, *, is_secret: bool = False) -> str:
    """Return a line that was typed, without its end. Raises NoAnswer at the end of the input."""
    console.file.write(prompt)
    console.file.flush()
    if is_secret:
        try:
            return getpass("")
        except EOFError:
            raise NoAnswer from None
    line = sys.stdin.readline()
    if not line:
        raise NoAnswer
    return line.rstrip("\r\n")
