"""Workflows inside a Django `TestCase`: on the caller's connection, rolled back with the test."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import TestCase

from workflows_app import Workflow, errors, step
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


def retries_late(**options):
    """Return a workflow whose step fails once, to be tried again after some days."""

    def heals(data, ctx):
        if ctx.retry_count == 0:
            raise ValueError("once")
        return data

    return Workflow("late").then(step(heals, retries=1, retry_delay=DAYS, **options)).commit()


DAYS = 3 * 24 * 3600.0
LATE = {
    "sleep": lambda: Workflow("late").sleep(DAYS).commit(),
    "sleep by function": lambda: Workflow("late").sleep(lambda: DAYS).commit(),
    "sleep_until": lambda: (
        Workflow("late").sleep_until(lambda: datetime.now(UTC) + timedelta(days=3)).commit()
    ),
    "retry": retries_late,
    "nested": lambda: (
        Workflow("later")
        .parallel([Workflow("late").sleep(DAYS).commit(), step(lambda data: data, id="beside")])
        .commit()
    ),
}


@pytest.fixture(params=LATE)
def late(request):
    """Return a workflow that waits for days."""
    return LATE[request.param]()


@pytest.mark.django_db
@pytest.mark.usefixtures("execution")
class TestTimeDoesNotPassHere:
    """A wait of days inside a `TestCase`: no verb blocks, and a waiting verb says so."""

    def test_a_verb_that_does_not_wait_returns(self, late):
        run = late.create_run()
        assert run.start(1, wait=False).status in {"waiting", "running"}
        assert run.result().status == run.refresh().status

    @pytest.mark.parametrize("options", [{}, {"timeout": 0.5}, {"timeout": 2}])
    def test_a_verb_that_waits_says_that_time_does_not_pass(self, late, options):
        run = late.create_run()
        with pytest.raises(errors.WaitTimeout, match=r"waits until .* TestCase.*wait=False"):
            run.start(1, **options)
        assert run.refresh().status in {"waiting", "running"}
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            run.restart(**options)
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            run.rerun(**options)
        run.cancel(wait=True)
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            run.time_travel(next(iter(late.tree.nodes)), **options)
        run.cancel()
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            run.fork(next(iter(late.tree.nodes)), **options)

    def test_a_stream_says_so_too(self, late):
        seen = []
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            seen.extend(late.create_run().stream(1))
        run = late.create_run()
        run.start(1, wait=False)
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            list(run.observe_stream())

    def test_a_short_sleep_and_a_short_retry_just_work(self):
        def heals(data, ctx):
            if ctx.retry_count == 0:
                raise ValueError("once")
            return data

        made = (
            Workflow("short").sleep(0.1).then(step(heals, retries=1, retry_delay=0.1)).sleep(0.1)
        ).commit()
        assert made.create_run().start(1).result == 1
        assert made.create_run().start(1, timeout=30).result == 1
        assert list(made.create_run().stream(1))[-1].payload["status"] == "success"

    def test_a_wait_may_be_as_long_as_the_timeout_that_is_given(self):
        made = Workflow("longer").sleep(1.2).commit()
        assert made.create_run().start(1, timeout=30).result == 1


class TestOfDjangoWithSleeps(TestCase):
    """The async twins, in Django's own class."""

    async def test_the_async_twins_do_not_block_either(self):
        run = await LATE["sleep"]().acreate_run()
        assert (await run.astart(1, wait=False)).status == "waiting"
        again = await LATE["retry"]().acreate_run()
        for options in ({}, {"timeout": 0.3}):
            with pytest.raises(errors.WaitTimeout, match="TestCase"):
                await run.arestart(**options)
            with pytest.raises(errors.WaitTimeout, match="TestCase"):
                await run.arerun(**options)
        with pytest.raises(errors.WaitTimeout, match="TestCase"):
            async for _ in again.astream(1):
                pass
