"""The id of a request: in its answer, and in the log."""

import logging
import re

import pytest

from workflows_app import request_lines
from workflows_app.log_context import About


@pytest.mark.parametrize("where", ["/sign-in/", "/nowhere/", "/healthz", "/static/nothing.css"])
def test_every_answer_has_an_id(client, db, where):
    first, second = (client.get(where)["X-Request-Id"] for _ in range(2))

    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


def test_an_id_that_was_given_is_kept(client, db):
    answer = client.get("/sign-in/", HTTP_X_REQUEST_ID="shop-42.a_B")

    assert answer["X-Request-Id"] == "shop-42.a_B"


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\nb", "é"])
def test_what_is_no_id_is_replaced(client, db, given):
    answer = client.get("/sign-in/", HTTP_X_REQUEST_ID=given)

    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-Id"])


def test_lines_of_a_request_have_its_id_and_not_its_query(client, db, caplog):
    caplog.handler.addFilter(About())
    caplog.set_level(logging.INFO, logger="workflows_app.requests")

    client.get("/nowhere/?q=secret", HTTP_X_REQUEST_ID="shop-42")
    client.get("/api/v1/runs?q=secret", HTTP_X_REQUEST_ID="shop-43")
    caplog.handler.filters.clear()

    line, of_api = [record for record in caplog.records if record.name == request_lines.logger.name]
    assert re.fullmatch(r"GET /nowhere/ 404 [\d.]+ ms", line.getMessage())
    assert line.request_id == "shop-42"
    assert re.fullmatch(r"GET /api/v1/runs 401 [\d.]+ ms", of_api.getMessage())
    assert of_api.request_id == "shop-43"
    assert not [record for record in caplog.records if record.name == "django.request"
                and "/api/" in record.getMessage()]  # fmt: skip
