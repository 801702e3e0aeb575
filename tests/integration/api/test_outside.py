"""Events and callback URLs through the HTTP API."""

from __future__ import annotations

import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from pydantic import BaseModel

from tests.integration.api.conftest import Program, refused
from workflows_app import Workflow, step, tokens
from workflows_app.api.entry import rates
from workflows_app.models import Action, OutsideEvent, Wait

pytestmark = pytest.mark.django_db


class Paid(BaseModel):
    amount: int


def waiting(name: str = "api-waits", *, permission: str | None = None) -> Any:
    """Return a run whose step waits for an event."""

    @step(id="pay", resume=Paid)
    def pay(order: str, ctx: Any) -> int:
        amount: int = ctx.wait_for_event("payment", order).amount
        return amount

    run = Workflow(name, permission=permission).then(pay).commit().create_run()
    run.start("o1")
    return run


# Events.


def test_an_event_answers_and_is_in_the_audit_trail(program):
    run = waiting()
    answer = program.act("/events/payment", {"key": "o1", "data": {"amount": 3}})
    assert (answer.status_code, answer.json()) == (200, {"answered": 1})
    assert run.refresh().result().result == 3
    row = Action.objects.get(verb="emit")
    assert (row.actor_name, row.door, row.public_run_id) == ("ana", "api", run.run_id)


def test_an_event_that_nobody_waits_for_is_kept(program):
    assert program.act("/events/payment", {"key": 7}).json() == {"answered": 0}
    assert OutsideEvent.objects.get().key == "7"


def test_a_repeated_event_id_and_a_repeated_request_give_the_first_answer(program):
    waiting()
    body = {"key": "o1", "data": {"amount": 3}, "event_id": "e1"}
    assert program.act("/events/payment", body).json() == {"answered": 1}
    assert program.act("/events/payment", body).json() == {"answered": 1}
    other = {"key": "o2", "data": 1}
    for replayed in (None, "true"):
        answer = program.act("/events/payment", other, Idempotency_Key="k")
        assert answer.headers.get("Idempotency-Replayed") == replayed
    assert OutsideEvent.objects.count() == 2


def test_data_that_does_not_fit_answers_nobody(program):
    run = waiting()
    answer = program.act("/events/payment", {"key": "o1", "data": {"amount": "x"}})
    refused(answer, 400, "InvalidResumeData")
    assert run.refresh().status == "suspended"


def test_a_name_and_a_body_that_cannot_be_are_refused(program):
    refused(program.act("/events/" + "x" * 256, {}), 400, "InvalidInput")
    refused(program.act("/events/a", {"keys": 1}), 400, "InvalidRequest")


@pytest.mark.parametrize("by", ["token", "permission"])
def test_an_event_does_not_reach_workflows_that_are_not_there_for_the_sender(ana, with_rights, by):
    run = waiting("api-waits-hidden", permission="group:finance")
    if by == "token":
        another = Workflow("api-waits-for-nothing").then(step(lambda data: data, id="a")).commit()
        program = Program(tokens.make(ana, "narrow", workflows=[another.id])[1])
    else:
        _, program = with_rights("resume_run")
    assert program.act("/events/payment", {"key": "o1", "data": {"amount": 1}}).json() == {
        "answered": 0
    }
    assert run.refresh().status == "suspended"


# Callbacks.


def asking(**options: Any) -> tuple[Any, list[str]]:
    """Return a run that asks with a callback URL, and the URLs that it has made."""
    urls: list[str] = []

    @step(id="call", **options)
    def call(data: Any, ctx: Any) -> Any:
        if ctx.resume_data is None:
            urls.append(ctx.callback_url())
            ctx.suspend("?")
        return ctx.resume_data

    run = Workflow("api-callback").then(call).commit().create_run()
    run.start(None)
    return run, urls


def post(url: str, data: Any) -> Any:
    """Post to a callback URL, as somebody without an account."""
    sent = data if data == "{" else json.dumps(data)
    return Program().post(urlsplit(url).path, data=sent, content_type="application/json")


def test_whoever_has_the_url_answers_once():
    run, (url,) = asking()
    assert url.startswith("http://127.0.0.1:8000/api/v1/callbacks/")
    answer = post(url, {"ok": True})
    assert answer.status_code == 202
    assert run.refresh().result().result == {"ok": True}
    refused(post(url, {"ok": False}), 410, "CallbackGone")
    assert Action.objects.get().actor_name == "callback"


def test_the_token_is_long_random_and_only_its_digest_is_stored():
    run, (url,) = asking()
    token = url.rpartition("/")[2]
    assert len(token) == 43
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert token not in str(cursor.fetchall())
    assert token not in str(run.events())


def test_a_wrong_token_is_not_found():
    _, (url,) = asking()
    refused(post(url + "x", 1), 404, "CallbackNotFound")


