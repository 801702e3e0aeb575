"""Starting with more than an input: ids, tags, state, context; later, and again and again."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app import get_workflow
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, Run, Schedule, Trigger

ADDRESS = "/workflows/pages-approval/start/"
TYPED = "/workflows/pages-typed/start/"
FIELDS = {"tab": "form", "data.lines:rows": "0", "data.title": "Desk", "data.amount": "700"}
KEY = {"run_key": "0199f0a0-0000-7000-8000-000000000001"}
MORE = {
    "data.~run.run_id": "order-5",
    "data.~run.resource_id": "customer 9",
    "data.~run.tags:rows": "2",
    "data.~run.tags.0": "urgent",
    "data.~run.tags.1": "",
    "data.~run.initial_state": '{"seen": 1}',
    "data.~run.request_context": '{"tenant": "x"}',
}
CRON = {
    **FIELDS,
    **KEY,
    "when": "cron",
    "data.~when.cron": "0 9 * * 1-5",
    "data.~when.overlap": "allow",
    "data.~when.timezone": "Europe/Paris",
}


def text_of(answer) -> str:
    return html.unescape(answer.content.decode())


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}"[^>]*value="([^"]*)"', page)
    return found[1] if found else ""


def confirmed(pages, fields):
    """Look at the times, then send the same form again."""
    seen = pages.post(ADDRESS, fields)
    assert seen.status_code == 200
    return pages.post(ADDRESS, {**fields, "planned": field(text_of(seen), "planned")})


def test_a_run_is_given_ids_tags_state_and_context(pages):
    answer = pages.post(ADDRESS, {**FIELDS, **MORE})

    run = Run.objects.get()
    assert answer.url == "/runs/order-5/"
    assert (run.resource_id, run.tags) == ("customer 9", ["urgent"])
    assert run.initial_state == {"seen": 1}
    assert run.initial_request_context == {"tenant": "x"}


def test_a_key_that_was_used_leads_to_the_run_that_has_it(pages):
    first = pages.post(ADDRESS, {**FIELDS, **MORE})
    again = pages.post(ADDRESS, {**FIELDS, **MORE})

    assert first.url == again.url
    assert Run.objects.count() == 1
    taken = pages.post("/workflows/pages-open/start/", {"tab": "form", "data": "1", **MORE})
    assert taken.status_code == 422
    assert "belongs to workflow 'pages-approval'" in text_of(taken)


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("run_id", "a b", "Use up to 255 letters"),
        ("initial_state", "[1]", "This must be an object"),
        ("initial_state", "{", "This is not JSON"),
        ("request_context", "7", "This must be an object"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_starts_nothing(pages, name, typed, said):
    answer = pages.post(ADDRESS, {**FIELDS, **MORE, f"data.~run.{name}": typed})

    page = text_of(answer)
    assert answer.status_code == 422
    assert said in page.partition(f'id="data.~run.{name}"')[2]
    assert page.count("autofocus") == 1
    assert '<details class="more" open>' in page
    assert "customer 9" in page
    assert not Run.objects.exists()


def test_state_and_context_have_fields_where_they_have_types(pages):
    page = text_of(pages.get(TYPED))
    assert 'name="data.~run.initial_state.count"' in page
    assert 'name="data.~run.request_context.tenant"' in page

    wrong = pages.post(TYPED, {"tab": "form", "data": "1", "data.~run.initial_state.count": "-1"})
    assert wrong.status_code == 422
    assert "greater than or equal to 0" in text_of(wrong)
    pages.post(
        TYPED,
        {
            "tab": "form",
            "data": "1",
            "data.~run.initial_state.count": "4",
            "data.~run.request_context.tenant": "t",
        },
    )
    run = Run.objects.get()
    assert run.initial_state == {"count": 4}
    assert run.initial_request_context == {"tenant": "t"}


def test_start_alone_leads_back_to_the_workflow(pages):
    answer = pages.post(ADDRESS, {**FIELDS, "op": "send:stay"})

    assert answer.url == "/workflows/pages-approval/"
    assert f"Run {Run.objects.get().run_id} was started." in text_of(pages.get(answer.url))


def test_recent_inputs_of_this_workflow_fill_the_form(pages):
    for title in ("Desk", "Desk", "<b>Lamp</b>"):
        run = started(title=title)
    flows.open_flow.create_run().start({"other": 1})

    page = pages.get(ADDRESS).content.decode()
    assert page.count("<code>") == 2
    assert "&lt;b&gt;Lamp" in page
    assert "<b>Lamp" not in page
    assert '"other"' not in html.unescape(page)
    filled = text_of(pages.get(f"{ADDRESS}?from={run.run_id}"))
    assert field(filled, "data.title") == "<b>Lamp</b>"
    assert not pages.get(ADDRESS).context["form"].is_more_given


def test_state_tags_and_resource_come_with_the_input_of_a_run(pages):
    pages.post(ADDRESS, {**FIELDS, **MORE})

    page = text_of(pages.get(f"{ADDRESS}?from=order-5"))
    assert field(page, "data.~run.resource_id") == "customer 9"
    assert field(page, "data.~run.tags.0") == "urgent"
    assert field(page, "data.~run.run_id") == ""
    assert '"seen": 1' in page


def test_the_same_call_is_shown_as_python_that_runs(pages):
    page = pages.post(ADDRESS, {**FIELDS, **MORE, "op": "python"})

    code = page.context["ways"][0].text
    scope: dict = {}
    exec(code.replace("result =", "run.refresh(); result ="), scope)
    run = Run.objects.get()
    assert (run.run_id, run.resource_id, run.tags) == ("order-5", "customer 9", ["urgent"])
    assert run.input["title"] == "Desk"
    assert run.initial_state == {"seen": 1}


def test_a_schedule_as_python_is_the_one_that_would_be_made(pages):
    code = pages.post(ADDRESS, {**CRON, "op": "python"}).context["ways"][0].text

    scope: dict = {}
    exec(code, scope)
    planned = pages.post(ADDRESS, CRON).context["schedule"]
    assert scope["schedule"].to_json() == planned.to_json()


def test_times_are_printed_first_and_the_schedule_is_made_when_they_were_seen(pages, ana):
    seen = pages.post(ADDRESS, CRON)

    assert seen.status_code == 200
    assert len(seen.context["times"]) == 5
    assert all(at.hour == 9 and at.weekday() < 5 for at in seen.context["times"])
    assert not Schedule.objects.exists()
    answer = pages.post(ADDRESS, {**CRON, "planned": seen.context["planned"]})
    row = Schedule.objects.get()
    assert answer.url == f"/schedules/{row.pk}/"
    assert (row.cron, row.timezone, row.is_from_code) == ("0 9 * * 1-5", "Europe/Paris", False)
    action = Action.objects.get()
    assert (action.verb, action.actor, action.subject) == ("create-schedule", ana, row.pk)
    assert "created on a page" in text_of(pages.get(answer.url)).lower()


def test_what_changed_since_the_times_were_seen_is_planned_again(pages):
    seen = field(text_of(pages.post(ADDRESS, CRON)), "planned")

    again = pages.post(ADDRESS, {**CRON, "data.~when.cron": "@daily", "planned": seen})
    assert again.status_code == 200
    assert not Schedule.objects.exists()


def test_a_plan_that_is_sent_twice_makes_one_schedule(pages):
    confirmed(pages, CRON)
    confirmed(pages, CRON)

    assert Schedule.objects.count() == 1
    assert Action.objects.count() == 1


def test_it_fires_as_it_was_typed_and_no_deploy_ends_it(pages):
    confirmed(pages, {**CRON, "data.~run.initial_state": '{"seen": 1}'})
    row = Schedule.objects.get()
    schedules._stored.clear()

    assert schedules.fire_due(row.next_fire_at + timedelta(seconds=1)) == 1

    run = Run.objects.get()
    assert (run.input["title"], run.initial_state) == ("Desk", {"seen": 1})
    assert Trigger.objects.get().outcome == "published"
    row.refresh_from_db()
    assert row.is_defined
    assert [each.id for each in get_workflow("pages-approval").schedules()] == [row.pk]


def test_once_at_a_time_in_the_zone_of_the_page(pages):
    there = timezone.now().year + 1
    fields = {**FIELDS, **KEY, "when": "at", "zone": "Asia/Tokyo"}
    confirmed(pages, {**fields, "data.~when.at": f"{there}-03-01T09:00"})

    row = Schedule.objects.get()
    assert row.next_fire_at.isoformat() == f"{there}-03-01T00:00:00+00:00"
    assert row.cron == ""


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("~when.cron", "61 * * * *", "cannot be read"),
        ("~when.cron", "", "Enter a value."),
        ("~when.timezone", "Mars/Base", "knows no such zone"),
        ("~run.resource_id", "r", "A schedule has no place for this"),
        ("title", "", "Enter a value."),
    ],
)
def test_an_invalid_schedule_is_explained_beside_the_field(pages, name, typed, said):
    answer = pages.post(ADDRESS, {**CRON, f"data.{name}": typed})

    page = text_of(answer)
    assert answer.status_code == 422
    assert said in page.partition(f'id="data.{name}"')[2]
    assert page.count("autofocus") == 1
    assert not Schedule.objects.exists()


def test_a_time_that_has_passed_is_refused(pages):
    past = {**FIELDS, "when": "at", "data.~when.at": "2020-01-01T00:00"}

    answer = pages.post(ADDRESS, past)

    assert answer.status_code == 422
    assert "This time has passed" in text_of(answer)


def test_a_schedule_needs_its_own_permission_and_that_of_the_workflow(person):
    _, starter = person("view_run", "start_run")
    _, planner = person("view_run", "add_schedule")
    _, both = person("view_run", "start_run", "add_schedule")

    assert "You need the permission to create schedules." in text_of(starter.get(ADDRESS))
    assert starter.post(ADDRESS, CRON).status_code == 403
    assert planner.post(ADDRESS, CRON).status_code == 403
    assert both.post("/workflows/pages-guarded/start/", CRON).status_code == 404
    confirmed(both, CRON)
    assert Schedule.objects.count() == 1


def test_the_page_costs_few_queries(person, django_assert_max_num_queries):
    for title in ("a", "b", "c"):
        started(title=title)
    _, client = person("view_run", "start_run", "add_schedule")
    client.get(ADDRESS)

    with django_assert_max_num_queries(12):
        client.get(ADDRESS)
