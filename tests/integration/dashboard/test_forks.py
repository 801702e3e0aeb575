"""A fork on its pages: what its steps got, what was taken over or changed, and its own times."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.integration.dashboard.conftest import row_of
from workflows_app import Workflow, step
from workflows_app.models import Run, RunEvent

flow = (
    Workflow("pages-forked", title="Forked")
    .then(step(lambda d: {**d, "one": True}, id="one"))
    .then(step(lambda d: {**d, "two": True}, id="two"))
    .then(step(lambda d: {**d, "three": True}, id="three"))
    .commit()
)
LONG_AGO = timedelta(days=3)


@pytest.fixture
def source(db):
    """A run of three days ago, of which each step took an hour."""
    run = flow.create_run()
    run.start({"word": "as it was"})
    row = row_of(run)
    begun = timezone.now() - LONG_AGO
    row.steps.update(queued_at=begun, started_at=begun, ended_at=begun + timedelta(hours=1))
    Run.objects.filter(pk=row.pk).update(
        started_at=begun, ended_at=begun + timedelta(hours=3), settled_at=begun
    )
    RunEvent.objects.filter(run=row.pk).update(at=begun)
    return run


def read(pages, run, rest: str = "") -> str:
    return str(pages.get(f"/runs/{run.run_id}/{rest}").content.decode())


def card(page: str, path: str) -> str:
    return page.partition(f'<li id="step-{path}"')[2].partition("</li>")[0]


def test_its_steps_are_marked_as_reused_given_and_changed(pages, source):
    fork = source.fork(
        "three", input_data={"word": "new"}, context={"two": {"output": {"word": "given"}}}
    )

    page = read(pages, fork)

    assert ">reused</span>" in card(page, "one")
    assert ">result given</span>" in card(page, "two")
    assert ">input changed</span>" in card(page, "three")
    assert ">reused</span>" not in card(page, "three")


def test_a_fork_of_a_step_as_it_was_changes_nothing(pages, source):
    page = read(pages, source.fork("two"))

    assert "input changed" not in page
    assert ">reused</span>" in card(page, "one")
    assert read(pages, source).count(">reused</span>") == 0


@pytest.mark.parametrize("tab", ["", "?tab=data"])
def test_it_shows_the_input_that_its_steps_got(pages, source, tab):
    first = read(pages, source.fork("one", input_data={"word": "new"}), tab)
    later = read(pages, source.fork("two", input_data={"word": "new"}), tab)

    values = first.partition('id="values"')[2].partition("</section>")[0]
    assert values.index("Input of one, changed by the fork") < values.index("new")
    assert values.index("&quot;new&quot;") < values.index("Input of the run it was forked from")
    values = later.partition('id="values"')[2].partition("</section>")[0]
    assert values.index("as it was") < values.index("Input of two, changed by the fork")


def test_its_times_are_its_own(pages, source):
    fork = source.fork("three")

    page = read(pages, fork, "?tab=timeline")
    row = page.partition(">one</a>")[2].partition("</li>")[0]
    one = read(pages, fork, "steps/one/")

    assert "1 h" not in card(page, "one")
    assert ">reused</span>" in row
    assert "<rect" not in row.partition("</svg>")[0]
    assert "1 h" not in row
    assert "and did not run this step again" in one
    assert "<dt>Took</dt>" not in one
    assert "<dt>Queued</dt>" not in one
    assert "1 h" not in read(pages, fork, "?tab=timeline&group=step")
    assert (
        "1 h"
        not in pages.get("/runs/").content.decode().partition("</tr>")[2].partition("</tr>")[0]
    )


def test_a_comparison_does_not_take_the_times_of_the_other_run_for_its_own(pages, source):
    fork = source.fork("three")

    page = pages.get(f"/runs/compare/?a={source.run_id}&b={fork.run_id}&only=0").content.decode()
    row = page.partition('id="at-one"')[2].partition("</tbody>")[0]
    took = re.findall(r'data-label="(\w) took"[^>]*>(.*?)</td>', row)

    assert "1 h 0 min" in dict(took)["A"]
    assert "reused" in dict(took)["B"]


def test_related_says_what_was_reused_and_what_was_changed(pages, source):
    fork = source.fork("three", input_data={"word": "new"})

    page = read(pages, fork, "?tab=related")
    told = page.partition("<dt>Forked at</dt>")[2].partition("</dl>")[0]
    words = " ".join(re.sub(r"<[^>]+>", " ", told).split())

    assert words == "three Reused one , two Changed three (its input)"
