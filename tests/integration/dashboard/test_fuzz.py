"""No address, query, body or header gives an answer of 5xx, whoever asks, whatever runs there are.

Each case is rolled back, so that all see the same database.
"""

import copy
from random import Random
from typing import Any, Final
from urllib.parse import unquote

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from dashboard.asgi import application
from tests.integration.dashboard import fuzzing
from tests.integration.dashboard.fuzzing import Case, World

#: Requests over each database: by Django's client, which shows what was raised, and as the server
#: passes them on.
CASES, SERVED = 3000, 300

#: One number each, because Hypothesis would spend most cases on variations of a few.
chances = st.randoms(use_true_random=True)
in_one_database = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


#: What a page of the product gives its forms.
TOKEN = {"X-CSRFToken": "t" * 32}


@pytest.fixture
def world(db) -> World:
    return fuzzing.build()


def as_header(text: str) -> str:
    """Return a text as a server passes on the bytes of a header."""
    return text.encode("utf-8", "replace").decode("latin-1")


def answer_to(world: World, case: Case) -> int:
    """Make the request; return the status of its answer. What a view raises is raised here."""
    client = world.clients[case.person]
    kept = copy.deepcopy(client.cookies)
    client.handler.enforce_csrf_checks = True
    client.cookies["signalbox_csrf"] = TOKEN["X-CSRFToken"]
    for name, value in case.cookies:
        client.cookies[name] = as_header(value)
    content, kind = fuzzing.body(world, case)
    try:
        with transaction.atomic():
            response = client.generic(
                world.method(case),
                world.address(case),
                content,
                content_type=kind,
                headers={**TOKEN, **{name: as_header(value) for name, value in case.headers}},
                QUERY_STRING=world.encoded(case.query),
            )
            _read(response)
            transaction.set_rollback(True)
    finally:
        client.cookies = kept
    return response.status_code


def _read(response: Any) -> None:
    # What is followed on an event loop has no end, and no loop here.
    if response.streaming and not response.is_async:
        b"".join(response.streaming_content)


def answer_of_server(world: World, case: Case, kind: str) -> int:
    """Hand the request to the application as Daphne does; return the status of its answer."""
    content, given_kind = fuzzing.body(world, case)
    cookies = {name: each.value for name, each in world.clients[case.person].cookies.items()}
    cookies |= {"signalbox_csrf": TOKEN["X-CSRFToken"], **dict(case.cookies)}
    headers = {"Host": "localhost", **TOKEN, **dict(case.headers)}
    headers["Content-Type"] = kind or given_kind
    headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    address = world.address(case)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": world.method(case),
        "path": unquote(address),
        "raw_path": address.encode(),
        "query_string": world.encoded(case.query).encode(),
        "headers": [(k.lower().encode(), v.encode("utf-8", "replace")) for k, v in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    # A view has a thread and a connection of its own: to it everybody is a stranger, and it cannot
    # write beside this transaction, as the throttle of signing in would.
    with transaction.atomic(), override_settings(AXES_ENABLED=False):
        status = async_to_sync(_handed_on)(scope, content)
        transaction.set_rollback(True)
    return status


#: Kinds of answers that do not end by themselves.
STREAMS: Final = (b"text/event-stream", b"application/x-ndjson")


async def _handed_on(scope: dict[str, Any], content: bytes) -> int:
    served = ApplicationCommunicator(application, scope)
    await served.send_input({"type": "http.request", "body": content})
    begun = await served.receive_output(30)
    if any(value.startswith(STREAMS) for _, value in begun.get("headers", ())):
        await served.send_input({"type": "http.disconnect"})
        await served.wait(30)
        return int(begun["status"])
    while (await served.receive_output(30)).get("more_body"):
        pass
    await served.wait()
    return int(begun["status"])


@settings(in_one_database, max_examples=CASES)
@given(chance=chances)
def test_no_request_gives_a_5xx(world: World, chance: Random) -> None:
    case = fuzzing.case_of(chance)
    note(fuzzing.shown(case))
    assert answer_to(world, case) < 500


@settings(in_one_database, max_examples=SERVED)
@given(chance=chances)
def test_no_request_that_the_server_hands_on_gives_a_5xx(world: World, chance: Random) -> None:
    case = fuzzing.case_of(chance)
    kind = chance.choice([*[""] * 25, *fuzzing.ENCODED])
    note(f"{kind} {fuzzing.shown(case)}")
    assert answer_of_server(world, case, kind) < 500


# Errors that it found, and others of the same kind.


def sent(world: World, method: str, address: str, **options: Any) -> Any:
    """Make a request as a superuser, from a form that a page gave."""
    client = world.clients["superuser"]
    client.cookies["signalbox_csrf"] = TOKEN["X-CSRFToken"]
    headers = {**TOKEN, **options.pop("headers", {})}
    return client.generic(method, address, headers=headers, **options)


def test_a_form_that_cannot_be_read_at_an_address_with_a_nul_gives_no_5xx(world):
    answer = sent(
        world, "POST", "/schedules/%00/unpause/", data=b"--b", content_type="multipart/form-data"
    )
    assert answer.status_code == 400


def test_no_address_with_odd_characters_gives_a_5xx(world):
    for route in fuzzing.ROUTES:
        for text in ("a%00b", "%ED%A0%80", "9" * 400) if "<" in route else ():
            address = fuzzing.PLACE.sub(text, route)
            for method in ("GET", "POST"):
                assert sent(world, method, address).status_code < 500, address


@pytest.mark.parametrize("target", ["[0]", "home", "%5B", "//[", "http://[", "\0", "a b", "é"])
def test_an_odd_address_to_go_on_to_is_no_error_at_the_sign_in(pages, client, target):
    form = {"username": "ana", "password": "secret-of-ana", "next": target}

    assert pages.get("/sign-in/", {"next": target}).status_code == 302
    assert client.post("/sign-in/", form).status_code == 302


@pytest.mark.parametrize("target", ["/a\nb", "/a\r\nSet-Cookie: a=b", "/é", "[0]"])
def test_a_script_is_led_on_without_a_line_break_in_the_header(pages, target):
    form = {"tab": "json", "json": "1", "op": "send", "next": target}
    address = f"/workflows/{fuzzing.flows.open_flow.id}/start/"
    answer = pages.post(address, form, headers={"HX-Request": "true"})

    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].isascii()
    assert "\n" not in answer.headers["HX-Redirect"]


def test_a_start_takes_every_odd_text_in_every_field(world):
    fields = {name for name in world.inputs if name.startswith("data")}
    for text in fuzzing.ODD:
        for form in (
            [(name, text) for name in sorted({"confirmed", "data.confirmed", "op", *fields})],
            [("tab", "json"), ("json", text), ("confirmed", text)],
        ):
            with transaction.atomic():
                answer = sent(
                    world,
                    "POST",
                    f"/workflows/{fuzzing.many.id}/start/",
                    data=world.encoded(form),
                    content_type="application/x-www-form-urlencoded",
                )
                transaction.set_rollback(True)
            assert answer.status_code < 500, text[:80]


def test_a_body_that_cannot_be_read_is_refused_wherever_it_is_sent(world):
    for address in ("/nowhere/", "/settings/"):
        for kind in fuzzing.TYPES:
            for content in fuzzing.PARTS:
                answer = sent(world, "POST", address, data=content, content_type=kind)
                assert answer.status_code < 500, (address, kind, content[:80])


def test_a_nul_in_a_cookie_signs_nobody_in_and_fails_nothing(client, db):
    client.cookies["signalbox_session"] = "a\0b"

    assert client.get("/runs/").status_code == 302
