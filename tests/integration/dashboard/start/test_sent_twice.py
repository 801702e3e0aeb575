"""A form that is sent twice, as by a double click, starts one run."""

import re

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app import Schedule, Workflow, errors
from workflows_app.definition import registry
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, Run, Trigger


def fields_of(page: str) -> dict[str, str]:
    """Return what the hidden fields of the page's forms hold."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_a_run_is_run_again_once(pages):
    run = started(amount=5)
    address = f"/runs/{run.run_id}/rerun/"
    fields = fields_of(pages.get(address).content.decode())

    answers = [pages.post(address, fields, follow=True) for _ in range(2)]

    again = Run.objects.get(origin=run.run_id)
    assert {a.redirect_chain[-1][0] for a in answers} == {f"/runs/{again.run_id}/"}
    assert "started already" in answers[1].content.decode()


def test_a_travel_as_a_new_run_makes_one(pages):
    run = started(amount=5)
    address = f"/runs/{run.run_id}/time-travel/"
    page = pages.get(f"{address}?from=pay").content.decode()
    fields = {**fields_of(page), "changed": "{}", "mode": "new", "op": "start"}

    answers = [pages.post(address, fields, follow=True) for _ in range(2)]

    forked = Run.objects.get(origin=run.run_id)
    assert {a.redirect_chain[-1][0] for a in answers} == {f"/runs/{forked.run_id}/"}
    assert Action.objects.filter(verb="fork").count() == 1


def test_a_schedule_is_triggered_once(pages, monkeypatch):
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    monkeypatch.setattr(schedules, "_stored", {})
    flow = Workflow("twice-nightly", schedule=Schedule("0 9 * * *")).then(flows.anything).commit()
    address = f"/schedules/{flow.schedules()[0].id}/trigger/"
    fields = fields_of(pages.get(address).content.decode())

    answers = [pages.post(address, fields, follow=True) for _ in range(2)]

    assert Run.objects.count() == 1
    assert Trigger.objects.count() == 1
    assert "started already" in answers[1].content.decode()


def test_a_fork_into_a_run_that_is_under_way_is_refused(db):
    run = started(amount=5)
    other = started(amount=6)

    with pytest.raises(errors.RunAlreadyStarted):
        run.fork("pay", run_id=other.run_id)

    assert other.refresh().origin is None
