"""The connection of a thread is Django's, also around an event loop."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from worker.database import ConnectionCheck
from workflows_app import Workflow, step
from workflows_app.models.sqltext import connection_here

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


def apart(act: Callable[[], object]) -> list[object]:
    """Call in a thread that has used no connection yet; return what it returned or raised."""
    came: list[object] = []

    def run() -> None:
        try:
            came.append(act())
        except Exception as error:  # noqa: BLE001 - it is what the test looks at
            came.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return came


def test_it_is_djangos_before_in_and_after_an_event_loop():
    async def inside() -> bool:
        return connection_here() is connection._connections[connection._alias]

    def look() -> list[bool]:
        return [
            asyncio.run(inside()),
            connection_here() is connection._connections[connection._alias],
            asyncio.run(inside()),
        ]

    assert apart(look) == [[True, True, True]]


def test_what_is_rolled_back_does_not_start_though_a_loop_ran_in_the_thread_before():
    flow = Workflow("rolled-back").then(step(lambda n: n, id="only")).commit()

    run = flow.create_run()

    async def refused() -> None:
        with pytest.raises(Exception, match="async"):
            run.start({"n": 1}, wait=False)

    def act() -> None:
        asyncio.run(refused())
        with transaction.atomic():
            run.start({"n": 1}, wait=False)
            raise LookupError

    (raised,) = apart(act)
    assert isinstance(raised, LookupError)
    assert run.refresh().status == "pending"


def test_a_thread_does_not_keep_a_connection_that_a_step_left_in_a_transaction():
    def look() -> list[object]:
        check = ConnectionCheck()
        check.before_work()
        connection.ensure_connection()
        first = connection.connection
        check.after_work()
        check.before_work()
        is_kept = connection.connection is first
        connection.set_autocommit(False)
        check.before_work()
        is_given_back = connection.connection is None
        return [is_kept, is_given_back]

    assert apart(look) == [[True, True]]
