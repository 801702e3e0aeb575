"""`manage.py workflows`: what it prints, and with which number it ends."""

import io
import json
import re
import shutil
import subprocess

import pytest
from django.contrib.auth.models import Group, User

from dashboard.management.workflows import exits, parsing
from workflows_app import Workflow, get_workflow
from workflows_app.models import Action, OutsideEvent, Run

pytestmark = pytest.mark.django_db

YES = '{"approved": true}'


@pytest.fixture
def asking(workflows):
    """The id of a run that asks."""
    return workflows("start", "terminal-asks", "--input", "7", "--json").json["run_id"]


# The lists.


def test_workflows_are_a_list_with_the_shape_of_every_list(workflows):
    done = workflows("list", "--json")

    assert done.code == 0
    assert set(done.json) == {"items", "next_cursor", "total"}
    (plain,) = [each for each in done.json["items"] if each["id"] == "terminal-plain"]
    assert set(plain) == {
        "id", "title", "description", "metadata", "permission", "version", "schedules",
        "intake",
    }  # fmt: skip


def test_people_read_a_table_without_colours_when_it_is_piped(workflows):
    done = workflows("list")

    assert "terminal-plain" in done.out
    assert "\x1b" not in done.out


def test_colours_can_be_forced_and_forbidden(workflows, asking, monkeypatch):
    assert "\x1b[" in workflows("runs", "--force-color").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[33m" not in workflows("runs", "--force-color").out


def test_a_graph_is_json_or_a_tree(workflows):
    assert (
        workflows("graph", "terminal-plain", "--json").json
        == get_workflow("terminal-plain").graph()
    )
    assert "├── first  step" in workflows("graph", "terminal-plain").out


def test_runs_are_filtered_and_go_on_at_a_cursor(workflows):
    for number in range(3):
        workflows("start", "terminal-plain", "--input", number, "--run-id", f"r{number}")

    page = workflows("runs", "--json", "--workflow", "terminal-plain", "--limit", 2).json
    more = workflows("runs", "--json", "--limit", 2, "--cursor", page["next_cursor"],
                     "--workflow", "terminal-plain").json  # fmt: skip
    canceled = workflows("runs", "--json", "--status", "canceled", "--status", "failed").json

    assert [run["run_id"] for run in page["items"]] == ["r2", "r1"]
    assert [run["run_id"] for run in more["items"]] == ["r0"]
    assert (page["total"], more["next_cursor"]) == (3, None)
    assert [run["run_id"] for run in canceled["items"]] == ["r0"]


def test_the_inbox_lists_questions(workflows, asking):
    (question,) = workflows("inbox", "--json").json["items"]

    assert (question["run_id"], question["path"]) == (asking, "ask")
    assert question["suspension"] in workflows("inbox").out


# One run.


def test_a_start_prints_the_run_with_its_result(workflows):
    done = workflows("start", "terminal-plain", "--input", "5", "--run-id", "r", "--json",
                     "--resource-id", "c-1", "--tag", "eu")  # fmt: skip

    assert done.code == 0
    found = done.json
    assert (found["run_id"], found["status"], found["result"]) == ("r", "success", 5)
    assert (found["resource_id"], found["tags"]) == ("c-1", ["eu"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["terminal-plain", "--input", "5"], 0),
        (["terminal-plain", "--input", "-1"], 1),
        (["terminal-plain", "--input", "0"], 1),
        (["terminal-asks", "--input", "5"], 3),
        (["terminal-plain", "--input", "5", "--per-step"], 3),
        (["terminal-plain", "--input", '"x"'], 4),
        (["nothing", "--input", "5"], 5),
        (["terminal-plain", "--input", "{"], 2),
        (["terminal-plain", "--input", "@/nowhere"], 2),
        (["terminal-plain", "--input", "5", "--state", "[]"], 2),
        (["terminal-plain", "--what"], 2),
        ([], 2),
    ],
)
def test_the_command_ends_as_the_run_does(workflows, words, code):
    assert workflows("start", *words).code == code
    assert workflows("start", *words, "--json").code == code


