"""Why a run failed, as people look for it: the step, its input, the line of their own code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext

from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

from .cards import Card
from .shown_payloads import Payload

#: Files that are not the user's own: installed packages, the standard library, the engine.
FOREIGN: Final = re.compile(
    r"(?:[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]"
    r"|[/\\]workflows_app[/\\](?!demo[/\\])|[/\\]worker[/\\]|^<)"
)
_FRAME: Final = re.compile(r'^  File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
#: How many causes and errors of groups are shown together.
MOST_BELOW: Final = 30
#: How many characters of the input a report contains.
MOST_INPUT: Final = 1000

Error = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of a traceback."""

    file: str
    line: int
    name: str
    code: str

    @property
    def is_own(self) -> bool:
        """Whether it is the user's code and not that of a library."""
        return FOREIGN.search(self.file) is None


@dataclass(frozen=True)
class Failure:
    """The failure of a run: its error, and the step that raised it, if a step did."""

    error: Error
    step: StepSnapshot | None = None
    #: The input of the step, as far as the page knows it.
    payload: Payload | None = None
    report: str = ""

    @property
    def attempt(self) -> int:
        """Which attempt of the step it was; 1 is the first."""
        return (self.step.retry_count if self.step else 0) + 1

    @property
    def travel_to(self) -> str:
        """The step to run again from: for an item, its whole list."""
        return re.sub(r"\[.*", "", self.step.path) if self.step else ""


def of(
    run: Run, error: Error | None, steps: Sequence[StepSnapshot], cards: Sequence[Card]
) -> Failure | None:
    """Return the failure of a run; None if it has not failed."""
    if error is None:
        return None
    failed = [step for step in steps if step.status == StepStatus.FAILED]
    holders = {step.parent_id for step in failed}
    inmost = [step for step in failed if step.pk not in holders and step.kind != "foreach"]
    ended = sorted(inmost, key=lambda each: (each.ended_at is None, each.ended_at, each.pk))
    step = ended[0] if ended else None
    card = next((card for card in cards if card.step is step), None) if step else None
    payload = next((p for p in card.payloads if p.field == "payload"), None) if card else None
    return Failure(error, step, payload, _report(run, error, step, payload))


def frames_of(traceback: str) -> list[Call]:
    """Return the calls of a traceback as Python writes it, the innermost last."""
    return list(_frames(traceback.splitlines()))


def own_frame(error: Error) -> Call | None:
    """Return the innermost call in the user's own code; None if there is none."""
    own = [frame for frame in frames_of(str(error.get("traceback") or "")) if frame.is_own]
    return own[-1] if own else None


def below(error: Error) -> list[tuple[str, Error]]:
    """Return the errors below an error, at any depth, each with how it belongs to the one above.

    The errors of a group are "In it"; the error that another was raised from is "Caused by".
    """
    found: list[tuple[str, Error]] = []
    _collect(error, found)
    return found[:MOST_BELOW]


def _collect(error: Error, found: list[tuple[str, Error]]) -> None:
    parts = [
        (gettext("In it"), part) for part in error.get("errors") or () if isinstance(part, Mapping)
    ]
    cause = error.get("cause")
    if isinstance(cause, Mapping):
        parts.append((gettext("Caused by"), cause))
    for how, part in parts:
        if len(found) < MOST_BELOW:
            found.append((how, part))
            _collect(part, found)


def _frames(lines: Sequence[str]) -> Iterator[Call]:
    for at, line in enumerate(lines):
        found = _FRAME.match(line)
        if found is None:
            continue
        after = lines[at + 1].strip() if at + 1 < len(lines) else ""
        code = "" if _FRAME.match(lines[at + 1] if at + 1 < len(lines) else "") else after
        yield Call(found["file"], int(found["line"]), found["name"] or "", code)


def _report(run: Run, error: Error, step: StepSnapshot | None, payload: Payload | None) -> str:
    """Return the whole failure as text that can be sent to somebody."""
    version = str(run.__dict__.get("version_hash", ""))[:8]
    lines = [
        gettext("Run {run_id} of {workflow_id}, version {version}, failed.").format(
            run_id=run.run_id, workflow_id=run.workflow_id, version=version
        )
    ]
    if step is not None:
        lines.append(
            gettext("Step {path}, attempt {retry_count}.").format(
                path=step.path, retry_count=step.retry_count + 1
            )
        )
    for how, each in (("", error), *below(error)):
        lines.append(f"\n{f'{how} ' if how else ''}{each.get('type')}: {each.get('message')}")
        lines += [str(note) for note in each.get("notes") or ()]
        lines += str(each.get("traceback") or "").rstrip().splitlines()
    if payload is not None:
        text = payload.preview.text
        cut = text[:MOST_INPUT] + ("…" if len(text) > MOST_INPUT else "")
        lines.append("\n" + gettext("Input: {value}").format(value=cut))
    return "\n".join(lines)
