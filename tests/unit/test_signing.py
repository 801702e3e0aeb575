"""Signatures of messages in Redis."""

import logging

import pytest

from worker import signing

NAME = "signalbox:queue:default"


@pytest.fixture(autouse=True)
def _own_pace(monkeypatch):
    monkeypatch.setattr(signing, "_dropped", signing._Dropped())


@pytest.mark.parametrize("body", [b"", b"7@8@0", "ü", b"\0" * 5000])
def test_what_was_signed_is_opened(body):
    plain = body.encode() if isinstance(body, str) else body

    assert signing.opened(NAME, signing.signed(NAME, body)) == plain


@pytest.mark.parametrize(
    "message",
    [
        b"7@8@0",
        b"",
        b"x" * signing.SIZE,
        signing.signed(NAME, "7@8@0")[:-1] + b"1",
        b"y" + signing.signed(NAME, "7@8@0")[1:],
        signing.signed("signalbox:queue:gpu", "7@8@0"),
    ],
)
def test_what_was_not_signed_for_this_list_is_dropped_and_logged(message, caplog):
    caplog.set_level(logging.WARNING)

    assert signing.opened(NAME, message) is None
    assert NAME in caplog.text
    assert "7@8" not in caplog.text


def test_another_installation_cannot_sign_for_this_one(settings):
    settings.SECRET_KEY = "of another"
    message = signing.signed(NAME, "7@8@0")
    settings.SECRET_KEY = "of this one"

    assert signing.opened(NAME, message) is None


def test_a_key_that_is_being_replaced_still_counts(settings):
    settings.SECRET_KEY = "old"
    message = signing.signed(NAME, "7@8@0")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]

    assert signing.opened(NAME, message) == b"7@8@0"


def test_a_flood_of_forged_messages_is_one_line_a_second(caplog):
    caplog.set_level(logging.WARNING)

    for _ in range(1000):
        signing.opened(NAME, b"forged")

    assert len(caplog.records) == 1


def test_the_secret_key_cannot_be_read_from_a_signature(settings):
    assert settings.SECRET_KEY.encode()[:8] not in signing.signed(NAME, "x")
    assert len(signing.signed(NAME, "")) == signing.SIZE