def test_get_shows_nothing_and_changes_nothing():
    run, (url,) = asking()
    for address in (url, url + "x"):
        answer = Program().get(urlsplit(address).path)
        refused(answer, 405, "MethodNotAllowed")
        assert answer.headers["Allow"] == "POST"
    assert run.refresh().status == "suspended"
    assert post(url, 1).status_code == 202


def test_a_url_is_over_with_its_suspension():
    run, (url,) = asking()
    run.resume("by a person")
    refused(post(url, 1), 410, "CallbackGone")
    canceled, (other,) = asking()
    canceled.cancel()
    refused(post(other, 1), 410, "CallbackGone")


def test_data_that_does_not_fit_is_refused_and_the_url_stays_good():
    run, (url,) = asking(resume=Paid)
    refused(post(url, {"amount": "x"}), 400, "InvalidResumeData")
    refused(post(url, "{"), 400, "InvalidRequest")
    assert post(url, {"amount": 2}).status_code == 202
    assert run.refresh().result().result == {"amount": 2}


def test_an_answer_that_comes_before_the_suspension_is_given_to_it():
    @step(id="early")
    def early(data: Any, ctx: Any) -> Any:
        if ctx.resume_data is None:
            assert post(ctx.callback_url(), "early").status_code == 202
            ctx.suspend("?")
        return ctx.resume_data

    result = Workflow("api-early").then(early).commit().create_run().start(None)
    assert (result.status, result.result) == ("success", "early")


def test_an_answer_that_comes_while_the_run_is_paused_before_the_next_attempt_is_kept():
    urls: list[str] = []

    @step(id="again", retries=1, retry_delay=3600)
    def again(data: Any, ctx: Any) -> Any:
        if ctx.resume_data is None:
            urls.append(ctx.callback_url())
            if len(urls) == 1:
                raise ValueError("not yet")
            ctx.suspend("?")
        return ctx.resume_data

    run = Workflow("api-paused").then(again).commit().create_run()
    run.start(None, wait=False)
    run.pause("lunch", wait=True, timeout=30)
    assert post(urls[0], "kept").status_code == 202
    run.proceed(wait=False)
    result = run.skip_wait(timeout=30)
    assert (result.status, result.result) == ("success", "kept")


def test_a_url_belongs_to_the_next_suspension_alone():
    urls = []

    @step(id="twice")
    def twice(data: Any, ctx: Any) -> Any:
        urls.append(ctx.callback_url())
        if ctx.resume_data is None:
            ctx.suspend(1)
        if ctx.resume_data == "first":
            ctx.suspend(2)
        return ctx.resume_data

    run = Workflow("api-twice").then(twice).commit().create_run()
    run.start(None)
    assert post(urls[0], "first").status_code == 202
    assert run.refresh().status == "suspended"
    refused(post(urls[0], "again"), 410, "CallbackGone")
    assert post(urls[1], "second").status_code == 202
    assert run.refresh().result().result == "second"


@pytest.mark.django_db(transaction=True)
def test_a_url_of_an_atomic_step_works():
    run, (url,) = asking(atomic=True)
    assert post(url, 5).status_code == 202
    end = time.monotonic() + 10
    while run.refresh().status == "running" and time.monotonic() < end:
        time.sleep(0.02)
    assert run.result().result == 5


def test_a_url_answers_a_wait_for_an_event():
    urls = []

    @step(id="either")
    def either(data: Any, ctx: Any) -> Any:
        urls.append(ctx.callback_url())
        return ctx.wait_for_event("payment", "k")

    run = Workflow("api-either").then(either).commit().create_run()
    run.start(None)
    assert post(urls[0], "by the url").status_code == 202
    assert run.refresh().result().result == "by the url"


def test_callbacks_are_limited_as_the_api_is(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "API_RATE": "2/m", "MAX_BODY_BYTES": 100}
    rates._counts.clear()
    _, (url,) = asking()
    refused(post(url, "x" * 200), 413, "PayloadTooLarge")
    refused(Program().post(urlsplit(url).path, {"a": 1}), 415, "UnsupportedMediaType")
    refused(post(url, 1), 429, "RateLimited")


def test_no_line_of_the_log_has_the_token(caplog):
    _, (url,) = asking()
    token = url.rpartition("/")[2]
    caplog.set_level(logging.INFO, logger="workflows_app.requests")
    post(url, 1)
    post(url, 1)
    lines = [record.getMessage() for record in caplog.records]
    assert any("/callbacks/…" in line for line in lines)
    assert not any(token in line for line in lines)


def test_tokens_go_with_their_run():
    run, (url,) = asking()
    run.delete()
    refused(post(url, 1), 404, "CallbackNotFound")
    assert not Wait.objects.exists()
