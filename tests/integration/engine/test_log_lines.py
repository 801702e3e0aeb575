"""What lines of the log are about, and what a failed attempt says there."""

import asyncio
import logging

import pytest
from pydantic import BaseModel

from workflows_app import StepContext, Workflow, step
from workflows_app.log_context import FIELDS, About
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

logger = logging.getLogger("workflows_app.tests.log_lines")
SECRET = "iban-of-ana"


@pytest.fixture
def lines(caplog):
    """Records as they are when a handler has them."""
    caplog.handler.addFilter(About())
    caplog.set_level(logging.INFO, logger="workflows_app")
    yield lambda start: [r for r in caplog.records if r.getMessage().startswith(start)]
    caplog.handler.filters.clear()


def about(record):
    return {name: getattr(record, name) for name in FIELDS}


class Order(BaseModel):
    iban: str


@step(retries=1)
def pays(order: Order, ctx: StepContext) -> str:
    logger.info("said by pays")
    if ctx.retry_count == 0:
        raise ValueError(f"No account {order.iban}")
    return "paid"


@step
async def reports(_: str) -> str:
    await asyncio.to_thread(logger.info, "said by reports")
    return "done"


def told(info):
    logger.info("said by a hook")
    raise ValueError(SECRET)


flow = Workflow("log-lines", input=Order, on_finish=told).then(pays).then(reports).commit()


def test_a_line_of_a_step_says_what_it_is_about(lines):
    run = flow.create_run()
    run.start({"iban": SECRET})

    first, second = lines("said by pays")
    (other,) = lines("said by reports")
    worker = StepSnapshot.objects.filter(path="pays").values_list("worker", flat=True).get()
    assert about(first) == {
        "run_id": run.run_id, "step_path": "pays", "attempt": 1, "worker": first.worker,
        "trace_id": run.trace_id or "", "request_id": "",
    }  # fmt: skip
    assert first.worker
    assert worker is None or str(worker) == first.worker
    assert (second.attempt, other.step_path, other.attempt) == (2, "reports", 1)


def test_a_failed_attempt_is_a_line_without_what_it_said(lines, settings):
    run = flow.create_run()
    run.start({"iban": SECRET})

    (line,) = lines("Attempt")
    assert line.getMessage().startswith(f"Attempt 1 of pays of run {run.run_id} failed at ")
    assert line.getMessage().endswith("in pays: ValueError")
    assert SECRET not in line.getMessage()
    assert (line.levelname, line.step_path, line.attempt) == ("WARNING", "pays", 1)


def test_what_it_said_is_logged_where_that_was_asked_for(lines, settings):
    settings.LOG_PAYLOADS = True
    flow.create_run().start({"iban": SECRET})

    (line,) = lines("Attempt")
    assert f"ValueError: No account {SECRET}" in line.getMessage()


def test_an_attempt_that_failed_outside_of_its_code_is_a_line_too(lines):
    @step
    def takes(number: int) -> int:
        return number

    wrong = Workflow("log-wrong").then(takes).commit()
    wrong.create_run().start(SECRET)

    (line,) = lines("Attempt")
    assert line.getMessage().endswith(": InvalidStepInput")
    assert SECRET not in line.getMessage()


def test_a_line_of_a_hook_is_about_its_run_and_no_step(lines):
    run = flow.create_run()
    run.start({"iban": SECRET})

    (line,) = lines("said by a hook")
    assert (line.run_id, line.step_path, line.attempt) == (run.run_id, "", "")


def test_outside_of_all_steps_nothing_is_known(lines):
    logger.info("said by nobody")

    (line,) = lines("said by nobody")
    assert set(about(line).values()) == {""}
