"""The pages of schedules: what they show, what may be done, and what is said first."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.dashboard import flows
from workflows_app import Schedule as Said
from workflows_app import Workflow
from workflows_app.definition import registry
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import Action, Run, Schedule, Trigger
from workflows_app.models import Workflow as WorkflowRow

MARKUP = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(registry, "_known", dict(registry._known))
    monkeypatch.setattr(schedules, "_stored", {})


def scheduled(name="pages-nightly", title="Nightly", **options) -> Schedule:
    """Return the stored schedule of a workflow that this process knows."""
    said = Said(options.pop("cron", "0 9 * * *"), timezone="Europe/Amsterdam", **options)
    flow = Workflow(name, title=title, schedule=said).then(flows.anything).commit()
    (made,) = flow.schedules()
    return Schedule.objects.get(pk=made.id)


def forgotten(count=1) -> list[Schedule]:
    """Make schedules of workflows that no code here has."""
    now = clock.now()
    for number in range(count):
        name = f"elsewhere-{number}"
        WorkflowRow.objects.create(id=name)
        Schedule.objects.create(
            id=f"wf_{name}",
            workflow_id=name,
            definition=Said("@daily").to_json(),
            hash="x",
            cron="@daily",
            next_fire_at=now + timedelta(hours=1),
        )
    return list(Schedule.objects.filter(pk__startswith="wf_elsewhere"))


def text(client, address):
    return client.get(address).content.decode()


def address(row, verb="") -> str:
    return f"/schedules/{row.pk}/{verb + '/' if verb else ''}"


def test_the_list_says_when_in_which_zone_and_the_next_five_times(pages):
    row = scheduled()

    page = text(pages, "/schedules/")

    assert "0 9 * * *" in page
    assert "in Europe/Amsterdam" in page
    assert page.count("09:00:00 CE") == 5
    assert 'data-status="active"' in page
    assert f'href="{address(row)}"' in page


def test_without_a_schedule_it_says_how_one_is_written(pages):
    page = text(pages, "/schedules/")

    assert "No schedule yet" in page
    assert "Schedule(&quot;0 9" in page or 'Schedule("0 9' in page


def test_the_history_shows_the_outcome_and_the_status_of_the_run_separately(pages):
    row = scheduled()
    moment = datetime(2026, 1, 5, 9, tzinfo=UTC)
    schedules.run_now(row.pk, registry.get(row.workflow_id))
    for number, outcome in enumerate(("failed", "skipped", "published")):
        Trigger.objects.create(
            schedule=row,
            scheduled_at=moment + timedelta(days=number),
            fired_at=moment + timedelta(days=number, seconds=2.5),
            outcome=outcome,
            run_id="long-gone" if outcome == "published" else "",
            kind="backfill",
            error={"type": "InvalidInput", "message": MARKUP} if outcome == "failed" else None,
        )

    page = text(pages, address(row))

    run = Run.objects.get(run_id=Schedule.objects.get(pk=row.pk).last_run_id)
    for outcome in ("published", "failed", "skipped"):
        assert f'data-outcome="{outcome}"' in page
    assert f'href="/runs/{run.run_id}/"' in page
    assert 'data-status="success"' in page
    assert "+2.5 s" in page
    assert "2026-01-05 09:00:00 UTC" in page
    assert "deleted" in page
    assert MARKUP not in page
    assert "InvalidInput: &lt;script&gt;" in page


def test_it_is_paused_with_a_note_after_the_page_has_said_what_that_does(pages, ana):
    row = scheduled()

    asked = text(pages, address(row, "pause"))
    assert "It no longer fires" in asked
    assert "Runs that it has started go on." in asked
    assert Schedule.objects.get(pk=row.pk).status == "active"

    page = pages.post(address(row, "pause"), {"note": MARKUP}, follow=True).content.decode()

    row.refresh_from_db()
    assert (row.status, row.note, row.next_fire_at) == ("paused", MARKUP, None)
    assert MARKUP not in page + text(pages, "/schedules/")
    assert "Paused: &lt;script&gt;" in page
    assert "if it were unpaused now" in page
    done = Action.objects.get(verb="pause-schedule")
    assert (done.actor, done.subject, done.door) == (ana, row.pk, "page")
    assert (done.data, done.workflow_name, done.run) == ({"note": MARKUP}, row.workflow_id, None)


def test_it_is_unpaused(pages):
    row = scheduled()
    schedules.pause(row.pk, "why", clock.now())

    assert "It fires again, first at" in text(pages, address(row, "unpause"))
    pages.post(address(row, "unpause"))

    row.refresh_from_db()
    assert (row.status, row.note) == ("active", "")
    assert row.next_fire_at > clock.now()
    assert Action.objects.filter(verb="unpause-schedule", subject=row.pk).exists()


def test_it_is_triggered_also_while_it_is_paused(pages, ana):
    row = scheduled()
    schedules.pause(row.pk, "", clock.now())

    assert "The schedule stays paused." in text(pages, address(row, "trigger"))
    assert not Run.objects.exists()
    page = pages.post(address(row, "trigger"), follow=True).content.decode()

    run = Run.objects.get()
    assert f"The run {run.run_id} was started." in page
    done = Action.objects.get(verb="trigger-schedule")
    assert (done.subject, done.run, done.public_run_id) == (row.pk, run, run.run_id)
    assert Action.objects.get(verb="start").actor == ana


def test_a_trigger_that_the_workflow_refuses_is_shown_and_recorded(pages):
    said = Said("@daily", input_data={"title": 5})
    flow = Workflow("pages-picky", input=flows.Expense, schedule=said).then(flows.check).commit()
    (row,) = flow.schedules()

    page = pages.post(f"/schedules/{row.id}/trigger/", follow=True).content.decode()

    assert "could not start a run" in page
    assert 'data-outcome="failed"' in page
    assert Action.objects.filter(verb="trigger-schedule", run=None).exists()


def test_what_does_not_fit_changes_nothing_and_says_so(pages):
    row = scheduled()

    assert "This schedule is not paused." in text(pages, address(row, "unpause"))
    page = pages.post(address(row, "unpause"), follow=True).content.decode()

    assert "This schedule is not paused. Nothing changed." in page
    assert not Action.objects.exists()


def test_a_note_that_is_too_long_is_shown_again(pages):
    row = scheduled()

    answer = pages.post(address(row, "pause"), {"note": "x" * 501})

    assert answer.status_code == 422
    assert "The note has 501 characters" in answer.content.decode()
    assert Schedule.objects.get(pk=row.pk).status == "active"


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("pause", "You need the permission to pause schedules."),
        ("trigger", "You need the permission to trigger schedules."),
    ],
)
def test_without_the_permission_the_button_says_why_and_a_post_is_refused(person, verb, why):
    row = scheduled()
    _, client = person("view_run")

    page = text(client, address(row))
    assert why in page
    assert "disabled" in page
    assert f'href="{address(row, verb)}"' not in page
    assert why in text(client, address(row, verb))
    assert client.post(address(row, verb)).status_code == 403
    assert Schedule.objects.get(pk=row.pk).status == "active"
    assert not Run.objects.exists()


def test_each_act_has_a_permission_of_its_own(person):
    row = scheduled()
    _, pauser = person("view_run", "pause_schedule")

    assert pauser.post(address(row, "trigger")).status_code == 403
    assert pauser.post(address(row, "pause")).status_code == 302
    assert Schedule.objects.get(pk=row.pk).status == "paused"


def test_to_trigger_needs_also_what_the_workflow_asks_for(person):
    said = Said("@daily")
    flow = Workflow("pages-closed", schedule=said, permission="group:starters")
    (row,) = flow.then(flows.anything).commit().schedules()
    _, client = person("view_run", "trigger_schedule")
    _, starter = person("view_run", "trigger_schedule", groups=("starters",))

    assert client.get(f"/schedules/{row.id}/").status_code == 404
    assert client.post(f"/schedules/{row.id}/trigger/").status_code == 404
    assert starter.get(f"/schedules/{row.id}/").status_code == 200


def test_a_workflow_that_is_not_in_this_process_disables_the_buttons(pages):
    (row,) = forgotten()

    page = text(pages, address(row))
    answer = pages.post(address(row, "pause"), follow=True).content.decode()

    assert "The code of this workflow is not in this process" in page
    assert f'href="{address(row, "pause")}"' not in page
    assert "Nothing changed." in answer
    assert Schedule.objects.get(pk=row.pk).status == "active"


def test_a_schedule_that_the_code_no_longer_has_keeps_its_page(pages):
    row = scheduled()
    Schedule.objects.filter(pk=row.pk).update(is_defined=False, next_fire_at=None)

    assert "The code no longer has this schedule" in text(pages, address(row))
    assert 'data-status="stopped"' in text(pages, "/schedules/")


def test_one_that_cannot_be_read_here_says_so(pages):
    row = scheduled()
    Schedule.objects.filter(pk=row.pk).update(definition={"cron": MARKUP, "timezone": "UTC"})

    page = text(pages, address(row)) + text(pages, "/schedules/")

    assert "cannot be read here" in page
    assert MARKUP not in page


def test_an_id_full_of_markup_is_shown_and_not_run(pages):
    WorkflowRow.objects.create(id="<i>w", title="<b>bold</b>")
    said = Said("@daily").to_json()
    Schedule.objects.create(
        id="<img>", workflow_id="<i>w", definition=said, hash="x", cron="<u>", note="<s>"
    )

    page = text(pages, "/schedules/") + text(pages, "/schedules/%3Cimg%3E/")

    assert not [tag for tag in ("<img>", "<i>w", "<b>bold", "<u>", "<s>") if tag in page]
    assert "&lt;img&gt;" in page


@pytest.mark.parametrize("verb", ["", "pause", "unpause", "trigger"])
def test_one_that_is_gone_says_so(pages, verb):
    answer = pages.get(f"/schedules/wf_gone/{verb + '/' if verb else ''}")

    assert answer.status_code == 404
    assert "There is no schedule with the id “wf_gone”." in answer.content.decode()


def test_it_is_for_people_who_signed_in_and_may_see_runs(client, person, db):
    _, stranger = person()

    assert client.get("/schedules/").status_code == 302
    assert stranger.get("/schedules/").status_code == 403


def test_a_page_costs_the_same_number_of_queries_however_much_there_is(
    pages, django_assert_num_queries
):
    row = scheduled()
    schedules.run_now(row.pk, registry.get(row.workflow_id))
    pages.get("/schedules/")
    with django_assert_num_queries(6):
        pages.get("/schedules/")
    with django_assert_num_queries(8):
        pages.get(address(row))
    forgotten(8)
    for _ in range(8):
        schedules.run_now(row.pk, registry.get(row.workflow_id))

    with django_assert_num_queries(6):
        pages.get("/schedules/")
    with django_assert_num_queries(8):
        pages.get(address(row))


def test_lists_go_by_key(pages, monkeypatch):
    monkeypatch.setattr("dashboard.lists.paging.PAGE", 2)
    rows = forgotten(5)
    for second in range(5):
        moment = datetime(2026, 1, 5, 9, 0, second, tzinfo=UTC)
        Trigger.objects.create(
            schedule=rows[0], scheduled_at=moment, fired_at=moment, outcome="skipped"
        )
    keys = list(Trigger.objects.order_by("-pk").values_list("pk", flat=True))

    first, second = text(pages, "/schedules/"), text(pages, f"/schedules/?after={rows[1].pk}")
    assert (rows[1].pk in first, rows[2].pk in first) == (True, False)
    assert (rows[1].pk in second, rows[2].pk in second) == (False, True)
    page = text(pages, f"{address(rows[0])}?before={keys[1]}")
    assert page.count('data-outcome="skipped"') == 2
    assert "09:00:02" in page
    assert f"?before={keys[3]}" in page
    assert "Nothing on this page" in text(pages, f"{address(rows[0])}?before=1")
    assert text(pages, f"{address(rows[0])}?before=nonsense").count("data-outcome") == 2


def test_cron_is_put_into_words_beside_the_expression(pages):
    row = scheduled(cron="30 6 * * 1-5")

    for where in ("/schedules/", address(row)):
        page = text(pages, where)
        assert "At 06:30 on Monday through Friday" in page
        assert "30 6 * * 1-5" in page
        assert "in Europe/Amsterdam" in page


def test_script_gets_only_the_part_that_changes(pages):
    row = scheduled()
    headers = {"HX-Request": "true"}

    for where in ("/schedules/", address(row)):
        before = pages.get(where, headers=headers).content.decode()
        assert 'id="live"' in before
        assert "<html" not in before
        assert "paused" not in before
    pages.post(address(row, "pause"), {"note": "noisy"})
    for where in ("/schedules/", address(row)):
        assert "noisy" in pages.get(where, headers=headers).content.decode()
