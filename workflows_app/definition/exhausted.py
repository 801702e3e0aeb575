"""What is asked when a step has used up its attempts, and what may be answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

#: The values of `on_exhausted`, for a step and for a workflow.
FAIL: Final = "fail"
ASK: Final = "ask"
CHOICES: Final = (FAIL, ASK)
OnExhausted = Literal["fail", "ask"]

#: What the payload of such a question says about itself.
KIND: Final = "exhausted"
#: The actions of an answer, in the order in which people are offered them; `fail` is one, too.
RETRY: Final = "retry"
RESULT: Final = "result"
ACTIONS: Final = (RETRY, RESULT, FAIL)
#: The keys of an answer that hold the step's values.
INPUT: Final = "input"
OUTPUT: Final = "output"

_DEFS: Final = "#/$defs/"


class Answer(BaseModel):
    """What somebody answered; a value counts only if it is in `model_fields_set`."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "result", "fail"]

    @property
    def has_input(self) -> bool:
        """Whether the step is to run with another input."""
        return INPUT in self.model_fields_set


class Retry(Answer):
    """Run the step again, with all attempts, and with another input if there is one."""

    action: Literal["retry"]
    input: Any = None


class Result(Answer):
    """Take this as the step's result."""

    action: Literal["result"]
    output: Any


class Fail(Answer):
    """Let the step fail with its last error."""

    action: Literal["fail"]


_BY_ACTION: Final[Mapping[str, type[Answer]]] = {RETRY: Retry, RESULT: Result, FAIL: Fail}


def question(error: Mapping[str, Any], attempts: int) -> dict[str, Any]:
    """Return the payload with which such a step suspends."""
    return {"kind": KIND, "error": dict(error), "attempts": attempts}


def is_question(payload: Any) -> bool:
    """Return whether a payload is that of such a question."""
    return isinstance(payload, Mapping) and set(payload) == {"kind", "error", "attempts"} and (
        payload["kind"] == KIND
    )  # fmt: skip


def read(data: Any) -> Answer:
    """Return an answer, whose values are not checked. Raises Pydantic's ValidationError."""
    action = data.get("action") if isinstance(data, Mapping) else None
    kind = _BY_ACTION.get(action, Answer) if isinstance(action, str) else Answer
    return kind.model_validate(data)


def schema(takes: Mapping[str, Any] | None, gives: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the JSON Schema of an answer, from those of the step's input and output."""
    definitions: dict[str, Any] = {}
    made: dict[str, Any] = {
        "title": "Answer",
        "type": "object",
        "properties": {
            "action": {"title": "Action", "type": "string", "enum": list(ACTIONS)},
            INPUT: _inside(takes, INPUT, definitions) | {"title": "Input"},
            OUTPUT: _inside(gives, OUTPUT, definitions) | {"title": "Output"},
        },
        "required": ["action"],
        "additionalProperties": False,
    }
    return made | ({"$defs": definitions} if definitions else {})


def answer_schema(step: Mapping[str, Any], *, is_used_up: bool) -> Any:
    """Return the JSON Schema of an answer to a step of a stored graph; None: anything."""
    if is_used_up:
        return schema(step.get("input_schema"), step.get("output_schema"))
    return step.get("resume_schema")


def part(whole: Mapping[str, Any], name: str, label: str) -> dict[str, Any]:
    """Return the schema of an object with one of the values of an answer, from `schema`."""
    value = whole["properties"][name] | {"title": label}
    kept = {key: whole[key] for key in ("$defs",) if key in whole}
    return {"type": "object", "properties": {name: value}, "required": [name], **kept}


def _inside(
    whole: Mapping[str, Any] | None, name: str, definitions: dict[str, Any]
) -> dict[str, Any]:
    """Return a schema as a part of another; what it defines gets names of its own there."""
    own = _moved(dict(whole or {}), name)
    for key, each in own.pop("$defs", {}).items():
        definitions[f"{name}.{key}"] = each
    return dict(own)


def _moved(part: Any, name: str) -> Any:
    if isinstance(part, dict):
        return {key: _moved(each, name) for key, each in part.items()}
    if isinstance(part, list):
        return [_moved(each, name) for each in part]
    if isinstance(part, str) and part.startswith(_DEFS):
        return f"{_DEFS}{name}.{part.removeprefix(_DEFS)}"
    return part
