"""The data tab tells what each step changed in the state, and sizes in bytes."""

import html
import re

import pytest

from dashboard.run import states
from dashboard.values import previews
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of
from workflows_app import StepContext, Workflow, step
from workflows_app.models import Run


@step
def first(value: int, ctx: StepContext) -> int:
    ctx.set_state({"count": 1, "name": "one"})
    return value


@step
def second(value: int, ctx: StepContext) -> int:
    ctx.set_state({"count": 2})
    return value


counting = Workflow("states-counting").then(first).then(second).commit()


@pytest.fixture
def counted(db):
    run = counting.create_run()
    run.start(1, initial_state={"count": 0})
    return run.refresh()


def told(pages, run, **query):
    page = pages.get(f"/runs/{run.run_id}/", {"tab": "data", **query}).content.decode()
    part = page.partition('data-key="states"')[2].partition("</details>")[0]
    rows = re.findall(r'<li id="state-(\d+)">(.*?)</ul>', part, re.DOTALL)
    return [
        (int(seq), " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split()))
        for seq, text in rows
    ]


def test_each_change_is_shown_against_the_one_before_the_latest_first(pages, counted):
    (late, second_said), (early, first_said) = told(pages, counted)

    assert late > early
    assert second_said == f"After second event {late} count 1 → 2"
    assert first_said == f'After first event {early} count 0 → 1 name "one"'
    assert [seq for seq, _ in told(pages, counted, at=early)] == [early]
    assert told(pages, counted, at=1) == []


def test_a_time_travel_sets_the_state_back_and_says_so(pages, counted):
    counted.time_travel("second")

    said = [text for _, text in told(pages, counted)]

    assert any(text.startswith("Set by the time travel to second") for text in said)
    assert len(said) == 4


def test_only_the_latest_changes_are_read(counted, monkeypatch):
    monkeypatch.setattr(states, "MOST_CHANGES", 1)
    found = states.of(row_of(counted))

    assert found.has_more
    assert [change.path for change in found.changes] == ["second"]


def test_sizes_are_bytes_and_a_value_that_is_whole_is_not_called_cut(pages):
    run = flows.open_flow.create_run()
    run.start({"word": "äöü€" * 100})
    rows = Run.objects.filter(run_id=run.run_id)
    text = '{"word":"' + "äöü€" * 100 + '"}'

    preview = previews.preview_of(previews.with_previews(rows, ["input"]).get(), "input")
    cut = previews.preview_of(previews.with_previews(rows, ["input"], 50).get(), "input")

    assert preview.size == len(text.encode())
    assert not preview.is_cut
    assert cut.is_cut
    assert preview.value == {"word": "äöü€" * 100}
