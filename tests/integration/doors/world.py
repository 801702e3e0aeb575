"""Two workflows, a run or a schedule for each action on them, and the people who come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import Client

from tests.integration.doors.table import PLACES, ROWS, Kind, Place
from workflows_app import Run, Schedule, StepContext, Workflow, step, tokens
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, Assignment, StepSnapshot
from workflows_app.models import Run as RunRow
from workflows_app.models import Schedule as ScheduleRow

#: What a time travel past the question gives instead of the answer.
PAST: Final = {"ask": {"output": 1}, "breaks": {"output": 1}}
#: What the breaking step does.
MOOD = {"fails": True}


def _flow(place: Place) -> Workflow:
    @step(resume=bool, permission=f"group:{place.asks}" if place.asks else None)
    def ask(value: Any, ctx: StepContext) -> Any:
        if ctx.resume_data is None:
            ctx.suspend({"question": "Fine?"})
        return value

    @step
    def breaks(value: Any) -> Any:
        if MOOD["fails"]:
            raise ValueError("not today")
        return value

    @step
    def end(value: Any) -> Any:
        return value

    wanted = f"group:{place.group}" if place.group else None
    flow = Workflow(place.workflow, permission=wanted).then(ask).then(breaks).then(end)
    return flow.commit()


FLOWS: Final = {place: _flow(place) for place in PLACES}


@dataclass
class Subject:
    """What there is to act on in one workflow: a run or a schedule for each action."""

    place: Place
    runs: dict[str, Run] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)
    schedules: dict[str, ScheduleRow] = field(default_factory=dict)

    @property
    def flow(self) -> Workflow:
        """The workflow."""
        return FLOWS[self.place]

    @property
    def value(self) -> str:
        """What each of its runs is given, for its values to be found by."""
        return f"a-value-of-{self.place.workflow}"


def made(place: Place) -> Subject:
    """Bring a run, or a schedule, into the state in which each action is possible."""
    subject = Subject(place)
    for row in ROWS:
        if row.endswith("-schedule"):
            subject.schedules[row] = _schedule(subject, row)
            continue
        run = subject.runs[row] = _run(subject, row)
        if asked := run.suspended_steps():
            subject.questions[row] = asked[0]["suspension"]
        if row.startswith(("fork", "time-travel")):
            subject.plans[row] = run.plan_time_travel(target(row), **given(row)).token
    return subject


def target(row: str) -> str:
    """Return the step that a time travel, or a fork, goes on from."""
    return "end" if row.endswith("past") else "ask"


def given(row: str) -> dict[str, Any]:
    """Return what it is given."""
    return {"context": PAST} if row.endswith("past") else {}


def _schedule(subject: Subject, row: str) -> ScheduleRow:
    said = Schedule("0 0 1 1 *", id=row, input_data=subject.value)
    found = schedules.make(subject.flow, said)
    if row == "unpause-schedule":
        schedules.pause(found.pk, "", clock.now())
        found.refresh_from_db()
    return found


def _run(subject: Subject, row: str) -> Run:
    MOOD["fails"] = row == "retry"
    run: Run = subject.flow.create_run()
    if row != "start":
        run.start(subject.value, per_step=row == "proceed")
    if row in {"retry", "proceed", "rerun", "time-travel", "fork", "restart"}:
        run.resume(True, per_step=row == "proceed")
    if row == "restart":
        RunRow.objects.filter(pk=run.pk).update(status="running", active_count=1)
    if row in {"skip-wait", "give-up"}:
        _wait_for_an_attempt(run)
    MOOD["fails"] = False
    return run.refresh()


def _wait_for_an_attempt(run: Run) -> None:
    later = clock.now() + timedelta(days=1)
    error: dict[str, object] = {
        "type": "E",
        "message": "",
        "traceback": "",
        "cause": None,
        "details": {},
    }
    StepSnapshot.objects.filter(run=run.pk).update(
        status="queued", retry_count=1, wake_at=later, error=error
    )
    RunRow.objects.filter(pk=run.pk).update(status="running", active_count=1, suspended_count=0)


@dataclass
class Visitor:
    """Somebody who comes to a door."""

    user: User | None
    browser: Client
    #: The headers of a program with a token.
    headers: dict[str, str]


def visitor(kind: Kind) -> Visitor:
    """Return a person of a kind, signed in or with a token."""
    browser = Client()
    if not kind.is_somebody:
        return Visitor(None, browser, {})
    user = User.objects.create_user(
        f"person-{User.objects.count()}",
        is_superuser=kind.is_superuser,
        is_staff=kind.is_staff,
        is_active=kind.is_active,
    )
    named = Permission.objects.filter(content_type__app_label="workflows_app")
    user.user_permissions.set(named.filter(codename__in=kind.permissions))
    for name in kind.groups:
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    if kind.token is None:
        browser.force_login(user)
        return Visitor(user, browser, {})
    said = kind.token
    _, text = tokens.make(user, "a token", scopes=sorted(said.scopes), workflows=said.workflows)
    return Visitor(user, browser, {"Authorization": f"Bearer {text}"})


def state() -> tuple[Any, ...]:
    """Return all that a refusal must leave as it is: the audit trail notes refused answers."""
    runs = RunRow.objects.order_by("pk").values_list(
        "run_id", "status", "revision", "timeline", "event_seq"
    )
    said = ScheduleRow.objects.order_by("pk").values_list("pk", "status", "hash", "last_run_id")
    return (
        tuple(runs),
        tuple(StepSnapshot.objects.order_by("pk").values_list("pk", "status")),
        tuple(said),
        Assignment.objects.count(),
        Action.objects.exclude(verb="resume-refused").count(),
    )


@contextmanager
def undone() -> Iterator[None]:
    """Undo what the block does; the product takes it for what a test does before and after."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)
