"""The pages of a run that continued under code with more steps than its first version."""

import pytest

from dashboard import waiting
from dashboard.run import gathering
from tests.integration.dashboard.conftest import row_of
from tests.integration.engine.test_going_on import BEFORE, MORE, later, then
from tests.integration.engine.test_versions import ask, deployed, flow, named, newer
from workflows_app import acting, actions, errors
from workflows_app.admin import runs as admin_runs
from workflows_app.models import StepSnapshot

CLOSED = "Only members of the group “chiefs” may do this."


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
        page = gathering.page_for(row_of(run), ana)
        listed = {card.entry.path for card in page.shown_cards if card.step is not None}
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


# Permissions of the newer code.


def closed_later(*parts):
    """Return a run that went over to code with a permission of its own, and that code."""
    old = flow("closed-later", named("a"), ask, named("z")).commit()
    run = old.create_run()
    run.start([])
    stricter = newer(old, named("a"), ask, *parts, permission="group:chiefs")
    with deployed(stricter) as new:
        new.get_run(run.run_id).resume("yes")
    return run


@pytest.fixture
def clerk(person):
    names = ("view_run", "resume_run", "steer_run", "cancel_run", "start_run", "delete_run")
    return person(*names)


@pytest.mark.parametrize("name", acting.ACTS)
def test_no_act_is_offered_that_only_the_newer_code_closes(clerk, name):
    run = closed_later(ask.clone(id="ask-again"))
    address = f"/runs/{run.run_id}/{name}/"

    page = clerk[1].get(address).content.decode()

    assert CLOSED in page
    assert clerk[1].post(address, {"op": name}).status_code == 403


def test_the_pages_of_the_run_say_who_may(clerk):
    run = closed_later(ask.clone(id="ask-again"))

    for address in ("", "time-travel/?from=a", "steps/a/"):
        page = clerk[1].get(f"/runs/{run.run_id}/{address}").content.decode()
        assert CLOSED in page, address
    assert actions.offer(
        actions.CANCEL, clerk[0], row_of(run), admin_runs._specials(row_of(run))
    ).why_not


def test_a_question_that_only_the_newer_code_closes_is_not_in_the_inbox(clerk, person):
    run = closed_later(ask.clone(id="ask-again"))
    question = StepSnapshot.objects.get(run=run.pk, status="suspended")
    _, unseeing = person("resume_run")

    assert waiting.waiting_of(clerk[0]) == []
    assert "ask-again" not in clerk[1].get("/inbox/?tab=open").content.decode()
    for address in (f"/runs/{run.run_id}/answer/{question.suspension}/",):
        assert CLOSED in clerk[1].get(address).content.decode()
        assert "ask-again" not in unseeing.get(address).content.decode()


def test_an_answer_does_not_lead_to_a_question_that_the_newer_code_closes(person):
    old = flow("leads-on", named("a"), ask, named("z")).commit()
    run = old.create_run()
    run.start([])
    chiefs = ask.clone(id="chiefs", permission="group:chiefs")
    fork = later(old, BEFORE, lambda w: w.parallel([chiefs, ask.clone(id="mine")]))
    _, client = person("view_run", "resume_run")
    with deployed(fork) as new:
        new.get_run(run.run_id).resume("yes")
        mine = StepSnapshot.objects.get(run=run.pk, status="suspended", path="mine")
        answer = client.post(f"/runs/{run.run_id}/answer/{mine.suspension}/", {"data": '"x"'})
    assert answer.url == f"/runs/{run.run_id}/"


def test_the_code_that_asked_counts_after_code_that_closes_nothing_any_more(person):
    """The permission of a question stays when another step continues under even newer code."""
    old = flow("closed-between", named("a"), ask, named("z")).commit()
    run = old.create_run()
    run.start([])
    chiefs = ask.clone(id="chiefs", permission="group:chiefs")
    inner = flow("closed-between-inner", ask, named("more")).commit()
    between = later(old, BEFORE, lambda w: w.parallel([chiefs, inner]))
    with deployed(between) as new:
        new.get_run(run.run_id).resume("yes")
    opened = later(old, BEFORE, lambda w: w.parallel([ask.clone(id="chiefs"), inner]))
    clerk = person("view_run", "resume_run")
    with deployed(opened) as new:
        live = new.get_run(run.run_id)
        live.resume("yes", step="closed-between-inner.ask")
        row = row_of(run)
        question = StepSnapshot.objects.get(run=run.pk, status="suspended", path="chiefs")
        assert row.later_version_id != question.version_id
        with pytest.raises(errors.NotAllowedToAnswer, match="membership of the group 'chiefs'"):
            live.resume("yes", step="chiefs", actor=clerk[0])
        address = f"/runs/{run.run_id}/answer/{question.suspension}/"
        assert clerk[1].post(address, {"data": "x"}).status_code == 403
        assert waiting.waiting_of(clerk[0]) == []
