"""Workflows inside a Django `TestCase`: on the caller's connection, rolled back with the test."""

import asyncio

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import TestCase

from workflows_app import Workflow, step
from workflows_app.models import Run


def flow() -> Workflow:
    """Return a workflow that forks, fails once and asks."""

    def heals(data, ctx):
        if ctx.retry_count == 0:
            raise ValueError("once")
        return data

    def ask(data, ctx):
        if ctx.resume_data is None:
            ctx.suspend("?")
        return [data, ctx.resume_data]

    async def later(data):
        await asyncio.sleep(0)
        return data

    return (
        Workflow("inside-testcase", on_finish=lambda info: None)
        .parallel([step(heals, retries=1, retry_delay=0.01), step(later)])
        .then(ask)
        .commit()
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("execution")
def test_verbs_work_on_the_connection_of_the_test():
    run = flow().create_run()
    assert run.start(1).status == "suspended"
    assert run.resume("yes").result == [{"heals": 1, "later": 1}, "yes"]
    assert [event.seq for event in run.events()] == list(range(1, len(run.events()) + 1))


@pytest.mark.django_db
@pytest.mark.usefixtures("execution")
def test_a_run_that_nobody_waits_for_has_gone_on_when_the_verb_returns():
    run = flow().create_run()
    assert run.start(1, wait=False).status == "suspended"
    types = [event.type for event in run.resume_stream("yes")]
    assert (types[0], types[-1]) == ("workflow-resumed", "workflow-finish")


@pytest.mark.django_db
@pytest.mark.usefixtures("execution")
def test_a_block_that_a_step_left_open_is_rolled_back_and_not_the_test():
    Group.objects.create(name="of the test")

    def leaves(data):
        transaction.atomic().__enter__()
        Group.objects.create(name="left")
        return data

    run = Workflow("leaves-open").then(step(leaves)).then(step(lambda d: d, id="end"))
    assert run.commit().create_run().start("done").result == "done"
    assert list(Group.objects.values_list("name", flat=True)) == ["of the test"]
    assert connection.in_atomic_block


@pytest.mark.django_db
@pytest.mark.usefixtures("execution")
def test_nothing_is_left_for_the_next_test():
    assert Run.objects.count() == 0


class TestOfDjango(TestCase):
    """The same in Django's own class, embedded by default, async too."""

    def test_a_waiting_verb_is_not_refused(self):
        assert flow().create_run().start(1).status == "suspended"

    async def test_the_async_twins_work(self):
        run = await flow().acreate_run()
        assert (await run.astart(1)).status == "suspended"
        assert (await run.aresume("yes")).status == "success"
