"""The express lane writes what the plain way writes, and steps aside when anything is not plain."""

from typing import Any

import pytest
from django.db import connection

from workflows_app import StepContext, Workflow, step
from workflows_app.engine import express
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

#: What differs between two runs of the same workflow.
OWN = {"id", "run_id", "worker_id"}
TIMES = {"queued_at", "started_at", "ended_at"}


@step(metadata={"a": [1]})
def small(data: dict[str, Any]) -> dict[str, Any]:
    """Return a small value."""
    return {"n": data["n"] + 1}


@step
def large(data: dict[str, Any]) -> dict[str, Any]:
    """Return a value that stands once and is referred to."""
    return {"n": data["n"], "text": "ü" * 3000}


@step
def last(data: dict[str, Any]) -> dict[str, Any]:
    """Return a small value again."""
    return {"n": data["n"]}


@pytest.fixture
def chain() -> Workflow:
    """A chain of plain steps, with a branch at its end."""
    flow = Workflow("express").then(small).then(large).then(last).then(step(small, id="again"))
    return flow.then(step(last, id="end")).commit()


def described(run: Any) -> tuple[Any, ...]:
    """Return all that is known of a run but keys and times."""
    keys = dict(StepSnapshot.objects.values_list("pk", "path"))
    steps = [
        {
            field.attname: named(getattr(row, field.attname), keys)
            for field in StepSnapshot._meta.concrete_fields
            if field.attname not in OWN | TIMES
        }
        | {name: getattr(row, name) is not None for name in TIMES}
        for row in StepSnapshot.objects.filter(run=run.pk).order_by("pk")
    ]
    events = [
        (event.seq, event.type, event.timeline, {**event.payload, "ended_at": 0, "started_at": 0})
        for event in run.events()
    ]
    row = RunRow.objects.get(pk=run.pk)
    counts = (row.status, row.revision, row.event_seq, row.active_count, row.state, row.result)
    return steps, events, counts


def named(value: Any, keys: dict[int, str]) -> Any:
    """Name the step that a reference means."""
    if isinstance(value, str) and value.partition(".")[0].isdecimal():
        return keys[int(value.partition(".")[0])] + value.partition(".")[2]
    return value


def test_both_ways_write_the_same(chain, monkeypatch):
    fast = chain.create_run()
    assert fast.start({"n": 1}).result == {"n": 3}
    monkeypatch.setattr(express, "is_open", False)
    plain = chain.create_run()
    assert plain.start({"n": 1}).result == {"n": 3}
    assert described(fast) == described(plain)


def test_on_postgresql_a_chain_takes_the_express_lane(chain, monkeypatch):
    taken = []
    record = express._record
    monkeypatch.setattr(express, "_record", lambda *a: taken.append(a[0].path) or record(*a))
    chain.create_run().start({"n": 1})
    is_postgresql = connection.vendor == "postgresql"
    assert taken == (["small", "large", "last", "again"] if is_postgresql else [])


def test_a_run_that_was_written_to_meanwhile_takes_the_plain_way(monkeypatch):
    def cancels_itself(data: Any, ctx: StepContext) -> Any:
        run = flow.get_run(ctx.run_id)
        run.cancel()
        return data

    flow = Workflow("cut-short").then(step(cancels_itself, id="cut")).then(last).commit()
    result = flow.create_run().start({"n": 1})
    assert result.status == "canceled"
    assert list(result.steps) == ["cut"]
    assert result.steps["cut"].output == {"n": 1}
