"""The pages of a run that went on under code with more steps than the version it began with."""

import pytest

from dashboard import run_page
from tests.integration.dashboard.conftest import row_of
from tests.integration.engine.test_going_on import BEFORE, MORE, later, then
from tests.integration.engine.test_versions import ask, deployed, flow, named
from workflows_app.models import StepSnapshot


def went_over(*more):
    """Return the workflow as a run began with it, its newer code, and the run, under that."""
    old = flow("went-over-page", named("a"), ask, named("z"), named("y")).commit()
    run = old.create_run()
    run.start([])
    newer = later(old, BEFORE, *more)
    with deployed(newer) as new:
        new.get_run(run.run_id).resume("yes")
    return old, newer, run


@pytest.mark.parametrize("code", ["old", "new"])
@pytest.mark.parametrize("kind", [kind for kind in MORE if kind != "nothing more"])
def test_every_page_of_such_a_run_is_drawn_and_lists_its_new_steps(pages, ana, kind, code):
    old, newer, run = went_over(MORE[kind][0])
    steps = StepSnapshot.objects.filter(run=run.pk).exclude(kind__in=("hook", "parallel", "branch"))
    with deployed(newer if code == "new" else old):
        for tab in ("timeline", "graph", "events", "data", "related", "audit"):
            for at in ("", "&at=5"):
                assert pages.get(f"/runs/{run.run_id}/?tab={tab}{at}").status_code == 200
        page = run_page.page_for(row_of(run), ana)
        listed = {card.place.path for card in page.shown_cards if card.step is not None}
        for address in ("time-travel/", "graph.svg", "log/"):
            assert pages.get(f"/runs/{run.run_id}/{address}").status_code == 200
        assert pages.get(f"/runs/compare/?a={run.run_id}&b={run.run_id}").status_code == 200
        for step in steps:
            assert step.base_path in listed
            assert pages.get(f"/runs/{run.run_id}/steps/{step.path}/").status_code == 200


def test_a_question_of_a_new_step_asks_for_the_permission_that_its_code_names(pages, person):
    asks_again = ask.clone(id="ask-again", permission="group:chiefs", resume=str)
    _, newer, run = went_over(then(asks_again))
    question = StepSnapshot.objects.get(run=run.pk, status="suspended")
    _, clerk = person("view_run", "resume_run")
    _, chief = person("view_run", "resume_run", groups=("chiefs",))
    address = f"/runs/{run.run_id}/answer/{question.suspension}/"
    with deployed(newer):
        assert clerk.post(address, {"op": "send", "data": "x"}).status_code == 403
        assert "ask-again" not in clerk.get("/inbox/?tab=mine").content.decode()
        for tab in ("open", "all"):
            assert clerk.get(f"/inbox/?tab={tab}").status_code == 200
        assert "ask-again" in chief.get("/inbox/?tab=open").content.decode()
        assert chief.get(address).status_code == 200
