"""Schedules as code writes them: times, zones, and what is refused where it is written."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workflows_app import Schedule, Workflow, errors, step

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def times(schedule, after, count):
    """Return the next times, in the zone of the schedule."""
    found = []
    for _ in range(count):
        after = schedule.next_after(after)
        found.append(after.astimezone(ZoneInfo(schedule.timezone)).strftime("%d %H:%M:%S"))
    return found


def test_five_fields_six_fields_and_nicknames():
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert times(Schedule("30 9 * * *"), noon, 2) == ["02 09:30:00", "03 09:30:00"]
    assert times(Schedule("*/20 * * * * *"), noon, 2) == ["01 12:00:20", "01 12:00:40"]
    assert times(Schedule("@daily"), noon, 1) == ["02 00:00:00"]
    assert times(Schedule("@Hourly"), noon, 1) == ["01 13:00:00"]


def test_a_time_that_the_clock_leaves_out_comes_right_after_and_a_repeated_one_once():
    daily = Schedule("30 2 * * *", timezone="Europe/Amsterdam")
    spring = datetime(2026, 3, 28, 12, tzinfo=AMSTERDAM)  # the clock goes from 2 to 3 on the 29th
    assert times(daily, spring, 2) == ["29 03:00:00", "30 02:30:00"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=AMSTERDAM)  # and from 3 to 2 on October 25th
    assert times(daily, autumn, 2) == ["25 02:30:00", "26 02:30:00"]
    hourly = Schedule("0 * * * *", timezone="Europe/Amsterdam")
    night = datetime(2026, 10, 25, 1, 30, tzinfo=AMSTERDAM)
    assert times(hourly, night, 3) == ["25 02:00:00", "25 02:00:00", "25 03:00:00"]


def test_it_ends_at_its_end_and_fires_once_at_its_moment():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ends = Schedule("@daily", end_at=start + timedelta(days=1))
    assert ends.next_after(start) == start + timedelta(days=1)
    assert ends.next_after(start + timedelta(days=1)) is None
    once = Schedule(run_at=start)
    assert once.next_after(start - timedelta(hours=1)) == start
    assert once.next_after(start) is None


@pytest.mark.parametrize(
    "cron", ["", "nonsense", "* * * *", "61 * * * *", "0 0 31 2 *", "@never", "* * * * * * *"]
)
def test_an_invalid_cron_expression_is_refused(cron):
    with pytest.raises(errors.InvalidCron, match="cron expression"):
        Schedule(cron)


@pytest.mark.parametrize(
    "options",
    [
        {"cron": "@daily", "timezone": "Mars/Olympus"},
        {"cron": "@daily", "overlap": "sometimes"},
        {},
        {"cron": "@daily", "run_at": datetime(2026, 1, 1, tzinfo=UTC)},
        {"run_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"cron": "@daily", "end_at": "tomorrow"},
        {
            "run_at": datetime(2026, 1, 2, tzinfo=UTC),
            "end_at": datetime(2026, 1, 1, tzinfo=UTC),
        },
    ],
)
def test_an_invalid_zone_overlap_or_span_is_refused(options):
    with pytest.raises(errors.InvalidSchedule):
        Schedule(**options)


def test_in_a_list_each_has_an_id_of_its_own():
    one, other = Schedule("@daily", id="a"), Schedule("@hourly", id="b")
    assert len(Workflow("listed", schedule=[one, other]).schedule_definitions) == 2
    assert len(Workflow("single", schedule=Schedule("@daily")).schedule_definitions) == 1
    with pytest.raises(errors.DuplicateSchedule, match="'a'"):
        Workflow("twice", schedule=[one, Schedule("@weekly", id="a")])
    with pytest.raises(errors.InvalidSchedule, match="id of its own"):
        Workflow("nameless", schedule=[one, Schedule("@weekly")])
    with pytest.raises(errors.InvalidSchedule):
        Workflow("no-schedule", schedule="@daily")


def test_a_clone_has_no_schedules():
    flow = Workflow("scheduled", schedule=Schedule("@daily")).then(step(lambda d: d, id="s"))
    assert flow.clone(id="clone").schedule_definitions == ()