def test_a_run_that_is_not_waited_for_ends_well(workflows):
    done = workflows("start", "terminal-asks", "--input", "5", "--json", "--no-wait")

    assert done.code == 0
    assert done.json["run_id"]


def test_a_refusal_is_the_error_object_alone(workflows):
    done = workflows("start", "terminal-plain", "--input", '"x"', "--json")

    assert set(done.json) == {"error"}
    assert done.json["error"]["type"] == "InvalidInput"
    assert done.json["error"]["details"]["errors"]
    assert not Run.objects.exists()


def test_people_read_a_refusal_beside_the_output(workflows):
    done = workflows("show", "nobody")

    assert (done.code, done.out) == (5, "")
    assert "There is no run 'nobody'" in done.err


def test_values_come_from_a_file_and_from_standard_input(workflows, tmp_path, monkeypatch):
    (tmp_path / "in.json").write_text("6")
    monkeypatch.setattr("sys.stdin", io.StringIO("8"))

    file = workflows("start", "terminal-plain", "--input", f"@{tmp_path / 'in.json'}", "--json")
    piped = workflows("start", "terminal-plain", "--input", "-", "--json")

    assert (file.json["result"], piped.json["result"]) == (6, 8)


def test_a_run_is_shown_with_its_steps(workflows, asking):
    found = workflows("show", asking, "--json").json

    assert [(step["path"], step["status"]) for step in found["steps"]] == [
        ("first", "success"),
        ("ask", "suspended"),
    ]
    shown = workflows("show", asking).out
    assert "✓ success  first" in shown
    assert "waits for" in shown


def test_items_of_a_foreach_stand_for_it(workflows):
    run = workflows("start", "terminal-each", "--input", "[1, 2]", "--json").json["run_id"]

    assert "2 items or rounds" in workflows("show", run).out


def test_events_are_lines(workflows, asking):
    events = workflows("events", asking, "--json").lines
    later = workflows("events", asking, "--json", "--after", 3).lines

    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert later == events[3:]
    assert set(events[0]) == {"type", "run_id", "seq", "timeline", "at", "from", "payload"}
    assert "workflow-step-suspended" in workflows("events", asking).out


def test_events_are_followed_to_the_end_of_a_run(workflows):
    run = workflows("start", "terminal-plain", "--input", "5", "--json").json["run_id"]

    done = workflows("events", run, "--follow", "--json")

    assert done.code == 0
    assert done.lines[-1]["type"] == "workflow-finish"


def test_a_start_that_is_followed_ends_with_the_run(workflows):
    done = workflows("start", "terminal-plain", "--input", "-1", "--follow", "--json")

    *events, last = done.lines
    assert done.code == 1
    assert [event["type"] for event in events][0::len(events) - 1] == [
        "workflow-start", "workflow-finish",
    ]  # fmt: skip
    assert set(last) == {"run"}
    assert last["run"]["status"] == "failed"


def test_people_follow_a_start_line_by_line_when_it_is_piped(workflows):
    done = workflows("start", "terminal-asks", "--input", "5", "--follow")

    assert done.code == 3
    assert "workflow-step-suspended" in done.out
    assert "? suspended" in done.out


# Verbs.


def test_an_answer_is_taken_and_the_run_goes_on(workflows, asking):
    done = workflows("resume", asking, "--data", YES, "--json")

    assert done.code == 0
    assert done.json["result"]["approved"] is True
    again = workflows("resume", asking, "--data", YES, "--json")
    assert (again.code, again.json["error"]["type"]) == (4, "RunNotSuspended")


@pytest.mark.parametrize("how", [["--step", "ask"], ["--label", "pay"]])
def test_a_question_is_named_by_step_or_label(workflows, asking, how):
    assert workflows("resume", asking, "--data", YES, *how).code == 0


def test_a_step_that_is_not_there_is_not_found(workflows, asking):
    assert workflows("resume", asking, "--data", YES, "--step", "nothing").code == 5


def test_a_wrong_answer_is_refused_and_changes_nothing(workflows, asking):
    done = workflows("resume", asking, "--data", '{"amount": 0}', "--json")

    assert (done.code, done.json["error"]["type"]) == (4, "InvalidResumeData")
    assert Run.objects.get(run_id=asking).status == "suspended"


