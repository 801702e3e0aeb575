"""A PostgreSQL full of runs: real ones of each kind, copied by the database to any number.

Keys and moments are spread over 30 days. Every run that has not ended, every failed one of the
newest and the newest of all have their three steps and their log; older ones have none, because
their pages are not measured.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from tests.benchmarks import page_flows
from workflows_app.models import Action, Run, RunEvent, StepSnapshot
from workflows_app.models.fields import uuid7

DAYS: Final = 30
#: Runs that have steps: the newest.
WITH_STEPS: Final = 20_000
BATCH: Final = 100_000
#: How many of a thousand runs have which status. The rest succeeded.
MIX: Final = {
    "failed": 50,
    "canceled": 12,
    "suspended": 4,
    "waiting": 4,
    "pending": 2,
    "running": 2,
    "paused": 1,
}
#: Which of ten runs belong to which workflow; the last workflow has one run in a thousand.
SHARES: Final = (0, 0, 0, 0, 1, 1, 1, 2, 3, 4)
RARE: Final = 5
_KINDS: Final = ("success", *MIX)


def make_templates(actor: Any) -> None:
    """Make one real run of each kind and workflow, and note them for `fill`."""
    rows = [
        (number, kind, _template(flow, kind, actor))
        for number, flow in enumerate(page_flows.PLAIN)
        for kind in _KINDS
    ]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_template (flow int, kind text, run uuid)")
        cursor.executemany("INSERT INTO bench_template VALUES (%s, %s, %s)", rows)
        cursor.execute(_STEP_TEMPLATES)


def _template(flow: Any, kind: str, actor: Any) -> uuid.UUID:
    run = flow.create_run()
    given = {"kind": kind, "amount": 700, "customer": "C-1042"}
    if kind == "pending":
        return Run.objects.get(run_id=run.run_id).pk
    if kind in {"canceled", "running"}:
        given["kind"] = "suspended"
    run.start(given, actor=actor, door="page", per_step=kind == "paused", wait=False)
    row = _once(run.run_id, "suspended" if kind in {"canceled", "running"} else kind)
    if kind == "canceled":
        run.cancel(actor=actor)
        row = _once(run.run_id, kind)
    if kind == "running":
        # As if a worker held it: nothing in this process works.
        Run.objects.filter(pk=row.pk).update(status="running", active_count=1, suspended_count=0)
        held = row.steps.filter(status="suspended")
        held.update(status="running", suspended_at=None, suspension=None, suspend_payload=None)
    row.refresh_from_db(fields=["status"])
    if row.status != kind:
        raise SystemExit(f"A run that should be {kind} is {row.status}.")
    return row.pk


def _once(run_id: str, status: str) -> Run:
    """Return the run once it has this status, or as it is after half a minute."""
    deadline = time.monotonic() + 30
    while True:
        row = Run.objects.get(run_id=run_id)
        if row.status == status or time.monotonic() > deadline:
            return row
        time.sleep(0.01)


_STEP_TEMPLATES: Final = """
CREATE TABLE bench_step AS
SELECT s.id, s.run_id AS run, row_number() OVER (PARTITION BY s.run_id ORDER BY s.id) AS place
FROM workflows_app_stepsnapshot s JOIN bench_template t ON t.run = s.run_id
"""


def fill(first: int, last: int, total: int, now: datetime) -> None:
    """Add the runs numbered from `first` up to `last`, of `total` spread over the days."""
    with connection.cursor() as cursor:
        for start in range(first, last, BATCH):
            end = min(start + BATCH, last)
            _fill_runs(cursor, start, end, total, now)
            _fill_actions(cursor)
            if end > total - WITH_STEPS or first == 0:
                cursor.execute("DELETE FROM bench_run WHERE NOT has_steps")
                _fill_steps(cursor)
                _fill_log(cursor)
            else:
                cursor.execute("DELETE FROM bench_run WHERE NOT is_open")
                _fill_steps(cursor)
        cursor.execute("ANALYZE")


def _fill_runs(cursor: Any, start: int, end: int, total: int, now: datetime) -> None:
    begin = now - timedelta(days=DAYS)
    gap = timedelta(days=DAYS) / total
    cursor.execute("DROP TABLE IF EXISTS bench_run")
    cursor.execute(
        f"""
        CREATE TABLE bench_run AS
        SELECT n.n, n.at, t.run AS template, t.kind,
          t.kind NOT IN ('success', 'failed', 'canceled', 'pending') AS is_open,
          n.n >= {total - WITH_STEPS} OR n.n < 1000 AS has_steps,
          (lpad(to_hex((extract(epoch FROM n.at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(n.n::text), 1, 3) || '8' || substr(md5(n.n::text), 4, 15))::uuid AS id
        FROM (
          SELECT n, %s::timestamptz + n * %s::interval AS at,
            mod(n * 7919, 1000) AS slot, n / 1000 * 31 + n AS turn
          FROM generate_series({start}::bigint, {end - 1}) AS n
        ) n
        JOIN bench_template t ON t.kind = {_kind_sql()} AND t.flow = {_flow_sql()}
        """,
        [begin, gap],
    )
    changed = {"id": "b.id", "run_id": "b.id::text"}
    for name in ("created_at", "started_at", "settled_at", "ended_at", "timeline_started_at"):
        stretch = "(1 + b.n % 90)" if name in {"settled_at", "ended_at"} else "1"
        changed[name] = f"b.at + (r.{name} - r.created_at) * {stretch}"
    changed["resource_id"] = "'customer-' || (b.n % 5000)"
    _copy(cursor, Run, "r", changed, "bench_run b JOIN workflows_app_run r ON r.id=b.template")


def _kind_sql() -> str:
    """Return the kind of a run by its number: each kind at least once among the first ten."""
    text, most = "CASE", 0
    # The first runs include each kind, so that ten runs have what a million have.
    for number, kind in enumerate(_KINDS):
        text += f" WHEN n.n = {number} THEN '{kind}'"
    for kind, share in MIX.items():
        most += share
        text += f" WHEN n.slot < {most} THEN '{kind}'"
    return f"{text} ELSE 'success' END"


def _flow_sql() -> str:
    shares = ",".join(map(str, SHARES))
    usual = f"(ARRAY[{shares}])[1 + mod(n.turn, 10)::int]"
    return f"CASE WHEN mod(n.n, 1000) = 7 THEN {RARE} ELSE {usual} END"


def _fill_steps(cursor: Any) -> None:
    # A step's key is its moment, as the engine makes it, and its place in its run.
    key = "((extract(epoch FROM b.at)::numeric * 1000000)::bigint - 1735689600000000) * 4096"
    changed = {"id": f"{key} + t.place", "run_id": "b.id"}
    for name in (
        "queued_at", "started_at", "ended_at", "suspended_at", "resumed_at", "wake_at",
    ):  # fmt: skip
        changed[name] = f"b.at + (s.{name} - r.created_at)"
    changed["suspension"] = "CASE WHEN s.suspension IS NULL THEN NULL ELSE gen_random_uuid() END"
    for name in ("payload_from", "output_from"):
        changed[name] = (
            f"CASE WHEN s.{name} ~ '^[0-9]' THEN ({key} + (SELECT o.place FROM bench_step o WHERE "
            f"o.id = split_part(s.{name}, '.', 1)::bigint))::text "
            f"|| substr(s.{name}, length(split_part(s.{name}, '.', 1)) + 1) ELSE s.{name} END"
        )
    source = (
        "bench_run b JOIN bench_step t ON t.run = b.template "
        "JOIN workflows_app_stepsnapshot s ON s.id = t.id "
        "JOIN workflows_app_run r ON r.id = b.template"
    )
    _copy(cursor, StepSnapshot, "s", changed, source)


def _fill_log(cursor: Any) -> None:
    changed = {"run_id": "b.id", "at": "b.at + (e.at - r.created_at)"}
    source = (
        "bench_run b JOIN workflows_app_runevent e ON e.run_id = b.template "
        "JOIN workflows_app_run r ON r.id = b.template"
    )
    _copy(cursor, RunEvent, "e", changed, source)


def _fill_actions(cursor: Any) -> None:
    """Write who started every fourth run, and as many answers as questions were asked."""
    cursor.execute(
        f"""
        INSERT INTO {Action._meta.db_table}
          (at, actor_id, actor_name, verb, door, run_id, public_run_id, workflow_name, path,
           subject, data)
        SELECT b.at, u.id, u.username, CASE WHEN b.n % 40 = 0 THEN 'resume' ELSE 'start' END,
          'page', b.id, b.id::text, r.workflow_id, CASE WHEN b.n % 40 = 0 THEN 'decide' ELSE '' END,
          '', '{{}}'
        FROM bench_run b JOIN workflows_app_run r ON r.id = b.template
        CROSS JOIN (SELECT id, username FROM auth_user ORDER BY id LIMIT 1) u
        WHERE b.n % 4 = 0 ORDER BY b.n
        """
    )


def _copy(cursor: Any, model: Any, of: str, changed: dict[str, str], source: str) -> None:
    """Insert rows like those of the table named `of` in `source`, with some columns changed."""
    fields = [f for f in model._meta.concrete_fields if f.name != "id" or "id" in changed]
    names = ", ".join(f'"{f.column}"' for f in fields)
    values = ", ".join(changed.get(f.column, f'{of}."{f.column}"') for f in fields)
    cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} FROM {source}")


def long_run(workflow: Any, given: Any) -> str:
    """Run a workflow to its end, and return the id of the run."""
    run = workflow.create_run(run_id=str(uuid7()))
    run.start(given)
    return str(run.run_id)


def now() -> datetime:
    """Return the moment up to which runs are spread."""
    return timezone.now() - timedelta(minutes=1)
