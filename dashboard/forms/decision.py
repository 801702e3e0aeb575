"""The forms with which people decide about a step whose attempts are used up.

There are two: one for another input, whose buttons also run the step as it was or let it fail, and
one for the result. Together they are used as one form for an answer is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.utils.translation import gettext

from workflows_app.definition import exhausted

from .documents import NotJson
from .fields import JSON
from .form import SchemaForm

#: Each button that decides has this prefix.
DECIDE: Final = "decide"
#: The parts, as the hidden field `part` of each form names them, with the key of their value.
AGAIN, GIVEN = "again", "given"
KEYS: Final = {AGAIN: exhausted.INPUT, GIVEN: exhausted.OUTPUT}
#: What each button decides, and whether the value of its form is part of the answer.
BUTTONS: Final = {
    "retry": (exhausted.RETRY, False),
    "with-input": (exhausted.RETRY, True),
    "result": (exhausted.RESULT, True),
    "fail": (exhausted.FAIL, False),
}
#: What Enter in a field of a part does.
_BY_ENTER: Final = {AGAIN: "with-input", GIVEN: "result"}


def label_of(button: str) -> str:
    """Return what stands on a button."""
    return {
        "retry": gettext("Retry"),
        "with-input": gettext("Retry with this input"),
        "result": gettext("Give this result"),
        "fail": gettext("Fail"),
    }[button]


def schema_of(whole: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return the schema of one part, from that of the whole answer."""
    label = gettext("Input") if part == AGAIN else gettext("Result")
    return exhausted.part(whole, KEYS[part], label)


def part_of(data: Mapping[str, Any]) -> str:
    """Return which part was posted."""
    return GIVEN if data.get("part") == GIVEN else AGAIN


@dataclass
class Part:
    """One of the two forms, as a template needs it."""

    name: str
    form: SchemaForm

    @property
    def hidden(self) -> dict[str, str]:
        """What it carries besides its fields."""
        return {"part": self.name}

    @property
    def verb(self) -> str:
        """What Enter in one of its fields does."""
        return label_of(_BY_ENTER[self.name])

    @property
    def buttons(self) -> str:
        """The template of its buttons."""
        return f"dashboard/questions/{self.name}_buttons.html"


@dataclass
class DecisionForm:
    """Both forms; what is asked of them is asked of the one that was posted, if one was."""

    again: SchemaForm
    given: SchemaForm
    #: The part that was posted; empty if the page is new.
    posted: str = ""
    is_decision: ClassVar[bool] = True

    @property
    def parts(self) -> list[Part]:
        """The two forms."""
        return [Part(AGAIN, self.again), Part(GIVEN, self.given)]

    @property
    def posted_parts(self) -> list[Part]:
        """The form that was posted alone."""
        return [part for part in self.parts if part.name == (self.posted or AGAIN)]

    @property
    def form(self) -> SchemaForm:
        """The form that was posted."""
        return self.given if self.posted == GIVEN else self.again

    @property
    def op(self) -> str:
        """The button that was pressed."""
        return self.form.op

    @property
    def button(self) -> str:
        """What the button decides."""
        verb, _, name = self.op.partition(":")
        return name if verb == DECIDE and name in BUTTONS else _BY_ENTER[self.posted or AGAIN]

    @property
    def text_errors(self) -> list[str]:
        """Errors that belong to no field."""
        return self.form.text_errors

    @property
    def is_locked(self) -> bool:
        """Whether nothing can be sent."""
        return self.again.is_locked

    @is_locked.setter
    def is_locked(self, is_locked: bool) -> None:
        self.again.is_locked = self.given.is_locked = is_locked

    def focus_first(self) -> None:
        """Let the first input have the focus when the form is shown."""
        self.form.focus_first()

    def act(self) -> bool:
        """Do what a button inside the form asked for; return False if the form was sent."""
        return self.form.act()

    def check(self) -> bool:
        """Return whether the form makes an answer; if not, its fields have the errors."""
        return self.form.check() if BUTTONS[self.button][1] else True

    def draft(self) -> JSON:
        """Return the answer as far as it is known."""
        return self._answer(self.button, self.form)

    def refuse(self, errors: Iterable[Mapping[str, Any]]) -> None:
        """Put the server's errors beside the fields that they name."""
        self.form.refuse(errors)

    def answers(self) -> list[tuple[JSON, str]]:
        """Return each answer that may be sent, with the label of its button."""
        found: list[tuple[JSON, str]] = []
        for button in BUTTONS:
            form = copy.deepcopy(self.given if button == "result" else self.again)
            form.hide_secrets()
            try:
                found.append((self._answer(button, form), label_of(button)))
            except NotJson:
                continue
        return found

    def _answer(self, button: str, form: SchemaForm) -> JSON:
        action, has_value = BUTTONS[button]
        if not has_value:
            return {"action": action}
        draft = form.draft()
        return {"action": action, **(draft if isinstance(draft, dict) else {})}


#: A form that answers a question: its own, or whether and how a step is to go on.
AnswerForm = SchemaForm | DecisionForm
