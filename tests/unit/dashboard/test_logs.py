"""Lines of the log: their form, and what is never in them."""

import json
import logging
import sys
from datetime import datetime

import pytest
from django.db import OperationalError

from dashboard import logs
from workflows_app.log_context import About


def line_of(message="Well.", *args, form=None, error=None, **extra):
    record = logging.makeLogRecord(
        {"name": "worker.x", "levelname": "INFO", "msg": message, "args": args, **extra}
    )
    if error is not None:
        try:
            raise error
        except type(error):
            record.exc_info = sys.exc_info()
    About().filter(record)
    logs.NoLinks().filter(record)
    text = (form or logs.JsonLines()).format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_is_one_json_object_with_what_is_known():
    line = line_of("Step %s of\ntwo", "a", run_id="r-1", attempt=2)

    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {
        "level": "INFO", "logger": "worker.x", "message": "Step a of\ntwo",
        "run_id": "r-1", "attempt": 2,
    }  # fmt: skip


def test_an_exception_is_its_type_and_place_and_nothing_that_it_says():
    line = line_of(error=ValueError("iban DE12 of ana"))

    assert line["exception"].endswith("in line_of\nValueError")
    assert "iban" not in json.dumps(line)


def test_its_causes_say_nothing_either():
    inner = KeyError("iban")
    outer = ValueError("iban")
    outer.__cause__ = inner

    line = line_of(error=outer)

    assert line["exception"].startswith("KeyError\n")
    assert "iban" not in json.dumps(line)


@pytest.mark.parametrize("error", [OperationalError("host db"), ConnectionError("host db")])
def test_what_the_product_leans_on_may_say_why_it_is_away(error):
    assert "host db" in line_of(error=error)["exception"]


def test_payloads_are_logged_where_that_was_asked_for():
    line = line_of(error=ValueError("iban"), form=logs.JsonLines(payloads=True))

    assert "ValueError: iban" in line["exception"]


@pytest.mark.parametrize(
    "said", ["Gone: /sign-in/MQ/abc-123/", "GET http://h/sign-in/MQ/abc-123/?next=/ 403"]
)
def test_no_line_holds_what_would_sign_somebody_in(said):
    assert "abc-123" not in line_of(said)["message"]
    assert "abc-123" not in line_of("%s", said)["message"]


def test_requests_are_lines_in_the_json_form_alone():
    as_json = logs.settings("json", payloads=False)
    assert as_json["loggers"]["workflows_app.requests"]["level"] == "INFO"
    assert logs.settings("text", payloads=False)["handlers"]["stderr"]["formatter"] == "line"
