"""How pages reach a browser: compressed, with nothing to be guessed from that, scripts early."""

import gzip
import re

import pytest
from django.test import Client

from dashboard import assets
from tests.integration.dashboard.conftest import started

ZIPPED = {"accept-encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("where", ["/", "/runs/", "/inbox/", "/workflows/", "/audit/", "a run"])
@pytest.mark.parametrize("is_part", [False, True])
def test_html_is_compressed_for_browsers_that_take_it(pages, where, is_part):
    run = started()
    where = f"/runs/{run.run_id}/" if where == "a run" else where
    asked = {"HX-Request": "true"} if is_part else {}

    plain = pages.get(where, headers=asked)
    zipped = pages.get(where, headers=asked | ZIPPED)

    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert len(zipped.content) < len(plain.content) / (1 if is_part else 2)
    assert b"data-" in gzip.decompress(zipped.content)


def test_the_news_of_a_run_is_compressed_too(pages):
    run = started()

    answer = pages.get(f"/runs/{run.run_id}/events/?after=0", headers=ZIPPED)

    assert answer.headers["Content-Encoding"] == "gzip"


def test_no_two_answers_hold_the_same_token_and_each_is_taken(ana):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    run = started()
    tokens = []
    for _ in range(3):
        page = gzip.decompress(client.get("/settings/", headers=ZIPPED).content).decode()
        tokens.append(re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)[1])
        tokens.append(re.search(r'x-csrftoken": "(\w+)"', page)[1])

    assert len({tokens[0], tokens[2], tokens[4]}) == 3
    for token in set(tokens):
        sent = client.post(f"/runs/{run.run_id}/nothing/", headers={"x-csrftoken": token})
        assert sent.status_code != 403


def test_answers_of_the_same_page_differ_in_length(pages):
    lengths = {len(pages.get("/runs/", headers=ZIPPED).content) for _ in range(12)}

    assert len(lengths) > 1


def test_a_page_names_every_module_that_its_script_needs_before_the_script(pages):
    page = pages.get("/runs/").content.decode()
    named = re.findall(r'<link rel="modulepreload" href="/assets/\w+/([\w.]+)">', page)
    needed = {"signalbox.js"}
    for _ in range(5):
        for name in list(needed):
            needed |= set(re.findall(r'from "\./([\w.]+)"', (assets.FOLDER / name).read_text()))

    assert sorted(named) == sorted(needed)
    assert page.index("modulepreload") < page.index("<script")


def test_a_script_that_is_not_here_is_not_named():
    assert assets.imported_by("nothing.js") == ()
