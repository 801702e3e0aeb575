"""The OpenAPI document is the whole truth: no answer that it does not tell, and none of 5xx.

A few cases an operation; `SIGNALBOX_API_CASES=2000` tries more, and `SIGNALBOX_API_OPERATIONS` is a
pattern of the operations to try, such as `^POST .*runs`. With `--log-cli-level=INFO` each says how
long it took.
"""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from tests.integration.api import flows
from tests.integration.api.conftest import Program, started
from workflows_app import Schedule, tokens
from workflows_app.engine.run import versions
from workflows_app.engine.verbs import schedules
from workflows_app.models import ApiToken, Run, StepSnapshot
from workflows_app.models import Schedule as ScheduleRow

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)  # by the product's settings other logs say less

#: Made here, because making it sets logging up anew, which would drop what pytest listens with.
APPLICATION: Final = get_wsgi_application()
CASES: Final = int(os.environ.get("SIGNALBOX_API_CASES", "8"))
CHOSEN: Final = re.compile(os.environ.get("SIGNALBOX_API_OPERATIONS", ""))
#: After how many cases what they made is undone: the more rows there are, the slower each is.
UNDONE_AFTER: Final = 100
#: Streams do not end: they have tests of their own.
STREAMS: Final = {("GET", "/api/v1/events")}
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep the connection of the test, which each request would give back."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def full(db, ana) -> str:
    """A token, and something of everything that addresses may name."""
    for _ in range(2):
        started()
        started(flows.shipping, 1)
    started(flows.items, [1, 2])
    started(given={"id": "broken", "total": 1})
    flows.plain.create_run("pending-run")
    said = Schedule("0 3 * * *", id="nightly", input_data=1)
    schedules.make(flows.plain, said)
    flows.scheduled.schedules()
    return tokens.make(ana, "everything")[1]


def _named(chance: random.Random, path: str) -> dict[str, str]:
    """Return what the parameters of a path may be so that they name something."""
    run = chance.choice(list(Run.objects.values_list("pk", "run_id")) or [(None, "none")])
    steps = StepSnapshot.objects.filter(run=run[0]).values_list("path", "pk")
    step, key = chance.choice(list(steps) or [("none", 0)])
    asking = StepSnapshot.objects.filter(suspension__isnull=False)
    return {
        "run_id": run[1],
        "path": step,
        "name": chance.choice(["input", "result", "input_data", f"{key}.output", "event.1.input"]),
        "workflow_id": chance.choice(["api-order", "api-plain", "api-items", "none"]),
        "schedule_id": _one(chance, ScheduleRow.objects.values_list("pk", flat=True)),
        "token_id": _one(chance, ApiToken.objects.exclude(name="everything").values_list("pk")),
        "suspension": _one(chance, asking.values_list("suspension", flat=True)),
    }


def _one(chance: random.Random, found: Any) -> str:
    return str(chance.choice(list(found) or ["none"]))


def test_no_answer_is_undocumented(full):
    program = Program(full)
    document = program.look("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schema.app = APPLICATION
    found = [result.ok() for result in schema.get_all_operations()]
    assert len(found) > 40
    found = [operation for operation in found if CHOSEN.search(operation.label)]
    wrong: dict[str, str] = {}
    with one_connection():
        for operation in found:
            if (operation.method.upper(), operation.path) not in STREAMS:
                since = time.monotonic()
                try:
                    _try(operation, full)
                except FailureGroup as failure:
                    wrong[operation.label] = str(failure)
                said = "wrong" if operation.label in wrong else "fine"
                logger.info("%s: %s, %.1f s", operation.label, said, time.monotonic() - since)
    assert not wrong, "\n".join(f"{label}: {said}" for label, said in wrong.items())


def _try(operation: Any, text: str) -> None:
    chance = random.Random(operation.label)
    made = _Made()

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=_right(operation) | _wrong(operation))
    def tried(case: Any) -> None:
        made.count()
        _fit(case, chance)
        case.call_and_validate(
            headers={"Authorization": f"Bearer {text}"},
            checks=CHECKS,
        )

    try:
        tried()
    finally:
        made.undo()


def _right(operation: Any) -> Any:
    return operation.as_strategy(generation_mode=GenerationMode.POSITIVE)


def _wrong(operation: Any) -> Any:
    """Cases that the document forbids: wrong, missing and unknown words."""
    return operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def _fit(case: Any, chance: random.Random) -> None:
    """Name what there is, mostly, and do not wait, unless this is what is wrong."""
    if _is_right(case, ParameterLocation.PATH) and chance.random() < 0.8:
        named = _named(chance, case.operation.path)
        known = {name: named[name] for name in case.path_parameters or {} if name in named}
        case.path_parameters = {**(case.path_parameters or {}), **known}
    if _is_right(case, ParameterLocation.QUERY) and "wait" in (case.query or {}):
        case.query = {**case.query, "timeout": "0"}


def _is_right(case: Any, location: ParameterLocation) -> bool:
    found = case.meta.components.get(location)
    return found is None or found.mode is GenerationMode.POSITIVE


class _Made:
    """What the cases made, which is undone now and then."""

    def __init__(self) -> None:
        self._cases = 0
        self._before = transaction.savepoint()

    def count(self) -> None:
        """Count one more case."""
        self._cases += 1
        if self._cases % UNDONE_AFTER == 0:
            self.undo()

    def undo(self) -> None:
        """Bring back the rows as they were before the first case."""
        transaction.savepoint_rollback(self._before)
        versions._known.clear()