def test_a_question_is_answered_by_its_suspension(workflows, asking):
    (question,) = workflows("inbox", "--json").json["items"]

    assert workflows("answer", question["suspension"], "--data", YES).code == 0
    assert workflows("answer", question["suspension"], "--data", YES).code == 4
    assert workflows("answer", "nothing", "--data", YES).code == 5


def test_a_cancel_says_what_became_of_it(workflows, asking):
    done = workflows("cancel", asking, "--reason", "Too late.", "--json")

    assert (done.code, done.json["status"]) == (0, "canceled")
    assert done.json["message"] == "Workflow run canceled"
    assert Action.objects.get(verb="cancel").data["reason"] == "Too late."


def test_a_failed_run_is_retried_and_others_are_not(workflows, asking):
    failed = workflows("start", "terminal-plain", "--input", "-1", "--json").json["run_id"]

    assert workflows("retry", failed).code == 1
    assert workflows("retry", asking).code == 4
    assert workflows("restart", asking).code == 4


def test_a_paused_run_proceeds_by_steps_or_to_its_end(workflows):
    start = ["start", "terminal-plain", "--input", "5", "--per-step", "--json"]
    first, second = (workflows(*start).json["run_id"] for _ in range(2))

    assert workflows("proceed", first, "--json").json["status"] == "success"
    assert workflows("proceed", second, "--to-end", "--json").json["status"] == "success"
    assert workflows("proceed", first).code == 4


def test_a_rerun_is_another_run_with_the_same_input(workflows):
    first = workflows("start", "terminal-plain", "--input", "5", "--json").json

    done = workflows("rerun", first["run_id"], "--json")
    other = workflows("rerun", first["run_id"], "--input", "6", "--json")

    assert done.json["run_id"] != first["run_id"]
    assert (done.json["origin"], done.json["result"]) == (first["run_id"], 5)
    assert other.json["result"] == 6


def test_a_time_travel_is_planned_done_and_forked(workflows):
    run = workflows("start", "terminal-plain", "--input", "5", "--json").json["run_id"]
    travel = ["time-travel", run, "--step", "leaves", "--input", "9", "--json"]

    plan = workflows(*travel, "--plan").json
    assert (plan["step"], plan["reused"], plan["rerun"]) == ("leaves", ["first"], ["leaves"])
    assert Run.objects.get().timeline == 1
    done = workflows(*travel, "--reason", "Wrong amount.").json
    assert (done["timeline"], done["result"]) == (2, 9)
    forked = workflows("fork", run, "--step", "leaves", "--input", "3", "--json").json
    assert (forked["origin"], forked["result"]) == (run, 3)
    assert "reused" in workflows("time-travel", run, "--step", "leaves", "--plan").out


# Who acts.


def test_the_audit_trail_names_who_is_signed_in_to_the_machine(workflows, asking):
    row = Action.objects.get(verb="start")

    assert row.actor_name.startswith("cli:")
    assert (row.door, row.actor) == ("terminal", None)


def test_or_the_user_on_whose_behalf_it_is_done(workflows, ana):
    run = workflows("start", "terminal-plain", "--input", "5", "--as", "ana", "--json").json

    assert Action.objects.get().actor == ana
    assert run["started_by"] == "ana"
    assert workflows("--as", "nobody", "start", "terminal-plain", "--input", "5").code == 5


def test_a_user_needs_what_the_workflow_asks_for(workflows, ana):
    ben = User.objects.create_user("ben")
    start = ["start", "terminal-guarded", "--input", "5", "--json"]

    assert workflows(*start).code == 0
    refused = workflows(*start, "--as", "ben")
    assert (refused.code, refused.json["error"]["type"]) == (4, "NotAllowed")
    ben.groups.add(Group.objects.create(name="finance"))
    assert workflows(*start, "--as", "ben").code == 0


def test_nobody_acts_as_somebody_whose_account_is_switched_off(workflows, ana):
    User.objects.filter(pk=ana.pk).update(is_active=False)

    refused = workflows("start", "terminal-plain", "--input", "5", "--as", "ana", "--json")

    assert (refused.code, refused.json["error"]["type"]) == (4, "NotAllowed")
    assert not Run.objects.exists()


