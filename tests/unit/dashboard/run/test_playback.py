"""A past moment is the same whether it is told from the beginning or from a point on the way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.run import playback
from workflows_app.engine.run import log

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def told(first: int, *events: tuple[str, dict[str, Any]], timeline: int = 1) -> log.Plain:
    listed = [{"type": f"workflow-{kind}", "payload": payload} for kind, payload in events]
    return log.Plain(first, timeline, NOON + timedelta(seconds=first), listed)


LOG = [
    told(1, ("start", {}), ("step-start", {"path": "a"})),
    told(3, ("step-suspended", {"path": "a"}), ("paused", {})),
    told(5, ("resumed", {}), ("step-start", {"path": "a"})),
    told(7, ("step-result", {"path": "a", "status": "success"}), ("step-start", {"path": "b[1]"})),
    told(
        9, ("step-result", {"path": "b[1]", "status": "failed"}), ("finish", {"status": "failed"})
    ),
    told(11, ("retried", {"paths": ["b[0]"]}), ("step-start", {"path": "b[0]"}), timeline=2),
]


@pytest.mark.parametrize("until", range(1, 13))
@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_moment_rebuilt_from_a_point_on_the_way_is_the_same(monkeypatch, until, every):
    monkeypatch.setattr(playback, "EVERY", every)
    whole = playback.fold(LOG, until)[-1]
    points = playback.fold(LOG, until)[:-1]

    assert [point.seq for point in points] == list(range(every, until + 1, every))
    for point in points:
        assert playback.fold(LOG, until, point)[-1] == whole
        assert playback.fold(LOG, point.seq)[-1] == point  # nothing later changed it


def test_a_moment_knows_what_its_steps_were_and_since_when():
    asked, answered = playback.fold(LOG, 4)[-1], playback.fold(LOG, 8)[-1]

    assert (asked.status, asked.of("a").status) == ("paused", "suspended")
    assert answered.of("a") == playback.KnownStep(
        "success",
        NOON + timedelta(seconds=1),
        NOON + timedelta(seconds=7),
        suspended_at=NOON + timedelta(seconds=3),
        resumed_at=NOON + timedelta(seconds=5),
    )
    assert answered.of("b[1]").status == "running"


def test_what_runs_again_is_not_yet_known():
    again = playback.fold(LOG, 11)[-1]

    assert again.status == "running"
    assert again.timeline == 2
    assert again.of("a")
    assert not again.of("b[1]")
