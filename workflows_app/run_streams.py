"""The verbs of a run that follow its events while they act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack, cast

from workflows_app import calling, results
from workflows_app.definition.builder import In, Out
from workflows_app.engine.host.transactions import refuse_waiting
from workflows_app.run_verbs import Verbs
from workflows_app.stream import FOLLOW_LATER, RunStream
from workflows_app.threads import blocking
from workflows_app.verb_options import AnswerOptions, StartOptions, TravelOptions, output_options

if TYPE_CHECKING:
    from workflows_app.results import WorkflowResult
    from workflows_app.run import Run


class Streams(Verbs[In, Out]):
    """Each verb that lets a run go on, with the events that follow: `for event in run.stream()`."""

    @blocking
    def stream(
        self,
        input_data: In | Mapping[str, Any] | None = None,
        *,
        close_on_suspend: bool = True,
        **options: Unpack[StartOptions],
    ) -> RunStream:
        """Start the run and follow its events; options are those of `start`."""
        return self._begin_stream(
            "stream", partial(self.start, input_data), close_on_suspend, options
        )

    @blocking
    def resume_stream(
        self,
        resume_data: Any = None,
        *,
        close_on_suspend: bool = True,
        **options: Unpack[AnswerOptions],
    ) -> RunStream:
        """Answer a suspended step and follow the events; options are those of `resume`."""
        return self._begin_stream(
            "resume_stream", partial(self.resume, resume_data), close_on_suspend, options
        )

    @blocking
    def time_travel_stream(
        self,
        step: Any,
        *,
        close_on_suspend: bool = True,
        plan: str | None = None,
        **options: Unpack[TravelOptions],
    ) -> RunStream:
        """Travel in time and follow the events; options are those of `time_travel`."""
        return self._begin_stream(
            "time_travel_stream",
            partial(self.time_travel, step, plan=plan),
            close_on_suspend,
            options,
        )

    def observe_stream(self, after: int = 0, *, close_on_suspend: bool = True) -> RunStream:
        """Replay the events recorded after number `after`, then follow live."""
        after = calling.whole_number(after, "after", "observe_stream()")
        return RunStream(cast("Run[In, Out]", self), after, close_on_suspend=close_on_suspend)

    # Inside.

    def _begin_stream(
        self,
        verb: str,
        begin: Callable[..., object],
        close_on_suspend: bool,  # noqa: FBT001 - passed on as the verb got it
        options: Mapping[str, Any],
    ) -> RunStream:
        refuse_waiting(verb, FOLLOW_LATER)
        read = self._result_reader(options)
        self.refresh()
        stream = RunStream(
            cast("Run[In, Out]", self),
            self._row.event_seq,
            close_on_suspend=close_on_suspend,
            result=read,
        )
        return stream.begin(partial(begin, **{**options, "wait": False}))

    def _result_reader(self, options: Mapping[str, Any]) -> Callable[[], WorkflowResult]:
        """Return a function that reads the result with the given options. Raises InvalidInput."""
        return partial(results.build, self.pk, **output_options(options.get("output_options")))
