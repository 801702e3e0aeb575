"""What pages ask the database for stays the same, however much there is to show."""

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.run.view import TABS
from dashboard.status import busy
from workflows_app import Workflow, step
from workflows_app.engine.run import log
from workflows_app.models import StepSnapshot

MOST_QUERIES = 12
MOST_ROWS = 300


def each(name: str):
    return Workflow(name).foreach(step(lambda item: item, id="one"), concurrency=50).commit()


def chain(name: str, length: int):
    flow = Workflow(name)
    for number in range(length):
        flow.then(step(lambda value: value, id=f"s{number}"))
    return flow.commit()


def ended(flow, given):
    run = flow.create_run()
    run.start(given)
    return run


def asked(pages, address: str) -> tuple[int, str]:
    """Ask twice, because graphs are cached; return the page and the queries of the second time.

    What changes with a run is read again, as if something had happened in between.
    """
    pages.get(address)
    busy._kept._found.clear()
    with CaptureQueriesContext(connection) as queries:
        answer = pages.get(address)
    assert answer.status_code == 200
    return len(queries), answer.content.decode()


def rows_in(text: str) -> int:
    main = text.partition("<main")[2].partition("</main>")[0]
    return len(re.findall(r"<(?:li|tr)[\s>]", main))


@pytest.fixture
def short_and_long():
    few = (ended(each("costs-few"), [1, 2]), ended(chain("costs-short", 3), 1))
    many = (ended(each("costs-many"), list(range(120))), ended(chain("costs-long", 120), 1))
    return list(zip(few, many, strict=True))


@pytest.mark.parametrize("group", ["step", "branch"])
def test_a_grouped_timeline_costs_the_same_and_stays_short(pages, short_and_long, group):
    for _, long in short_and_long:
        for more in (
            "",
            "&skip=60",
            "&turned=-",
            "&errors=1",
            "&since=0&until=1000",
            "&turned=one[]",
        ):
            number, text = asked(pages, f"/runs/{long.run_id}/?tab=timeline&group={group}{more}")
            assert number <= MOST_QUERIES, more
            assert rows_in(text) < MOST_ROWS, more


def test_a_run_costs_the_same_however_many_steps_it_has(pages, short_and_long, monkeypatch):
    monkeypatch.setattr("dashboard.run.records.MOST_CARDS", 60)
    for short, long in short_and_long:
        for tab in TABS:
            few, _ = asked(pages, f"/runs/{short.run_id}/?tab={tab}")
            many, text = asked(pages, f"/runs/{long.run_id}/?tab={tab}")
            # Of a graph that is too long to be listed, what asks is looked up first.
            assert few <= many <= min(few + 1, MOST_QUERIES), tab
            assert rows_in(text) < MOST_ROWS, tab


def test_what_stands_around_a_failure_far_down_is_shown_as_it_is(pages, monkeypatch):
    monkeypatch.setattr("dashboard.run.records.MOST_CARDS", 10)
    run = ended(chain("costs-middle", 60), 1)
    StepSnapshot.objects.filter(run__run_id=run.run_id, path="s40").update(status="failed")

    _, text = asked(pages, f"/runs/{run.run_id}/")

    listed = re.findall(r'id="step-(s\d+)" class="step" data-status="(\w+)"', text)
    assert listed == [(f"s{n}", "failed" if n == 40 else "success") for n in range(35, 45)]
    assert "50 more entries of the graph are not listed" in text


def test_a_list_costs_no_more_where_its_values_are_large(pages):
    run = ended(each("costs-large"), ["x" * 2000] * 120)

    for address in (f"/runs/{run.run_id}/?tab=events", f"/runs/{run.run_id}/steps/one/"):
        queries, text = asked(pages, address)
        assert queries <= MOST_QUERIES, address
        assert rows_in(text) < MOST_ROWS, address
        assert log.LEFT_OUT in html.unescape(text), address


def test_every_entry_can_be_reached_in_the_list_and_from_its_box(pages, monkeypatch):
    monkeypatch.setattr("dashboard.run.records.MOST_CARDS", 10)
    run = ended(chain("costs-pages", 25), 1)
    address, listed = f"/runs/{run.run_id}/", []

    _, text = asked(pages, address)
    assert 'class="node" href="#step-s3"' in text
    assert 'class="node" href="?tab=graph&amp;first=20#step-s23"' in text
    while True:
        listed += re.findall(r'id="step-(s\d+)" class="step"', text)
        later = re.search(r'href="([^"]+)">Later entries</a>', text)
        if later is None:
            break
        _, text = asked(pages, f"/runs/{run.run_id}/{html.unescape(later[1])}")

    assert listed == [f"s{number}" for number in range(25)]
    assert "first=10" in text.partition(">Earlier entries</a>")[0].rpartition("<a")[2]
    assert asked(pages, f"/runs/{run.run_id}/?first=999999")[1]
