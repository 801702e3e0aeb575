"""The values that the mapping of an entry may read, from the run as its attempt sees it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol, cast

from workflows_app.definition import MISSING, Function
from workflows_app.engine.run import reading
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work.context import StepContext
from workflows_app.jsontext import loads_revealed, revealed


class Execution(Protocol):
    """The attempt of the entry."""

    claim: Claim
    ctx: StepContext

    @property
    def plain_input(self) -> Any:
        """The entry's input as JSON values."""

    def function(self, function: Function, value: Any) -> Any:
        """Call a function of the entry with a value."""


class EntryValues:
    """The values of a mapping (`definition.mappings.Values`), read from the run."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._claim = execution.claim
        self.ctx = execution.ctx
        self.input = execution.plain_input

    @cached_property
    def init(self) -> Any:
        """The workflow's input."""
        return self.ctx.get_init_data()

    @property
    def context(self) -> Mapping[str, Any]:
        """The request context."""
        return cast("Mapping[str, Any]", revealed(self._claim.request_context))

    @property
    def state(self) -> Mapping[str, Any]:
        """The run's state."""
        return cast("Mapping[str, Any]", revealed(self._claim.state))

    def output_of(self, path: str) -> Any:
        """Return the output of a step that succeeded, else MISSING."""
        candidates = reading.outward(self._claim.path, path)
        text = reading.output_of(self._claim.run, candidates)
        return MISSING if text is None else loads_revealed(text)

    def call(self, function: Function) -> Any:
        """Return what a function of the mapping returns."""
        return self._execution.function(function, self.input)
