"""A step's effects on its thread end with the step: connections, context, time zone, decimals."""

import contextvars
import decimal
import logging
import sqlite3
import uuid
from typing import Any

import pytest
from asgiref.local import Local
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection, connections, transaction
from django.utils import timezone
from django.utils.translation import trans_real as translation
from psycopg.rows import dict_row

from workflows_app import Workflow, step
from workflows_app.models.sqltext import connection_here

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

held: list[Any] = []


def wrote(name="left"):
    Group.objects.create(name=name)


def turns_autocommit_off():
    transaction.set_autocommit(False)
    wrote()


def enters_a_block_and_stays():
    transaction.atomic().__enter__()
    wrote()


def enters_blocks_and_closes():
    transaction.atomic().__enter__()
    transaction.atomic().__enter__()
    wrote()
    connection.close()


def begins_by_hand():
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
    wrote()


def closes_the_driver():
    connection.ensure_connection()
    connection.connection.close()


def breaks_a_transaction():
    transaction.set_autocommit(False)
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT nothing FROM nowhere")
        except Exception:  # noqa: BLE001 - the swallowing is the matter
            return


LEAVINGS = [
    turns_autocommit_off,
    enters_a_block_and_stays,
    enters_blocks_and_closes,
    begins_by_hand,
    closes_the_driver,
    breaks_a_transaction,
]


def standing():
    """Return the state of the thread's connection, as a step finds it."""
    here = connections["default"]
    here.ensure_connection()
    raw = here.connection
    is_idle = (
        raw.pgconn.transaction_status == 0
        if here.vendor == "postgresql"
        else not raw.in_transaction
    )
    wrappers = len(here.execute_wrappers)
    return [here.autocommit, here.in_atomic_block, len(here.atomic_blocks), is_idle, wrappers]


CLEAN = [True, False, 0, True, 1]


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def is_usual_here():
    here = connection_here()
    return here.connection is None or (here.autocommit and not here.in_atomic_block)


@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
def test_a_step_gives_back_a_clean_connection_whatever_it_did_to_it(leave, caplog):
    def leaves(_data):
        leave()
        return "done"

    flow = Workflow(unique("leaves")).then(step(leaves)).then(step(standing)).commit()
    with caplog.at_level(logging.WARNING):
        result = flow.create_run().start(1, timeout=30)

    assert (result.status, result.result) == ("success", CLEAN)
    assert result.steps["leaves"].output == "done"
    said = [r.getMessage() for r in caplog.records if "rolled back" in r.getMessage()]
    assert len(said) == 1
    assert f"leaves of run {result.run_id} left" in said[0]
    assert not Group.objects.filter(name="left").exists()
    assert is_usual_here()


@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
def test_a_step_that_fails_after_it_left_a_mess_fails_with_its_own_error(leave):
    def leaves(_data):
        leave()
        raise LookupError("its own")

    result = Workflow(unique("fails")).then(step(leaves)).commit().create_run().start(1, timeout=30)
    assert (result.status, result.error.type, result.error.message) == (
        "failed", "LookupError", "its own",
    )  # fmt: skip
    assert (
        Workflow(unique("next")).then(step(standing)).commit().create_run().start(1).result == CLEAN
    )


def kinds(leave):
    """Return workflows in which user code of each kind leaves a mess, by what the code is."""

    def one(_data):
        leave()
        return True

    async def later(_data):
        await sync_to_async(leave)()
        return True

    def seconds(_data):
        leave()
        return 0

    def named(name):
        return Workflow(unique(name))

    return {
        "async step": named("async").then(step(later)),
        "map": named("map").map(one).then(step(lambda data: data, id="end")),
        "condition": named("condition").branch([(one, step(lambda data: True, id="end"))]),
        "loop": named("loop").do_until(step(lambda data: True, id="end"), one),
        "sleep": named("sleep").sleep(seconds).then(step(lambda data: True, id="end")),
        "concurrency": named("each").map(lambda d: [1]).foreach(
            step(lambda data: True, id="end"), concurrency=lambda data: (leave(), 1)[1]
        ),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["async step", "map", "condition", "loop", "sleep", "concurrency"])
@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
def test_functions_of_every_kind_give_back_a_clean_connection(kind, leave):
    flow = kinds(leave)[kind].then(step(standing)).commit()
    result = flow.create_run().start(1, timeout=30)
    assert (result.status, result.result) == ("success", CLEAN)
    assert not Group.objects.filter(name="left").exists()
    assert is_usual_here()


