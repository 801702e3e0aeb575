"""The API in a project of somebody else: included, or as a router of their own API."""

import pytest
from django.test import Client
from django.urls import include, path
from django.utils import translation
from ninja import NinjaAPI

from tests.integration.api import flows
from tests.integration.api.conftest import started
from workflows_app.api import middleware, router

theirs = NinjaAPI(urls_namespace="theirs", docs_url=None)
theirs.add_router("/signalbox", router)
named = NinjaAPI(urls_namespace="named", docs_url=None)
named.add_router("/", "workflows_app.api.router")

urlpatterns = [
    path("below/v1/", include("workflows_app.api.urls")),
    path("their/", theirs.urls),
    path("named/", named.urls),
]

#: Without ours: a host has its own.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]


@pytest.fixture(params=["with our middleware", "without"])
def _host(settings, request):
    settings.ROOT_URLCONF = __name__
    if request.param == "without":
        settings.MIDDLEWARE = MIDDLEWARE
    middleware.prefixes.cache_clear()
    yield
    middleware.prefixes.cache_clear()


@pytest.mark.usefixtures("_host")
@pytest.mark.parametrize("base", ["/below/v1", "/their/signalbox", "/named"])
def test_the_api_answers_under_whatever_address(ana, program, base):
    run = started(flows.plain, "x" * 70_000)
    client = Client(headers=program.headers_of_all, enforce_csrf_checks=True)
    shown = client.get(f"{base}/runs/{run.run_id}?include=output").json()
    assert shown["result"]["$ref"] == f"{base}/runs/{run.run_id}/values/result"
    assert client.get(shown["result"]["$ref"]).status_code == 200
    made = client.post(f"{base}/runs/{run.run_id}/rerun", b"{}", content_type="application/json")
    assert made.status_code == 201, made.content
    assert made["Location"] == f"{base}/runs/{made.json()['run_id']}"
    refusal = client.get(f"{base}/runs/gone")
    assert (refusal.status_code, refusal.json()["error"]["type"]) == (404, "RunNotFound")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    assert browser.get(f"{base}/me").json()["through"] == "session"
    forged = browser.post(f"{base}/runs/{run.run_id}/rerun", b"{}", content_type="application/json")
    assert forged.json()["error"]["type"] == "CsrfFailed"


@pytest.mark.usefixtures("_host")
@pytest.mark.parametrize("base", ["/below/v1", "/their/signalbox"])
def test_it_speaks_english_whatever_language_the_project_has(with_rights, settings, base):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    started(flows.asks_finance)
    _, viewer = with_rights("view_run", "resume_run")

    with translation.override("de"):
        answer = Client(headers=viewer.headers_of_all).get(
            f"{base}/inbox", headers={"accept-language": "de"}
        )
        assert translation.get_language() == "de"

    (question,) = answer.json()["items"]
    assert question["why_not"] == "Only members of the group “finance” may do this."