# Completion.


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_with_all_words(workflows, shell, tmp_path):
    script = workflows("completion", shell).out
    (tmp_path / "script").write_text(script)

    assert all(word in script for word in parsing.WORDS)
    assert not re.search("@[A-Z_]+@", script)
    if shutil.which(shell):
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)
    assert workflows("completion", "tcsh").code == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("manage.py work", "workflows"),
        ("python3 manage.py workflows res", "resume restart"),
        ("./manage.py workflows show a", "known-ids runs a"),
        ("./manage.py workflows start b", "known-ids workflows b"),
        ("python3 other.py x", ""),
    ],
)
def test_bash_offers_what_fits(workflows, tmp_path, typed, offered):
    program = tmp_path / "manage.py"
    program.write_text('#!/bin/sh\necho "$2 $3 $4"\n')
    program.chmod(0o755)
    words = typed.split()
    said = subprocess.run(
        ["bash", "-c", workflows("completion", "bash").out + f"""
         COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _signalbox_workflows
         echo "${{COMPREPLY[@]}}" """],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip

    assert said.stdout.strip() == offered


def test_ids_are_offered_by_their_beginning(workflows):
    workflows("start", "terminal-plain", "--input", "5", "--run-id", "abc-1")
    workflows("start", "terminal-plain", "--input", "5", "--run-id", "xyz-1")

    assert workflows("known-ids", "runs", "abc").out == "abc-1\n"
    assert "terminal-asks" in workflows("known-ids", "workflows", "terminal-a").out.splitlines()


# Asking.


def test_without_a_terminal_an_answer_is_needed(workflows, asking, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    done = workflows("resume", asking)

    assert done.code == 2
    assert "--data" in done.err


def test_each_field_is_asked_for_and_an_empty_line_is_the_default(workflows, asking, typing):
    typing("y", "", "", "", "", "", "")

    done = workflows("resume", asking, "--json")

    assert done.code == 0
    assert done.json["result"] == {
        "approved": True, "amount": 10, "kind": "good", "until": None, "place": None, "tags": [],
    }  # fmt: skip
    assert "May it be paid? [y/n]" in done.err
    assert "How much [10]: " in done.err


def test_what_is_typed_is_taken(workflows, asking, typing):
    typing("n", "12", "2", "2026-01-31", "y", "Oslo", "", '["a", "b"]', "hidden")

    done = workflows("resume", asking, "--json")

    assert done.json["result"] == {
        "approved": False, "amount": 12, "kind": "bad", "until": "2026-01-31",
        "place": {"city": "Oslo", "zip_code": ""}, "tags": ["a", "b"],
    }  # fmt: skip


def test_what_does_not_fit_is_said_and_asked_again(workflows, asking, typing):
    typing("perhaps", "", "y", "many", "9", "9", "good", "", "", "", "")

    done = workflows("resume", asking)

    assert done.code == 0
    assert "Type y or n." in done.err
    assert "Choose yes or no." in done.err
    assert "“many” is not" in done.err or "whole number" in done.err
    assert "Type the number or the name of one of these." in done.err


def test_what_the_types_refuse_is_asked_again_with_what_was_typed(workflows, asking, typing):
    typing("y", "0", "", "", "", "", "", *["", "9", "", "", "", "", ""])

    done = workflows("resume", asking, "--json")

    assert done.json["result"]["amount"] == 9
    assert "greater than 0" in done.err
    assert "May it be paid? [Y/n]" in done.err


def test_somebody_may_leave_the_question(workflows, asking, typing):
    typing("y")

    assert workflows("resume", asking).code == 2
    assert Run.objects.get(run_id=asking).status == "suspended"


def test_a_run_that_asks_nothing_refuses_before_anything_is_typed(workflows, typing):
    run = workflows("start", "terminal-plain", "--input", "5", "--json").json["run_id"]
    typing()

    assert workflows("resume", run).code == 4


def test_the_question_is_shown_and_json_stands_alone(workflows, asking, typing):
    typing("y", *[""] * 6)

    done = workflows(
        "answer", workflows("inbox", "--json").json["items"][0]["suspension"], "--json"
    )

    assert "May 7 be paid?" in done.err.replace("**", "")
    assert json.loads(done.out)["status"] == "success"


# Events from outside.


def test_an_event_answers_a_step_and_its_run_goes_on(workflows, settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}

    def pay(order, ctx):
        return ctx.wait_for_event("payment", order)

    run = Workflow("terminal-pays").then(pay).commit().create_run()
    run.start("o1")
    done = workflows("emit", "payment", "--key", "o1", "--data", '{"amount": 3}', "--json")
    assert (done.code, done.json) == (0, {"answered": 1})
    assert run.refresh().result().result == {"amount": 3}
    assert Action.objects.get(verb="emit").door == "terminal"


def test_an_event_that_nobody_waits_for_is_kept_and_a_wrong_one_refused(workflows):
    assert "it is kept" in workflows("emit", "payment", "--key", "o2", "--event-id", "e").out
    assert OutsideEvent.objects.get().event_id == "e"
    done = workflows("emit", "a/b", "--json")
    assert (done.code, done.json["error"]["type"]) == (4, "InvalidInput")


def test_a_run_is_started_with_the_times_by_which_it_has_to_begin_and_to_end(workflows):
    done = workflows(
        "start", "terminal-asks", "--input", "1", "--deadline", "2h", "--deadline-then", "warn",
        "--deadline-warn-after", "90m", "--deadline-not-suspended", "--start-within", "5m",
        "--json",
    )  # fmt: skip
    shown = done.json["deadline"]
    assert (shown["after"], shown["then"], shown["warn_after"]) == (7200.0, "warn", 5400.0)
    assert (shown["while_suspended"], shown["ends_at"]) == (False, None)


def test_a_deadline_that_cannot_be_is_refused_at_the_terminal(workflows):
    begun = ("start", "terminal-asks", "--input", "1", "--json")
    assert workflows(*begun, "--deadline", "soon").code == exits.USAGE
    for wrong in (("--deadline-then", "warn"), ("--deadline", "1h", "--deadline-warn-after", "2h")):
        assert workflows(*begun, *wrong).json["error"]["type"] == "InvalidDeadline"


def test_a_run_is_started_once_for_a_unique_key(workflows):
    begun = ("start", "terminal-asks", "--input", "1", "--json", "--unique", "k")
    done = workflows(*begun, "--unique-for", "90d")
    assert done.json["unique_key"] == "k"
    assert workflows(*begun).json["error"]["type"] == "RunAlreadyStarted"
    assert workflows(*begun, "--unique-for", "long").code == exits.USAGE


# A step whose attempts are used up.


@pytest.fixture
def used_up(workflows):
    """Return a run that asks for a decision."""
    given = json.dumps({"city": "Atlantis"})
    done = workflows("start", "terminal-used-up", "--input", given, "--json")
    assert done.code == 3
    return done.json["run_id"]


def test_a_decision_is_given_as_json(workflows, used_up):
    assert workflows("resume", used_up, "--data", '{"action": "retry"}').code == 3
    assert workflows("resume", used_up, "--data", '{"action": "again"}').code == 4
    given = '{"action": "result", "output": {"city": "Oslo"}}'
    done = workflows("resume", used_up, "--data", given, "--json")
    assert (done.code, done.json["result"]["city"]) == (0, "Oslo")


def test_a_decision_is_asked_for_with_the_error_and_only_the_value_that_it_may_have(
    workflows, used_up, typing
):
    typing("retry", "y", "Oslo", "")
    done = workflows("resume", used_up, "--json")
    assert (done.code, done.json["result"]["city"]) == (0, "Oslo")
    assert "1 attempt failed" in done.err
    assert "LookupError: no such place" in done.err
    assert "Output" not in done.err


@pytest.mark.parametrize(
    ("lines", "code"), [(["retry", ""], 3), (["result", "Bergen", ""], 0), (["fail"], 1)]
)
def test_each_action_is_asked_for(workflows, used_up, typing, lines, code):
    typing(*lines)
    assert workflows("resume", used_up).code == code
