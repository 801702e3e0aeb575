"""Who is let in, and in which order a request is refused."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from tests.integration.api import flows
from tests.integration.api.conftest import Program, refused, row_of, started
from workflows_app import tokens
from workflows_app.api.entry import rates
from workflows_app.engine.host import clock
from workflows_app.models import ApiToken, KeptAnswer


def test_nobody_comes_in_without_a_token_or_a_session(db, ana):
    run = started()
    nobody = Program()
    for path in ("/runs", f"/runs/{run.run_id}", "/runs/gone", "/nothing", "/workflows"):
        answer = nobody.look(path)
        refused(answer, 401, "NotAuthenticated")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    refused(nobody.act(f"/runs/{run.run_id}/cancel"), 401, "NotAuthenticated")
    text = tokens.make(ana, "in the query")[1]
    refused(nobody.look(f"/runs?token={text}"), 401, "NotAuthenticated")


def test_a_token_that_does_not_verify_is_refused_whatever_cookie_comes_with_it(ana):
    program = Program("sbx_wrong")
    program.force_login(ana)
    refused(program.look("/runs"), 401, "NotAuthenticated")
    refused(program.look("/runs", Authorization="Basic YTpi"), 401, "NotAuthenticated")
    refused(program.look("/runs", Authorization=""), 401, "NotAuthenticated")


def test_a_session_needs_a_csrf_token_to_act(ana):
    run = started()
    browser = Program(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert browser.look("/runs").status_code == 200
    refused(browser.act(f"/runs/{run.run_id}/cancel"), 403, "CsrfFailed")
    page = browser.get("/settings/")
    token = page.context["csrf_token"]
    answer = browser.act(f"/runs/{run.run_id}/cancel", X_CSRFToken=str(token))
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=é",
                                  "application/x-www-form-urlencoded; charset=rot13"])  # fmt: skip
def test_a_broken_form_of_a_session_is_refused_like_any_other(ana, kind):
    run = started()
    browser = Program(enforce_csrf_checks=True)
    browser.force_login(ana)
    base = f"/api/v1/runs/{run.run_id}"
    sent = browser.generic("POST", f"{base}/cancel", b"x", kind)
    refused(sent, 415, "UnsupportedMediaType")
    there = browser.generic("POST", f"{base}/result", b"x", kind)
    nowhere = browser.generic("POST", "/api/v1/nothing", b"x", kind)
    assert {there.status_code, nowhere.status_code} <= {403, 404, 405}


def test_tokens_end_with_their_time_and_with_their_user(ana, with_rights):
    user, program = with_rights("view_run", expires_at=clock.now() + timedelta(hours=1))
    assert program.look("/runs").status_code == 200
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(program.look("/runs"), 401, "NotAuthenticated")
    ApiToken.objects.update(expires_at=None)
    user.is_active = False
    user.save()
    refused(program.look("/runs"), 401, "NotAuthenticated")


def test_a_token_is_kept_as_its_digest_and_its_use_is_noted_once_a_minute(ana, with_rights):
    _, program = with_rights("view_run")
    program.look("/runs")
    row = ApiToken.objects.get()
    text = program.headers_of_all["Authorization"].removeprefix("Bearer ")
    assert row.digest == tokens.digest_of(text)
    assert text.startswith(row.prefix)
    first = row.last_used_at
    program.look("/runs")
    row.refresh_from_db()
    assert row.last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    program.look("/runs")
    row.refresh_from_db()
    assert row.last_used_at >= first


def test_refusals_come_in_their_order(program, with_rights, settings):
    run = started()
    _, weak = with_rights("view_run")
    # 403 before anything is looked up, 404 before what was sent is read.
    error = refused(weak.act("/runs/gone/cancel", {"x": 1}), 403, "NotAllowed")
    assert error["details"] == {"permission": "workflows_app.cancel_run"}
    refused(program.act("/runs/gone/cancel?y=2", {"x": 1}), 404, "RunNotFound")
    refused(program.act(f"/runs/{run.run_id}/retry", {"x": 1}), 400, "InvalidRequest")
    _, reader = with_rights("view_run", "cancel_run", scopes=["read"])
    error = refused(reader.act(f"/runs/{run.run_id}/cancel"), 403, "NotAllowed")
    assert error["details"] == {"scope": "steer"}


def test_methods_and_types_that_an_address_does_not_have(program):
    answer = program.ask("PUT", "/runs")
    refused(answer, 405, "MethodNotAllowed")
    assert answer["Allow"] == "GET"
    refused(program.look("/runs", Accept="text/csv"), 406, "NotAcceptable")
    assert program.look("/runs", Accept="text/html, */*;q=0.1").status_code == 200


def test_head_is_answered_as_get_without_the_body(program: Program) -> None:
    run = started()
    for path in (f"/runs/{run.run_id}", "/runs", f"/runs/{run.run_id}/events"):
        whole, head = program.look(path), program.ask("HEAD", path)

        assert (head.status_code, head.content) == (200, b"")
        assert head["Content-Length"] == str(len(whole.content))
        assert head.get("ETag") == whole.get("ETag")
    assert program.ask("HEAD", "/runs/none").status_code == 404
    assert program.ask("HEAD", f"/runs/{run.run_id}/cancel").status_code == 405
    stream = program.ask("HEAD", f"/runs/{run.run_id}/events", Accept="text/event-stream")
    assert (stream["Content-Type"].partition(";")[0], stream.content) == ("text/event-stream", b"")


def test_every_answer_has_its_request_id(program):
    assert program.look("/runs", X_Request_Id="a.b-1")["X-Request-Id"] == "a.b-1"
    given = program.look("/runs", X_Request_Id="no id")["X-Request-Id"]
    assert given
    assert given != "no id"
    assert Program().look("/runs", X_Request_Id="me")["X-Request-Id"] == "me"
    assert Client().get("/sign-in/")["X-Request-Id"]


def test_rates_are_counted_for_each_token(settings, ana, with_rights):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "API_RATE": "3/h"}
    _, one = with_rights("view_run")
    _, other = with_rights("view_run")
    left = [one.look("/runs")["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    answer = one.look("/runs")
    refused(answer, 429, "RateLimited")
    assert int(answer["Retry-After"]) >= 1
    assert answer["RateLimit-Limit"] == "3"
    assert 0 < int(answer["RateLimit-Reset"]) <= 3600
    assert other.look("/runs").status_code == 200
    nobody = Program("sbx_guess")
    codes = [nobody.look("/runs").status_code for _ in range(4)]
    assert codes == [401, 401, 401, 429]


def test_rates_are_counted_in_redis_where_there_is_one(settings, redis_server, with_rights):
    settings.REDIS_URL = redis_server.url
    settings.WORKFLOWS = {**settings.WORKFLOWS, "API_RATE": "2/h"}
    rates._client.cache_clear()
    _, program = with_rights("view_run")
    codes = [program.look("/runs").status_code for _ in range(3)]
    rates._client.cache_clear()
    assert codes == [200, 200, 429]
    assert not rates._counts._used


# Requests that are sent again.


def test_the_same_key_gives_the_recorded_answer_again(program):
    body = {"input": [1]}
    first = program.act("/workflows/api-plain/runs", body, Idempotency_Key="k1")
    again = program.act("/workflows/api-plain/runs", body, Idempotency_Key="k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert program.look("/runs").json()["total"] == 1
    other = program.act("/workflows/api-plain/runs", {"input": [2]}, Idempotency_Key="k1")
    refused(other, 409, "IdempotencyKeyReused")
    elsewhere = program.act("/workflows/api-two/runs", body, Idempotency_Key="k1")
    refused(elsewhere, 409, "IdempotencyKeyReused")
    refused(program.act("/workflows/api-plain/runs", body, Idempotency_Key="ä"), 400,
            "InvalidRequest")  # fmt: skip


def test_refusals_are_recorded_but_not_those_that_pass(program, with_rights):
    run = started(flows.plain, 1)
    path = f"/runs/{run.run_id}/retry"
    refused(program.act(path, Idempotency_Key="k"), 409, "RunNotFailed")
    again = program.act(path, Idempotency_Key="k")
    assert (again.status_code, again["Idempotency-Replayed"]) == (409, "true")
    user, weak = with_rights("view_run")
    refused(weak.act(path, Idempotency_Key="w"), 403, "NotAllowed")
    user.user_permissions.add(Permission.objects.get(codename="steer_run"))
    refused(weak.act(path, Idempotency_Key="w"), 409, "RunNotFailed")


def test_a_key_belongs_to_its_user_and_to_what_they_may_see(ana, with_rights):
    full = Program(tokens.make(ana, "full")[1])
    same = Program(tokens.make(ana, "same")[1])
    narrow = Program(tokens.make(ana, "narrow", workflows=["api-two"])[1])
    body = {"input": [1]}
    first = full.act("/workflows/api-plain/runs", body, Idempotency_Key="k")
    assert same.act("/workflows/api-plain/runs", body, Idempotency_Key="k").content == first.content
    answer = narrow.act("/workflows/api-plain/runs", body, Idempotency_Key="k")
    refused(answer, 409, "IdempotencyKeyReused")
    _, other = with_rights("start_run")
    assert other.act("/workflows/api-plain/runs", body, Idempotency_Key="k").status_code == 201


def test_a_key_whose_process_died_is_free_again_and_old_ones_go(program, ana):
    body = {"input": [1]}
    program.act("/workflows/api-plain/runs", body, Idempotency_Key="k")
    past = clock.now() - timedelta(minutes=10)
    KeptAnswer.objects.update(status=None, held_until=past)
    answer = program.act("/workflows/api-plain/runs", body, Idempotency_Key="k")
    assert (answer.status_code, "Idempotency-Replayed" in answer) == (201, False)
    KeptAnswer.objects.update(created_at=clock.now() - timedelta(days=1, minutes=1))
    program.act("/workflows/api-plain/runs", body, Idempotency_Key="other")
    assert [row.key for row in KeptAnswer.objects.all()] == ["other"]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_the_second_waits_for_the_first(ana):
    text = tokens.make(ana, "all")[1]
    answers = []

    def send() -> None:
        answers.append(
            Program(text).act(
                "/workflows/api-plain/runs?wait=true", {"input": 1}, Idempotency_Key="k"
            )
        )

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 2


def test_a_token_is_not_kept_with_the_answer_that_shows_it(program):
    body = {"name": "ci", "scopes": ["read"]}
    first = program.act("/tokens", body, Idempotency_Key="k")
    again = program.act("/tokens", body, Idempotency_Key="k")
    assert "token" in first.json()
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.json() == {key: each for key, each in first.json().items() if key != "token"}
    assert first.json()["token"] not in KeptAnswer.objects.get().body


def test_every_answer_tells_the_rate(settings, program):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "API_RATE": "50/h"}
    sent = {"data": "x", "content_type": "text/plain", "headers": program.headers_of_all}
    for answer in (
        program.look("/nothing"), program.look("/runs?x=1"), Program().look("/runs"),
        program.ask("PUT", "/runs"), program.look("/runs", Accept="text/csv"),
        program.post("/api/v1/runs/x/cancel", **sent),
    ):  # fmt: skip
        assert answer["RateLimit-Limit"] == "50"
        assert answer.status_code >= 400


def test_a_host_that_is_not_ours_is_refused(program):
    answer = program.get("/api/v1/me", headers={**program.headers_of_all, "Host": "evil.example"})
    refused(answer, 400, "InvalidRequest")


@pytest.mark.parametrize("body", ['{"input": "\\ud800"}', '{"input": "\\udce9 and \\ud83d"}',
                                  '{"\\udfff": 1}', '{"input": ["[[", "\\ud800"]}'])  # fmt: skip
def test_half_of_a_character_is_no_text(program, body):
    sent = {"content_type": "application/json", "headers": program.headers_of_all}
    answer = program.post("/api/v1/workflows/api-plain/runs", body, **sent)
    refused(answer, 400, "InvalidRequest")
    whole = program.post("/api/v1/workflows/api-plain/runs", '{"input": "\\ud83d\\ude00"}', **sent)
    assert whole.status_code == 201


# What is there for whom.


def test_a_workflow_without_its_permission_is_as_if_it_were_not_there(ana, with_rights):
    hidden = started(flows.guarded)
    shown = started(flows.plain, 1)
    rights = ("view_run", "start_run", "cancel_run", "steer_run", "resume_run", "delete_run")
    _, outside = with_rights(*rights)
    _, inside = with_rights(*rights, groups=("starters",))

    for program, ids in ((outside, [shown.run_id]), (inside, [shown.run_id, hidden.run_id])):
        page = program.look("/runs").json()
        assert [run["run_id"] for run in page["items"]] == ids
        assert page["total"] == len(ids)
    names = [each["id"] for each in outside.look("/workflows").json()["items"]]
    assert "api-guarded" not in names
    assert "api-plain" in names
    for path in ("", "/result", "/steps", "/steps/finance", "/timelines", "/audit", "/suspensions",
                 "/values/input", "/steps/finance/iterations"):  # fmt: skip
        answer = outside.look(f"/runs/{hidden.run_id}{path}")
        if path != "/values/input":
            refused(answer, 404, "RunNotFound")
        assert answer.status_code in {403, 404}
    for verb in ("cancel", "resume", "retry", "rerun", "restart", "proceed", "start", "fork"):
        refused(outside.act(f"/runs/{hidden.run_id}/{verb}"), 404, "RunNotFound")
    refused(outside.ask("DELETE", f"/runs/{hidden.run_id}"), 404, "RunNotFound")
    refused(outside.act("/workflows/api-guarded/runs"), 404, "WorkflowNotFound")
    refused(outside.look("/workflows/api-guarded"), 404, "WorkflowNotFound")
    assert inside.look("/workflows/api-guarded").status_code == 200
    assert row_of(hidden).status == "suspended"


def test_a_token_for_one_workflow_knows_no_other(ana):
    hidden = started(flows.plain, 1)
    mine = started()
    narrow = Program(tokens.make(ana, "narrow", workflows=["api-order"])[1])

    assert [run["run_id"] for run in narrow.look("/runs").json()["items"]] == [mine.run_id]
    refused(narrow.look(f"/runs/{hidden.run_id}"), 404, "RunNotFound")
    refused(narrow.act(f"/runs/{hidden.run_id}/rerun"), 404, "RunNotFound")
    refused(narrow.act("/workflows/api-plain/runs"), 404, "WorkflowNotFound")
    assert [each["id"] for each in narrow.look("/workflows").json()["items"]] == ["api-order"]
    filtered = narrow.look("/runs?workflow=api-plain").json()
    assert (filtered["items"], filtered["total"]) == ([], 0)


def test_who_may_not_answer_a_step_is_told_so(with_rights):
    run = started(flows.asks_finance)
    _, outsider = with_rights("resume_run", "view_run")
    for body in ({"resume_data": {"approved": 5}}, {"unknown": 1}):
        answer = outsider.act(f"/runs/{run.run_id}/resume", body)
        refused(answer, 403, "NotAllowedToAnswer")
    _, insider = with_rights("resume_run", "view_run", groups=("finance",))
    body = {"resume_data": {"approved": True}}
    assert insider.act(f"/runs/{run.run_id}/resume?wait=true", body).status_code == 200
