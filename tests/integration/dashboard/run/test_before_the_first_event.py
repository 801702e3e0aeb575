"""A run has no moment before its first event: that is the earliest to be looked at."""

import pytest

from tests.integration.dashboard.conftest import started


@pytest.mark.parametrize("tab", ["timeline", "graph", "events", "data", "related", "audit"])
def test_an_event_before_the_first_is_the_first(pages, ana, tab):
    run = started()
    run.cancel(actor=ana)

    page = pages.get(f"/runs/{run.run_id}/?tab={tab}&at=0").content.decode()

    assert "You are looking at the past: event 1" in page
    assert "Back to now" in page
    assert pages.get(f"/runs/{run.run_id}/graph.svg?at=0").status_code == 200
