"""What records of the log say in numbers."""

import json
import uuid
from datetime import UTC, datetime, timedelta

from dashboard.monitoring import counting
from dashboard.monitoring.counting import Record

START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def record(*events, first_seq=1, after=0.0, **known):
    known = {"started_at": START, **known}
    return Record(
        uuid.UUID(int=7), "orders", first_seq, START + timedelta(seconds=after),
        json.dumps([{"type": kind, "payload": payload} for kind, payload in events]), **known,
    )  # fmt: skip


def counted(*records):
    return counting.count(records)[0]


def test_starts_and_ends_are_counted_by_workflow_and_status():
    counts = counted(
        record(("workflow-start", {})),
        record(("workflow-finish", {"status": "suspended"}), after=1),
        record(("workflow-finish", {"status": "success"}), after=2),
    )

    assert counts[counting.STARTED, "orders"] == 1
    assert counts[counting.SETTLED, "orders", "suspended"] == 1
    assert counts[counting.SETTLED, "orders", "success"] == 1


def test_each_attempt_counts_and_each_step_once():
    took = ("workflow-step-start", {"path": "a", "started_at": START.isoformat()})
    counts = counted(
        record(took), record(("workflow-step-retry", {}), took),
        record(("workflow-step-result", {"status": "failed", "error": {"type": "ValueError"}})),
    )  # fmt: skip

    assert counts[counting.ATTEMPTS, "orders"] == 2
    assert counts[counting.STEPS, "orders", "failed"] == 1
    assert counts[counting.LOST,] == 0


def test_claims_that_were_lost_count_also_the_last_one():
    counts = counted(
        record(("workflow-restarted", {"cause": {"type": "WorkerLost"}})),
        record(("workflow-restarted", {"actor": "ana"})),
        record(("workflow-step-result", {"status": "failed", "error": {"type": "WorkerLost"}})),
    )

    assert counts[counting.LOST,] == 2


def test_a_run_took_what_it_did_not_stand_still():
    counts = counted(
        record(("workflow-finish", {"status": "success"}), after=70, idle=timedelta(seconds=69.95))
    )
    buckets, total = counting.times_of(counts, counting.SETTLE_TIME, "orders")

    assert buckets[:2] == [("0.01", 0.0), ("0.05", 1.0)]
    assert buckets[-1] == ("+Inf", 1.0)
    assert total == 0.05


def test_the_first_step_that_is_taken_tells_how_long_the_run_waited():
    at = (START + timedelta(seconds=0.2)).isoformat()
    took = ("workflow-step-start", {"path": "a", "started_at": at})

    _, began = counting.count([record(("workflow-start", {}), took)])
    _, apart = counting.count([record(took, first_seq=2)])
    _, later = counting.count([record(took, first_seq=5)])

    assert [(first.path, first.seconds) for first in began] == [("a", 0.2)]
    assert apart == began
    assert later == []


def test_a_time_below_nothing_counts_as_none():
    counts = counting.Counter()
    counting.add_time(counts, counting.START_TIME, "default", -3.0)

    buckets, total = counting.times_of(counts, counting.START_TIME, "default")
    assert buckets[0] == ("0.005", 1.0)
    assert total == 0.0


def test_counts_are_the_same_after_they_were_written_down():
    counts = counted(record(("workflow-start", {}), ("workflow-finish", {"status": "success"})))

    assert counting.read(json.loads(json.dumps(counting.written(counts)))) == counts


def test_numbers_beyond_64_bits_do_not_keep_a_record_from_being_counted():
    text = '[{"type": "workflow-start", "payload": {"input": ' + "9" * 400 + "}}]"
    found = record()

    assert counted(
        Record(found.run, found.workflow, 1, found.at, text)
    )[counting.STARTED, "orders"] == 1  # fmt: skip
