"""Requests that are too large: refused before anything of them is read."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from dashboard.asgi import application
from dashboard.request import limits
from workflows_app import conf, tokens

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_BODY_BYTES": 1000}


async def asked(path, *parts, headers=()):
    """Send a request in parts; return the status, the body, and how many parts were taken."""
    status, _, body, taken = await told(path, *parts, headers=headers)
    return status, body, taken


async def told(path, *parts, headers=()):
    """Do the same; return the headers of the answer as well."""
    sent = []
    waiting = list(parts)

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "scheme": "http", "http_version": "1.1", "root_path": "",
        "headers": [(b"host", b"localhost"), *headers], "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }  # fmt: skip
    await application(scope, receive, send)
    given = {name.lower().decode(): value.decode() for name, value in sent[0]["headers"]}
    assert "x-request-id" in given
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], given, body.decode(), len(parts) - len(waiting)


async def test_a_length_that_is_too_large_is_refused_and_nothing_is_taken():
    status, _, taken = await asked("/sign-in/", b"x", headers=[(b"content-length", b"4001")])

    assert (status, taken) == (413, 0)


JSON = (b"content-type", b"application/json")


@pytest.mark.django_db(transaction=True)
async def test_the_api_refuses_what_is_too_large_with_all_that_its_answers_have():
    ana = await sync_to_async(User.objects.create_superuser)("ana")
    _, text = await sync_to_async(tokens.make)(ana, "all")
    known = [JSON, (b"authorization", f"Bearer {text}".encode())]
    long = (b"content-length", b"1001")

    said = await told("/api/v1/workflows/none/runs", b"x", headers=[*known, long])
    came = await told("/api/v1/workflows/none/runs", *[b"x" * 400] * 50, headers=known)

    for status, headers, body, _ in (said, came):
        assert status == 413
        assert json.loads(body)["error"]["type"] == "PayloadTooLarge"
        assert int(headers["ratelimit-remaining"]) > 0


@pytest.mark.django_db(transaction=True)
async def test_the_api_refuses_what_is_no_json_with_all_that_its_answers_have():
    ana = await sync_to_async(User.objects.create_superuser)("ana")
    _, text = await sync_to_async(tokens.make)(ana, "all")
    known = (b"authorization", f"Bearer {text}".encode())
    for kind in (b"multipart/form-data", b"application/json; charset=rot13"):
        headers = [known, (b"content-type", kind), (b"content-length", b"2")]
        status, given, body, _ = await told("/api/v1/tokens", b"{}", headers=headers)
        assert (status, json.loads(body)["error"]["type"]) == (415, "UnsupportedMediaType")
        assert int(given["ratelimit-remaining"]) > 0


async def test_without_a_length_it_is_refused_as_soon_as_too_much_has_come():
    status, _, taken = await asked("/sign-in/", *[b"x" * 1000] * 50)

    assert (status, taken) == (413, 5)


async def test_what_fits_is_taken():
    status, _, _ = await asked("/nowhere/", b"x" * 1000, headers=[(b"content-length", b"1000")])

    assert status != 413


def test_pages_take_more_since_forms_encode_values():
    assert limits.most() == 4 * conf.get("MAX_BODY_BYTES")


def test_other_servers_are_told_by_the_length(client):
    answer = client.post("/sign-in/", {"username": "x" * 5000})

    assert answer.status_code == 413
    assert "at most 4,000 bytes" in answer.content.decode()


def test_a_form_may_be_as_large_as_the_limit_says(client):
    answer = client.post("/sign-in/", {"username": "x" * 3000})

    assert answer.status_code == 422
