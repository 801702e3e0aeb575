"""Signals: sent after the commit with what changed, and without harm from receivers."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from tests.product import wait_until
from workflows_app import StepContext, Workflow, signals, step
from workflows_app.models import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

NAMES = ("run_started", "run_settled", "step_suspended", "step_answered", "step_failed")


@step
def ask(data: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend({"n": data})
    return data


@step
def burst(data: int) -> int:
    if data > 9:
        raise ValueError("too much")
    return data


plain = Workflow("signals-plain", input=int).then(burst).then(step(lambda n: n, id="b")).commit()
asks = Workflow("signals-ask", input=int).then(ask).then(burst).commit()


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What every signal says, in order, while a test runs."""
    found: list[dict[str, Any]] = []
    receivers = {}
    for name in NAMES:

        def hear(sender, signal, *, name=name, **said):
            is_there = Run.objects.filter(run_id=said["run_id"]).exists()
            found.append({"signal": name if sender is Run and is_there else "wrong", **said})

        receivers[name] = hear
        getattr(signals, name).connect(hear)
    yield found
    for name, hear in receivers.items():
        getattr(signals, name).disconnect(hear)


def told(heard: list[dict[str, Any]], run, count: int) -> list[dict[str, Any]]:
    """Return what was said of a run, once there are as many; they may come after the result."""
    wait_until(lambda: sum(each["run_id"] == run.run_id for each in heard) >= count, 10)
    mine = [dict(each) for each in heard if each["run_id"] == run.run_id]
    for each in mine:
        assert each.pop("workflow_id") == run.workflow_id
        del each["run_id"]
    return mine


def test_a_plain_run_is_told_of_once_when_it_starts_and_once_when_it_ends(heard):
    run = plain.create_run()

    assert run.start(1, timeout=20).status == "success"

    assert told(heard, run, 2) == [
        {"signal": "run_started", "actor": None},
        {"signal": "run_settled", "status": "success"},
    ]


def test_a_question_its_answer_and_a_failure_are_told_of(heard):
    ana = User.objects.create_user("ana", is_superuser=True)
    run = asks.create_run()
    run.start(10, actor=ana, timeout=20)
    (question,) = run.suspended_steps()
    told(heard, run, 3)  # another thread sends these

    run.resume("yes", actor=ana, timeout=20)

    assert told(heard, run, 6) == [
        {"signal": "run_started", "actor": "ana"},
        {"signal": "step_suspended", "path": "ask", "suspension": question["suspension"]},
        {"signal": "run_settled", "status": "suspended"},
        {"signal": "step_answered", "path": "ask", "actor": "ana"},
        {
            "signal": "step_failed",
            "path": "burst",
            "error": {"type": "ValueError", "message": "too much"},
        },
        {"signal": "run_settled", "status": "failed"},
    ]


def test_letting_a_paused_run_go_on_is_no_answer(heard):
    run = plain.create_run()
    run.start(1, per_step=True, timeout=20)
    told(heard, run, 2)
    run.proceed(per_step=False, timeout=20)

    names = [each["signal"] for each in told(heard, run, 3)]
    assert names == ["run_started", "run_settled", "run_settled"]


def test_a_cancel_is_told_of(heard):
    run = asks.create_run()
    run.start(1, timeout=20)
    told(heard, run, 3)  # another thread sends these
    run.cancel(wait=True, timeout=20)

    assert told(heard, run, 4)[-1] == {"signal": "run_settled", "status": "canceled"}


def test_nothing_is_told_of_what_was_rolled_back(heard):
    run = asks.create_run()
    with transaction.atomic():
        run.start(1, wait=False)
        transaction.set_rollback(True)

    assert told(heard, run, 0) == []


def test_a_receiver_that_raises_is_logged_and_changes_nothing(heard, caplog):
    def bad(**_):
        raise LookupError("of the receiver")

    signals.run_started.connect(bad)
    signals.run_settled.connect(bad)
    try:
        assert plain.create_run().start(1, timeout=20).status == "success"
    finally:
        signals.run_started.disconnect(bad)
        signals.run_settled.disconnect(bad)

    assert "of the receiver" in caplog.text
