"""Guessing passwords: after some failures an account is shut for a while, and so is an address."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client

from dashboard.people import signin, throttle
from workflows_app.engine.host import clock

pytestmark = pytest.mark.django_db

PASSWORD = "secret-of-ana"


def tries(name="ana", password="wrong", address="192.0.2.1", **more):
    return Client(REMOTE_ADDR=address).post(
        "/sign-in/", {"username": name, "password": password, **more}
    )


def fails(times=throttle.MOST, **how):
    return [tries(**how).status_code for _ in range(times)]


def test_the_last_failure_and_what_follows_it_is_refused(ana):
    assert fails() == [422] * (throttle.MOST - 1) + [429]

    refused = tries(password=PASSWORD)

    assert refused.status_code == 429
    assert refused["Retry-After"] == "900"
    assert "failed too often" in refused.content.decode()
    assert "sessionid" not in refused.cookies


def test_an_account_is_shut_wherever_the_failures_come_from(ana):
    for number in range(throttle.MOST):
        tries(address=f"192.0.2.{number}")

    assert tries(password=PASSWORD, address="203.0.113.1").status_code == 429


def test_an_address_is_shut_whatever_accounts_it_tries(ana):
    for number in range(throttle.MOST * throttle.SHARED):
        tries(name=f"nobody-{number}")

    assert tries(password=PASSWORD).status_code == 429
    assert tries(password=PASSWORD, address="203.0.113.1").status_code == 302


def test_others_at_the_same_address_may_still_sign_in(ana):
    User.objects.create_user("ben", password="secret-of-ben")
    fails()

    assert tries(name="ben", password="secret-of-ben").status_code == 302


def test_a_proxy_that_is_trusted_is_not_the_one_who_guesses(ana, settings):
    settings.TRUSTED_PROXIES = (ip_network("10.0.0.1"),)

    for number in range(throttle.MOST * throttle.SHARED):
        tries(name=f"nobody-{number}", address="10.0.0.1")
    found = Client(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7").post(
        "/sign-in/", {"username": "ana", "password": PASSWORD}
    )

    assert found.status_code == 302


def test_it_opens_again_by_itself(ana):
    fails()
    before = clock.now() - throttle.SHUT_FOR - timedelta(seconds=1)
    AccessAttempt.objects.update(attempt_time=before)

    assert tries(password=PASSWORD).status_code == 302


def test_a_sign_in_that_works_forgets_the_failures_before(ana):
    fails(throttle.MOST - 1)
    assert tries(password=PASSWORD).status_code == 302

    assert tries().status_code == 422


def test_what_was_typed_is_kept_for_later(ana):
    fails()

    page = tries(next="/runs/", draft="kept").content.decode()

    assert 'name="next" value="/runs/"' in page
    assert 'name="draft" value="kept"' in page


def test_the_admin_is_shut_too(ana):
    fails()

    answer = Client(REMOTE_ADDR="192.0.2.1").post(
        "/admin/login/", {"username": "ana", "password": PASSWORD}
    )

    assert answer.status_code == 429


def test_a_link_works_meanwhile_and_no_password_is_kept(ana):
    fails()

    link = signin.link(ana, "http://testserver")

    assert Client().post(link).status_code == 302
    assert PASSWORD not in str(list(AccessAttempt.objects.values()))
    assert "wrong" not in str(list(AccessAttempt.objects.values()))


def test_a_script_without_a_request_is_not_kept_out(ana):
    assert Client().login(username="ana", password=PASSWORD)
    assert not Client().login(username="ana", password="wrong")


def test_of_two_who_use_one_link_at_the_same_time_one_signs_in(ana, monkeypatch):
    link = signin.link(ana, "http://testserver")
    path = link.partition("testserver")[2].split("/")
    first, second = (signin.check(path[2], path[3]) for _ in range(2))

    assert signin.use_up(first)
    assert not signin.use_up(second)
    assert signin.check(path[2], path[3]) is None
    assert Client().post(link).status_code == 410
