"""The cursor of the hot path: what it converts, prepares, leaves to the driver, and raises."""

import datetime
import uuid

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from psycopg.adapt import PyFormat

from workflows_app.models import prepared

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="SQLite has Django's own cursor"
    ),
]


def ask(sql, *values):
    with prepared.cursor(connection) as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def test_values_come_back_as_they_went():
    at = datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC)
    key = uuid.uuid4()
    values = (None, "é ☂ 'x' %s $1", 2**53, at, key, True, "")

    found = ask(
        "SELECT $1::text, $2::text, $3::bigint, $4::timestamptz, $5::uuid, $6::boolean, $7::text",
        *values,
    )

    assert found == [values]


def test_a_time_that_python_does_not_hold_is_refused():
    assert ask("SELECT '0001-01-01 00:00:00+00'::timestamptz") == [
        (datetime.datetime(1, 1, 1, tzinfo=datetime.UTC),)
    ]
    for text in ("infinity", "0044-03-15 12:00:00+00 BC"):
        with pytest.raises(DataError):
            ask("SELECT $1::text::timestamptz", text)


def test_a_statement_is_prepared_once_for_each_mix_of_types():
    connection.close()  # or the limit of a connection may be reached in between
    for value in (1, 2**40, 3):
        assert ask("SELECT $1 + 1 AS once", value) == [(value + 1,)]

    named = ask(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1 + 1 AS once'"
    )

    assert named == [(1,)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 / (1 - $1::bigint)", DataError),
        ("SELECT nothing FROM nowhere WHERE id = $1", ProgrammingError),
        ("INSERT INTO django_content_type (model) SELECT 'm' WHERE 1 = $1", IntegrityError),
    ],
)
def test_what_the_database_refuses_is_raised_as_django_raises_it(sql, expected):
    with pytest.raises(expected):
        ask(sql, 1)

    assert ask("SELECT $1::bigint", 5) == [(5,)]


def test_inside_a_transaction_it_takes_part_in_it():
    count = "SELECT count(*) FROM django_content_type WHERE app_label = $1"
    insert = "INSERT INTO django_content_type (app_label, model) VALUES ($1, $2)"
    with transaction.atomic():
        ask(insert, "held", "one")
        ask(insert, "held", "two")
        assert ask(count, "held") == [(2,)]
        transaction.set_rollback(True)

    assert ask(count, "held") == [(0,)]


def test_a_connection_that_broke_reports_it_and_the_next_one_works():
    (mine,) = ask("SELECT pg_backend_pid() WHERE 1 = $1", 1)[0]
    with connection.copy().cursor() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])

    with pytest.raises(OperationalError):
        ask("SELECT $1::bigint", 1)
    connection.close_if_unusable_or_obsolete()

    assert ask("SELECT $1::bigint", 2) == [(2,)]


def test_beyond_the_most_that_is_kept_the_driver_goes_on(monkeypatch):
    monkeypatch.setattr(prepared, "MOST", 0)

    assert ask("SELECT $1::bigint, 'beyond'", 3) == [(3, "beyond")]


def test_statements_that_the_server_was_told_to_forget_are_prepared_again():
    assert ask("SELECT $1::bigint, 'kept'", 1) == [(1, "kept")]
    for forgets in ("DISCARD ALL", "DEALLOCATE ALL"):
        with connection.cursor() as cursor:
            cursor.execute(forgets)
        assert ask("SELECT $1::bigint, 'kept'", 2) == [(2, "kept")]


def test_a_name_that_was_taken_before_an_interruption_is_not_taken_again(monkeypatch):
    def interrupted(_cursor, _result):
        raise KeyboardInterrupt

    ask("SELECT $1::bigint, 'before'", 1)
    checked = prepared.PreparedCursor._checked
    monkeypatch.setattr(prepared.PreparedCursor, "_checked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask("SELECT $1::bigint, 'interrupted'", 1)
    monkeypatch.setattr(prepared.PreparedCursor, "_checked", checked)

    assert ask("SELECT $1::bigint, 'after'", 1) == [(1, "after")]
    assert ask("SELECT $1::bigint, 'interrupted'", 1) == [(1, "interrupted")]


def test_statements_of_the_host_are_converted_as_they_were_before_ours():
    """With server-side binding, an int of eight bytes fits neither date arithmetic nor limits."""
    with connection.cursor() as cursor:
        raw = cursor.connection
        before = raw.adapters.get_dumper(int, PyFormat.AUTO), raw.adapters.get_loader(1184, 0)
    ask("SELECT $1::bigint, $2::timestamptz", 5, datetime.datetime.now(datetime.UTC))
    after = raw.adapters.get_dumper(int, PyFormat.AUTO), raw.adapters.get_loader(1184, 0)
    assert after == before
    with psycopg.Cursor(raw) as host:  # what Django gives with server_side_binding
        host.execute("SELECT date '2024-01-01' + %s, repeat('x', %s)", (3, 2))
        assert host.fetchone() == (datetime.date(2024, 1, 4), "xx")
