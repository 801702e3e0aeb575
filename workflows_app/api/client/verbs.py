"""The verbs that go on with a run, each in its forms: told at once, waited for, or followed.

Each is the verb of the library, under the caller's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.http.response import HttpResponseBase
from pydantic import Field

from workflows_app.api.client import runs, streams, waiting
from workflows_app.api.client.operations import Body, Query, operation
from workflows_app.api.entry import rules
from workflows_app.api.entry.answers import Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.rules import Rule
from workflows_app.api.shapes import questions
from workflows_app.models import Run
from workflows_app.planner.statuses import ENDED, SETTLED
from workflows_app.run import Run as LiveRun
from workflows_app.threads import in_thread


class Named(Query):
    """Which run."""

    run_id: str


class MayBeNamed(Query):
    """Which run; without a name it is a new one."""

    run_id: str | None = None


class Tracing(Body):
    """How the run is traced."""

    metadata: dict[str, Any] | None = None
    request_context_keys: list[str] | None = None
    trace_id: str | None = None
    parent_span_id: str | None = None
    root_span_name: str | None = None
    tags: list[str] | None = None

    def given(self, *left_out: str) -> dict[str, Any]:
        """Return what was said: null says nothing."""
        said = super().given(*left_out)
        return {name: value for name, value in said.items() if value is not None}


class Restart(Body):
    """What every verb that goes on with a run takes."""

    request_context: dict[str, Any] | None = None
    tracing_options: Tracing | None = None


class Start(Restart):
    """What a start takes."""

    input_data: Any = None
    initial_state: Any = None
    per_step: bool = False
    resource_id: str | None = None
    close_on_suspend: bool = True


class Resume(Restart):
    """What an answer takes."""

    step: str | list[str] | None = None
    resume_data: Any = None
    per_step: bool = False
    foreach_index: int | None = Field(None, ge=0, alias="forEachIndex")


class Travel(Restart):
    """What a time travel takes."""

    step: str | list[str]
    input_data: Any = None
    resume_data: Any = None
    initial_state: Any = None
    context: dict[str, Any] | None = None
    nested_steps_context: dict[str, Any] | None = None
    per_step: bool = False


# The verbs, as they are called: without a wait, they return once the run goes on.

Verb = Callable[..., Awaitable[Any]]


def _start(run: LiveRun, body: Start) -> Verb:
    given = body.given("input_data", "resource_id", "close_on_suspend")
    return partial(run.astart, body.input_data, **given)


def _resume(run: LiveRun, body: Resume) -> Verb:
    return partial(run.aresume, body.resume_data, **body.given("resume_data"))


def _restart(run: LiveRun, body: Restart) -> Verb:
    return partial(run.arestart, **body.given())


def _travel(run: LiveRun, body: Travel) -> Verb:
    return partial(run.atime_travel, body.step, **body.given("step"))


# Their forms.

Form = Callable[[Call, LiveRun, Verb], Awaitable[Answer | HttpResponseBase]]


async def _begun(call: Call, _run: LiveRun, verb: Verb) -> Answer:
    await verb(wait=False, **call.acts)
    return Answer({"message": "Workflow run goes on"})


async def _named(call: Call, run: LiveRun, verb: Verb) -> Answer:
    await verb(wait=False, **call.acts)
    return Answer({"runId": run.run_id})


def _followed(rule: Rule) -> Form:
    async def followed(call: Call, run: LiveRun, verb: Verb) -> HttpResponseBase:
        closes = getattr(call.body, "close_on_suspend", True)
        return await streams.begun(call, run, verb, SETTLED if closes else ENDED, rule)

    return followed


@dataclass(frozen=True)
class _Said:
    """One address: what it needs and takes, how the verb is called, and the form of the answer."""

    rule: Rule
    body: type[Body]
    verb: Callable[[LiveRun, Any], Verb]
    form: Form
    #: Whether the run is made where there is none; and whether its id may be left out.
    makes: bool = False
    may_lack_id: bool = False


_VERBS: Final = {
    "start": _Said(rules.START, Start, _start, _begun),
    "start-async": _Said(rules.START, Start, _start, waiting.settled, makes=True, may_lack_id=True),
    "stream": _Said(rules.START, Start, _start, _followed(rules.START), makes=True),
    "resume": _Said(rules.ANSWER, Resume, _resume, _begun),
    "resume-async": _Said(rules.ANSWER, Resume, _resume, waiting.settled),
    "resume-no-wait": _Said(rules.ANSWER, Resume, _resume, _named),
    "resume-stream": _Said(rules.ANSWER, Resume, _resume, _followed(rules.ANSWER)),
    "restart": _Said(rules.STEER, Restart, _restart, _begun),
    "restart-async": _Said(rules.STEER, Restart, _restart, waiting.settled),
    "time-travel": _Said(rules.STEER, Travel, _travel, _begun),
    "time-travel-async": _Said(rules.STEER, Travel, _travel, waiting.settled),
    "time-travel-stream": _Said(rules.STEER, Travel, _travel, _followed(rules.STEER)),
}


def _register(name: str, said: _Said) -> None:
    query = MayBeNamed if said.may_lack_id else Named

    @operation(
        "POST", f"workflows/<str:workflow_id>/{name}", said.rule, query=query, body=said.body,
        is_stream=name.endswith("stream"),
    )  # fmt: skip
    async def handler(call: Call) -> Answer | HttpResponseBase:
        run = await in_thread(_run_of)(call, said)
        return await said.form(call, run, said.verb(run, call.body))


def _run_of(call: Call, said: _Said) -> LiveRun:
    if said.makes:
        body: Start = call.body
        return runs.made(call, call.query.run_id, body.resource_id, body.input_data)
    run = runs.named(call, call.query.run_id)
    if said.rule is rules.ANSWER:
        row = Run.objects.light().get(pk=run.pk)
        questions.require_any_answer(call.caller, row, call.acts)
    return run


for _name, _said in _VERBS.items():
    _register(_name, _said)


# Observing.


class ObserveQuery(Named):
    """Which run, and how many of its events are known."""

    offset: int = Field(0, ge=0, le=2**62)


@operation("POST", "workflows/<str:workflow_id>/observe", query=ObserveQuery, is_stream=True)
async def observe(call: Call) -> HttpResponseBase:
    """Replay the events of a run from one on, and follow it until it settles."""
    run = await in_thread(runs.named)(call, call.query.run_id)
    return await streams.observed(call, run, call.query.offset)