@pytest.mark.parametrize("leave", LEAVINGS, ids=lambda leave: leave.__name__)
def test_hooks_give_back_a_clean_connection(leave):
    called = []

    def hook(_info):
        called.append(1)
        leave()

    flow = Workflow(unique("hooks"), on_start=hook, on_finish=hook).then(step(standing)).commit()
    assert flow.create_run().start(1, timeout=30).result == CLEAN
    assert len(called) == 2
    assert is_usual_here()
    assert not Group.objects.filter(name="left").exists()


def test_a_transaction_of_an_async_step_is_not_that_of_another():
    async def keeps_open(_data):
        await sync_to_async(turns_autocommit_off)()
        return "kept"

    async def writes(_data):
        await Group.objects.acreate(name="mine")
        return "wrote"

    both = Workflow(unique("two")).parallel([step(keeps_open), step(writes)]).commit()
    result = both.create_run().start(1, timeout=30)
    assert result.result == {"keeps_open": "kept", "writes": "wrote"}
    assert list(Group.objects.values_list("name", flat=True)) == ["mine"]


def test_settings_of_a_session_and_held_cursors_are_not_found_by_the_next_step():
    held.clear()

    def changes(_data):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET statement_timeout = 12345")
                cursor.execute("SELECT set_config('search_path', 'nowhere', false)")
                cursor.execute("SELECT pg_advisory_lock(4711)")
            else:
                cursor.execute("PRAGMA busy_timeout = 1")
                cursor.execute("PRAGMA foreign_keys = OFF")
        return 1

    def holds(_data):
        if connection.vendor == "postgresql":
            rows = connection.chunked_cursor()
            rows.execute("SELECT generate_series(1, 300)")
            held.append(rows)
        return 1

    def finds(_data):
        with connection.cursor() as cursor:
            if connection.vendor != "postgresql":
                cursor.execute("PRAGMA foreign_keys")
                return cursor.fetchone()[0]
            cursor.execute("SHOW statement_timeout")
            (timeout,) = cursor.fetchone()
            cursor.execute("SELECT count(*) FROM pg_cursors")
            (cursors,) = cursor.fetchone()
            left = held.pop()  # closed here, or its driver complains of it later
            cursor.execute(f'DECLARE "{left.cursor.name}" CURSOR WITH HOLD FOR SELECT 1')
            left.close()
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            (locks,) = cursor.fetchone()
            return int(timeout == "0" and cursors == 0 and locks == 0)

    flow = Workflow(unique("session")).then(step(changes)).then(step(holds)).then(step(finds))
    result = flow.commit().create_run().start(1, timeout=30)
    assert (result.status, result.result) == ("success", 1)


# The connection itself.


def raw():
    connection.ensure_connection()
    return connection.connection


def deletes_it():
    connection.close()
    del connections["default"]


def puts_another_in_place():
    connections["default"] = other = connections.create_connection("default")
    other.ensure_connection()
    other.set_autocommit(False)


def reads_rows_otherwise():
    if connection.vendor == "postgresql":
        raw().row_factory = dict_row
    else:
        raw().row_factory = lambda _cursor, row: dict(enumerate(row))


def reads_rows_otherwise_on_a_new_one():
    connection.close()
    reads_rows_otherwise()


def reads_text_otherwise():
    if connection.vendor == "sqlite":
        raw().text_factory = bytes


def has_statements_refused():
    if connection.vendor == "sqlite":
        raw().set_authorizer(lambda *_: sqlite3.SQLITE_DENY)


def has_writes_refused():
    if connection.vendor == "sqlite":
        kinds = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE}
        raw().set_authorizer(lambda kind, *_: int(kind in kinds))


def has_statements_interrupted():
    if connection.vendor == "sqlite":
        raw().set_progress_handler(lambda: 1, 1)


def commits_no_more():
    if connection.vendor == "postgresql":
        raw().autocommit = False
    else:
        raw().isolation_level = "DEFERRED"


def locks_the_file():
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA main.locking_mode = EXCLUSIVE")


CHANGES = [
    deletes_it,
    puts_another_in_place,
    reads_rows_otherwise,
    reads_rows_otherwise_on_a_new_one,
    reads_text_otherwise,
    has_statements_refused,
    has_writes_refused,
    has_statements_interrupted,
    commits_no_more,
    locks_the_file,
]


