"""TLS: what is believed of proxies, where plain requests go, and the settings for production."""

import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]
TLS = {"HTTP_X_FORWARDED_PROTO": "https"}
PLAIN = {"HTTP_X_FORWARDED_PROTO": "http"}


@pytest.fixture
def behind(settings):
    """A proxy that is trusted, as the settings have it where only TRUSTED_PROXIES is said."""
    settings.TRUSTED_PROXIES = (ip_network("127.0.0.1"),)
    settings.SECURE_PROXY_SSL_HEADER = ("signalbox.scheme", "https")
    settings.DJANGO_HTTPS = None
    return Client()


def test_what_a_trusted_proxy_had_over_tls_is_safe(behind):
    answer = behind.get("/sign-in/", **TLS)

    assert answer.status_code == 200
    assert answer.cookies["signalbox_csrf"]["secure"]
    assert answer["Strict-Transport-Security"] == "max-age=31536000"


def test_what_it_had_without_is_led_to_tls(behind):
    answer = behind.get("/runs/?q=1", **PLAIN)

    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/runs/?q=1")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_without(behind, path):
    assert behind.get(path, **PLAIN).status_code == 200


def test_an_inside_request_without_a_word_stays_as_it_is(behind):
    answer = behind.get("/sign-in/")

    assert answer.status_code == 200
    assert not answer.cookies["signalbox_csrf"]["secure"]


def test_nobody_else_is_believed(behind, settings):
    settings.TRUSTED_PROXIES = (ip_network("10.0.0.1"),)

    answer = behind.get("/sign-in/", **TLS)

    assert not answer.cookies["signalbox_csrf"]["secure"]
    assert "Strict-Transport-Security" not in answer
    assert behind.get("/sign-in/", **PLAIN).status_code == 200


def test_a_proxy_without_tls_may_be_meant(behind, settings):
    settings.DJANGO_HTTPS = False

    assert behind.get("/sign-in/", **PLAIN).status_code == 200


def test_the_word_of_the_nearest_proxy_counts(behind):
    answer = behind.get("/runs/", HTTP_X_FORWARDED_PROTO="https, http")

    assert answer.status_code == 301


def manage(*arguments, **env):
    known = {k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "WORKFLOWS_"))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**known, **env},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


PRODUCTION = {
    "DJANGO_SECRET_KEY": "zvQ3xq0cQe5T9qkU1m2yT8n4bW7sJ6rL0pF5hD3gK8aXcV1e",
    "DJANGO_HTTPS": "1",
    "DJANGO_ALLOWED_HOSTS": "flows.example.org",
    "TRUSTED_PROXIES": "10.0.0.0/8",
}


def test_the_settings_for_production_pass_the_checks_for_it(tmp_path):
    key = PRODUCTION["DJANGO_SECRET_KEY"] * 2
    done = manage(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING",
        **{**PRODUCTION, "DJANGO_SECRET_KEY": key, "DATABASE_URL": f"sqlite:///{tmp_path / 'x'}"},
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_with_https_everything_is_led_to_tls_but_probes(tmp_path):
    program = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n"
        "here = Client(SERVER_NAME='flows.example.org')\n"
        "print(here.get('/runs/')['Location'], here.get('/healthz').status_code)\n"
        "safe = here.get('/sign-in/', secure=True)\n"
        "print(safe['Strict-Transport-Security'], safe.cookies['signalbox_csrf']['secure'])\n"
    )
    done = manage(
        "-c", program, DATABASE_URL=f"sqlite:///{tmp_path / 'x'}",
        DJANGO_SETTINGS_MODULE="dashboard.settings", **PRODUCTION,
    )  # fmt: skip

    assert done.stdout == ("https://flows.example.org/runs/ 200\nmax-age=31536000 True\n"), (
        done.stderr
    )
