"""The page of a workflow shows which events its runs wait for, and which are kept."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from workflows_app import Workflow, emit, from_init, step


def paying() -> Any:
    """Return a workflow with an entry that waits for an event, and a step that waits for one."""

    @step(id="ship")
    def ship(data: Any, ctx: Any) -> Any:
        return ctx.wait_for_event("parcel", "k", timeout=3600)

    flow = Workflow("pages-paying").wait_for_event("payment", key=from_init("id"), id="paid")
    return flow.then(ship).commit()


def test_it_shows_waits_with_their_runs_and_limits(pages: Client) -> None:
    flow = paying()
    first, second = flow.create_run(), flow.create_run()
    first.start({"id": "o-1"})
    second.start({"id": "o-2"})
    emit("payment", "o-2", 1)

    page = pages.get("/workflows/pages-paying/").content.decode()

    assert "Steps that wait" in page
    assert all(text in page for text in ("o-1", first.run_id, second.run_id, "parcel", "no limit"))
    assert "waits for the event payment" in page
    assert "are kept" not in page


def test_it_shows_kept_events_without_their_data(pages: Client, ana: User) -> None:
    paying()
    emit("payment", "o-3", {"card": "secret number"}, actor=ana)
    emit("something-else", "other-key")

    page = pages.get("/workflows/pages-paying/").content.decode()

    assert "Events that are kept for a step to come" in page
    assert "o-3" in page
    assert "ana" in page
    assert "secret number" not in page
    assert "other-key" not in page


def test_a_run_says_what_it_waits_for_and_the_inbox_leaves_it_out(pages: Client) -> None:
    run = paying().create_run()
    run.start({"id": "o-4"})

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert "paid waits for the event payment with the key o-4." in page
    assert run.run_id not in pages.get("/inbox/").content.decode()
    emit("payment", "o-4", 1)
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "ship waits for the event parcel with the key k, at most until" in page