def writes(_data):
    """Return how the connection stands, and a row as the driver gives it, after a write."""
    Group.objects.create(name=unique("written"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'text', 1")
        return [standing(), list(cursor.fetchone())]


AS_USUAL = [CLEAN, ["text", 1]]


@pytest.mark.parametrize("is_atomic", [False, True], ids=["plain", "atomic"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_step_that_changes_the_connection_itself_is_recorded_and_harms_nobody(change, is_atomic):
    def changes(_data):
        change()
        return "done"

    is_lost = is_atomic and change in {deletes_it, reads_rows_otherwise_on_a_new_one}
    if is_atomic and change is commits_no_more and connection.vendor == "postgresql":
        pytest.skip("the driver refuses it inside a transaction")
    mine = connection_here()
    flow = Workflow(unique("changes")).then(step(changes, atomic=is_atomic)).then(step(writes))
    result = flow.commit().create_run().start(1, timeout=15)
    if is_lost:
        assert result.status == "failed"
        assert result.error.type in {"TransactionManagementError", "ProgrammingError"}
    else:
        assert (result.status, result.result) == ("success", AS_USUAL)
        assert result.steps["changes"].output == "done"
    assert connection_here() is connections["default"] is mine
    after = Workflow(unique("after")).then(step(writes)).commit()
    for _ in range(3):
        assert after.create_run().start(1, timeout=15).result == AS_USUAL
    assert Group.objects.filter(name__startswith="written").count() == 3 + (not is_lost)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_hook_that_changes_the_connection_itself_harms_nobody(change):
    flow = Workflow(unique("hooked"), on_finish=lambda _info: change()).then(step(writes)).commit()
    for _ in range(3):
        result = flow.create_run().start(1, timeout=15)
        assert (result.status, result.result) == ("success", AS_USUAL)
    assert connection_here() is connections["default"]


def test_a_step_that_only_closes_the_connection_is_not_warned_about(caplog):
    flow = Workflow(unique("closes")).then(step(lambda _d: connection.close(), id="closes"))
    with caplog.at_level(logging.WARNING):
        assert flow.then(step(writes)).commit().create_run().start(1).result == AS_USUAL
    assert not [r for r in caplog.records if r.name.startswith("workflows_app")]


@pytest.mark.parametrize("is_atomic", [False, True], ids=["plain", "atomic"])
def test_settings_written_in_other_ways_are_not_found_by_the_next_step(is_atomic):
    said, asked = (
        ("/* soon */ SET lock_timeout = 12345", "SHOW lock_timeout")
        if connection.vendor == "postgresql"
        else ("PRAGMA main.cache_size (12345)", "PRAGMA cache_size")
    )

    def changes(_data):
        with connection.cursor() as cursor:
            cursor.execute(said)
        return 1

    def finds(_data):
        with connection.cursor() as cursor:
            cursor.execute(asked)
            return str(cursor.fetchone()[0])

    flow = Workflow(unique("session")).then(step(changes, atomic=is_atomic)).then(step(finds))
    result = flow.commit().create_run().start(1, timeout=15)
    assert result.status == "success"
    assert not result.result.startswith("12")


# The context.

mark = contextvars.ContextVar("mark", default="unset")
local = Local()


def changes_everything():
    timezone.activate("Asia/Tokyo")
    translation.activate("fr")
    decimal.getcontext().prec = 5
    mark.set("set")
    local.value = "set"


def seen():
    return [
        str(timezone.get_current_timezone()),
        translation.get_language(),
        decimal.getcontext().prec,
        mark.get(),
        getattr(local, "value", "unset"),
    ]


def test_what_a_step_activates_is_seen_neither_by_the_next_step_nor_by_the_caller():
    def activates(_data):
        changes_everything()
        return seen()

    async def activates_later(_data):
        changes_everything()
        return seen()

    flow = (
        Workflow(unique("context"))
        .then(step(seen, id="before"))
        .then(step(activates))
        .then(step(seen, id="after"))
        .then(step(activates_later))
        .then(step(seen, id="last"))
        .commit()
    )
    mine = seen()
    result = flow.create_run().start(1)
    changed = ["Asia/Tokyo", "fr", 5, "set", "set"]
    assert result.steps["activates"].output == changed
    assert result.steps["activates_later"].output == changed
    before = result.steps["before"].output
    assert before == result.steps["after"].output == result.steps["last"].output
    assert seen() == mine


def test_glue_and_hooks_keep_what_they_activate_to_themselves():
    def glue(data):
        changes_everything()
        return data

    def hook(_info):
        changes_everything()

    flow = (
        Workflow(unique("glue"), on_start=hook, on_finish=hook)
        .map(glue)
        .branch([(lambda data: glue(True), step(seen))])
        .commit()
    )
    mine = seen()
    fresh = Workflow(unique("fresh")).then(step(seen)).commit()
    first = fresh.create_run().start(1).result
    assert flow.create_run().start(1).result["seen"] == first
    assert seen() == mine
    assert fresh.create_run().start(1).result == first


def test_every_attempt_begins_with_the_context_as_it_was():
    found = []

    def fails(_data):
        found.append(seen())
        changes_everything()
        raise ValueError("again")

    flow = Workflow(unique("attempts")).then(step(fails, retries=2, retry_delay=0)).commit()
    assert flow.create_run().start(1).status == "failed"
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
