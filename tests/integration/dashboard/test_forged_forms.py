"""What a host's visitors read when the token of a form is not valid."""

import pytest
from django.conf import settings as configured
from django.test import Client

GUARD = "dashboard.middleware.GuardMiddleware"
#: The form that starts runs, as somebody typed it before its token grew old.
FORM = "/workflows/pages-approval/start/"
TYPED = {"data.title": "Typed before", "data.amount": "5", "op": "send"}


@pytest.fixture
def visitor(settings, ana):
    """A visitor of a host, which has Django's own page for forged forms."""
    settings.MIDDLEWARE = [name for name in configured.MIDDLEWARE if name != GUARD]
    settings.CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"
    made = Client(enforce_csrf_checks=True)
    made.force_login(ana)
    return made


def test_on_a_page_of_ours_it_is_our_page_with_what_was_typed(visitor):
    answer = visitor.post(FORM, TYPED)

    assert answer.status_code == 403
    assert "Typed before" in answer.content.decode()
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_on_a_page_of_the_host_it_is_the_hosts(visitor):
    answer = visitor.post("/admin/login/", {"username": "Typed before"})

    assert answer.status_code == 403
    assert "CSRF verification failed" in answer.content.decode()
    assert "Typed before" not in answer.content.decode()


@pytest.mark.parametrize("comes", ["before", "after"])
def test_a_form_with_its_token_is_taken(visitor, settings, comes):
    check = "django.middleware.csrf.CsrfViewMiddleware"
    if comes == "after":
        settings.MIDDLEWARE = [*(name for name in settings.MIDDLEWARE if name != check), check]
    page = visitor.get(FORM)
    token = page.context["csrf_token"] if page.context else visitor.cookies["signalbox_csrf"].value

    answer = visitor.post(FORM, {**TYPED, "csrfmiddlewaretoken": str(token)})

    assert answer.status_code == 302


def test_a_host_that_checks_in_its_own_way_keeps_it(visitor, settings):
    own = "tests.integration.dashboard.test_forged_forms.Own"
    names = {"django.middleware.csrf.CsrfViewMiddleware": own}
    settings.MIDDLEWARE = [names.get(name, name) for name in settings.MIDDLEWARE]

    assert visitor.post(FORM, TYPED).content == b"the host's own way"


def Own(_get_response):
    """Refuse all forms, as no other does."""
    from django.http import HttpResponse  # noqa: PLC0415

    def refuse(request):
        if request.method == "POST":
            return HttpResponse("the host's own way", status=403)
        return _get_response(request)

    return refuse
