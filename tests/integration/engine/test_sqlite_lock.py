"""On SQLite the engine's transactions take the write lock first, whatever a host's settings say."""

from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from workflows_app.engine.host import transactions

pytestmark = [pytest.mark.sqlite_only, pytest.mark.django_db(transaction=True)]


def begun(block):
    """Return how a block of ours begins on a connection as `startproject` describes it."""
    with CaptureQueriesContext(connection) as said, block():
        pass
    return [query["sql"] for query in said if query["sql"].startswith("BEGIN")]


@contextmanager
def begins(mode):
    """Let transactions of this connection begin as these settings say."""
    connection.ensure_connection()
    before, connection.transaction_mode = connection.transaction_mode, mode
    yield mode
    connection.transaction_mode = before


@pytest.fixture(params=[None, "DEFERRED"])
def late(request, transactional_db):
    with begins(request.param) as mode:
        yield mode


@pytest.mark.parametrize("block", [transactions.atomic, transactions.write, transactions.locking])
def test_a_transaction_of_the_engine_begins_with_the_lock(late, block):
    assert begun(block) == ["BEGIN IMMEDIATE"]
    assert connection.transaction_mode == late


def test_transactions_of_the_host_begin_as_its_settings_say(late):
    with transactions.write():
        pass
    assert begun(transaction.atomic) == [f"BEGIN {late}" if late else "BEGIN"]


def test_a_stricter_mode_of_the_host_stays():
    with begins("EXCLUSIVE"):
        assert begun(transactions.write) == ["BEGIN EXCLUSIVE"]


def test_inside_a_transaction_of_the_host_nothing_begins(late):
    with transaction.atomic():
        assert begun(transactions.write) == []
