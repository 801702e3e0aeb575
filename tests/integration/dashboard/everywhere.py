"""Every page that shows values, for runs whose values all hold one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User

from tests.integration.dashboard.conftest import question_of, row_of
from workflows_app import Schedule, StepContext, Workflow, step
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import Run as RunRow
from workflows_app.run import Run


class Refused(Exception):
    """What the step that fails raises."""


@step
def take(value: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """Take it as it comes."""
    ctx.writer.write(value["text"])
    ctx.set_state({"seen": value["text"]})
    return value


@step(resume=dict[str, Any])
def ask(value: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    if ctx.resume_data is None:
        text = value["text"]
        ctx.suspend({"question": f"## {text}\n\n*{text}* and `{text}`", text: text, "n": 1234567})
    return {**value, "answer": ctx.resume_data}


@step(retries=0)
def end(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("answer") == {"fail": True}:
        refusal = Refused(value["text"])
        refusal.add_note(value["text"])
        raise refusal from LookupError(value["text"])
    return value


@step
def each_one(item: int) -> int:
    return item


@step
def left(value: dict[str, Any]) -> dict[str, Any]:
    return value


@step
def right(value: dict[str, Any]) -> dict[str, Any]:
    return value


everything = (
    Workflow("everywhere", title="Everywhere")
    .then(take)
    .map(lambda value: [1] * 3)
    .foreach(each_one, concurrency=2)
    .map(lambda value, ctx: ctx.get_step_result(take))
    .parallel([left, right])
    .map(lambda value: value["left"])
    .branch([(lambda value, ctx: value["n"] > 1000, ask)])
    .map(lambda value: value["ask"])
    .then(end)
    .commit()
)


def started(text: str, person: User) -> Run:
    """Start a run that asks with this text, and is labelled with it."""
    run = everything.create_run(resource_id=text.replace("\0", "") or None)
    given = {"text": text, text: [text, 1234567.5], "n": 1234567}
    run.start(given, actor=person, tracing_options={"tags": [text]})
    return run


def addresses(text: str, person: User) -> dict[str, str]:
    """Bring runs into every state; return the pages that show them, by name."""
    asking, failed, done = (started(text, person) for _ in range(3))
    failed.resume({"fail": True}, actor=person)
    done.resume({text: text}, actor=person)
    fork = done.fork("end", input_data={"text": text, "n": 1234567, "answer": None}, actor=person)
    done.time_travel("end", actor=person, reason=text.replace("\0", ""))
    canceled = started(text, person)
    canceled.cancel(actor=person)
    RunRow.objects.filter(pk=row_of(canceled).pk).update(canceled_by=text.replace("\0", ""))
    said = Schedule(
        "0 3 * * *", timezone="Europe/Amsterdam", input_data={"text": text, "n": 1}, id="at-3"
    )
    schedule = schedules.make(everything, said, actor=person)
    schedules.pause(schedule.pk, text.replace("\0", ""), clock.now(), person)
    schedules.run_now(schedule.pk, everything, actor=person)
    found = dict(_lists(text))
    found["schedule"] = f"/schedules/{schedule.pk}/"
    for verb in ("pause", "unpause", "trigger"):
        found[f"schedule, {verb}"] = f"/schedules/{schedule.pk}/{verb}/"
    for name, run in {"asking": asking, "failed": failed, "done": done, "fork": fork}.items():
        found |= {f"{name} {part}": where for part, where in _of_run(run)}
    found["canceled"] = f"/runs/{canceled.run_id}/"
    found["earlier"] = f"/runs/{done.run_id}/?timeline=1"
    found["compared"] = f"/runs/compare/?a={asking.run_id}&b={failed.run_id}&only=0"
    question = question_of(asking)
    found["question"] = f"/inbox/?tab=open&item={question.suspension}"
    found["put off"] = f"/inbox/{question.suspension}/take-over/"
    found["copied"] = f"/workflows/everywhere/start/?from={done.run_id}"
    return found


def _lists(text: str) -> Iterator[tuple[str, str]]:
    yield "overview", "/"
    yield "runs", "/runs/?cols=run.input.reason.resource.tags.timeline.started.took"
    yield "runs that failed", "/runs/?status=failed"
    yield "runs found", "/runs/?" + urlencode({"q": text})
    for tab in ("open", "mine", "all", "later", "done"):
        yield f"inbox {tab}", f"/inbox/?tab={tab}"
    yield "workflows", "/workflows/"
    yield "workflow", "/workflows/everywhere/"
    yield "start", "/workflows/everywhere/start/"
    yield "schedules", "/schedules/"
    yield "workers", "/workers/"
    yield "audit", "/audit/"
    yield "settings", "/settings/"
    yield "tokens", "/settings/tokens/"


def _of_run(run: Run) -> Iterator[tuple[str, str]]:
    home = f"/runs/{run.run_id}/"
    for tab in ("graph", "timeline", "events", "data", "related", "audit"):
        yield tab, f"{home}?tab={tab}"
    yield "zoomed", f"{home}?tab=graph&zoom=75"
    yield "grouped", f"{home}?tab=timeline&group=branch"
    yield "a part", f"{home}?tab=timeline&since=0.0005&until=1234.5"
    yield "then", f"{home}?tab=data&at=9"
    yield "log", f"{home}log/"
    yield "value", f"{home}values/input/"
    yield "graph as a file", f"{home}graph.svg"
    yield "travel", f"{home}time-travel/?from=end"
    for name in ("cancel", "retry", "rerun", "delete", "restart", "pause", "proceed"):
        yield name, f"{home}{name}/"
    for path in row_of(run).steps.exclude(path__startswith="$").values_list("path", flat=True):
        yield f"step {path}", f"{home}steps/{path}/"
