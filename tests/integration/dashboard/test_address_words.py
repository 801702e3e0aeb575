"""No page leads to an address that its own page does not understand."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from django.test import RequestFactory
from django.urls import Resolver404, resolve

from dashboard.address_words import not_understood
from tests.integration.dashboard import everywhere
from tests.integration.dashboard.conftest import row_of
from tests.integration.dashboard.test_many_questions import YES, asking, questions_of

_LINK = re.compile(r'(?:href|hx-get|action|data-part)="([^"]*\?[^"]*)"')


def strange_in(address: str) -> list[str]:
    """Return what the page at an address would say that it does not understand."""
    request = RequestFactory().get(address)
    try:
        request.resolver_match = resolve(urlsplit(address).path)
    except Resolver404:  # not a page: a stylesheet
        return []
    return not_understood(request)


def test_every_link_of_every_page_says_what_its_page_understands(pages, ana):
    where = everywhere.addresses("a text", ana)
    many = asking(5)
    where["many questions"] = f"/runs/{many.run_id}/"
    where["one of many"] = f"/runs/{many.run_id}/?question={questions_of(many)[2].suspension}"
    seen: set[str] = set()

    for name, address in where.items():
        page = pages.get(address)
        if "html" not in page.headers.get("Content-Type", ""):
            continue
        for link in map(unescape, _LINK.findall(page.content.decode())):
            to = urljoin(address, link)
            seen.add(to)
            assert strange_in(to) == [], f"{name} leads to {to}"

    assert len(seen) > 100


def test_an_answer_leads_to_an_address_that_its_page_understands(pages):
    run = asking(5)
    question = questions_of(run)[0]

    page = pages.post(f"/runs/{run.run_id}/answer/{question.suspension}/", {**YES, "op": "send"})

    assert page.status_code == 302
    assert f"?question={questions_of(run)[0].suspension}" in page["Location"]
    assert strange_in(page["Location"]) == []
    assert "does not understand" not in pages.get(page["Location"]).content.decode()
    assert row_of(run).steps.filter(status="suspended", kind="step").count() == 4
