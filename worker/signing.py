"""Signatures of messages in Redis: who can write there can forge none.

The key comes from `SECRET_KEY`, which all processes share. A signature is bound to the list or
channel of its message, so that none can be moved to another. What does not verify is dropped and
logged: the database knows what there is to do, and the sweep finds it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from functools import lru_cache
from typing import Final

from django.conf import settings

logger = logging.getLogger(__name__)

#: Bytes of a signature, which stand before the message.
SIZE: Final = 16
#: The key is used for nothing else.
_PURPOSE: Final = b"signalbox redis"
#: Seconds between two lines about dropped messages, however many there are.
_PACE: Final = 1.0


class _Dropped:
    """How many messages were dropped since that was last logged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._logged_at = float("-inf")

    def note(self, name: str) -> None:
        """Count one, and log it unless another was logged just now."""
        with self._lock:
            self._number += 1
            now = time.monotonic()
            if now - self._logged_at < _PACE:
                return
            number, self._number, self._logged_at = self._number, 0, now
        logger.warning(
            "%s message(s) in Redis were dropped, the last in %s: not signed with this "
            "installation's key. All processes need the same DJANGO_SECRET_KEY; during an upgrade "
            "this passes by itself.", number, name,
        )  # fmt: skip


_dropped: Final = _Dropped()


def signed(name: str, body: bytes | str) -> bytes:
    """Return a message as it is sent to the list or channel `name`."""
    plain = body.encode() if isinstance(body, str) else body
    return _signature(settings.SECRET_KEY, name, plain) + plain


def opened(name: str, message: bytes) -> bytes | None:
    """Return what a message from `name` says; None, and a line in the log, if it is not ours."""
    signature, body = message[:SIZE], message[SIZE:]
    if hmac.compare_digest(signature, _signature(settings.SECRET_KEY, name, body)):
        return body
    for secret in settings.SECRET_KEY_FALLBACKS:
        if hmac.compare_digest(signature, _signature(secret, name, body)):
            return body
    _dropped.note(name)
    return None


def _signature(secret: str | bytes, name: str, body: bytes) -> bytes:
    digest = _begun(secret, name).copy()
    digest.update(body)
    return digest.digest()


@lru_cache(maxsize=1024)
def _begun(secret: str | bytes, name: str) -> hashlib.blake2b:
    """Return the keyed hash that has read the name: to copy it is cheaper than to begin anew."""
    plain = secret.encode() if isinstance(secret, str) else secret
    key = hashlib.blake2b(plain, digest_size=32, person=_PURPOSE).digest()
    digest = hashlib.blake2b(key=key, digest_size=SIZE)
    digest.update(name.encode() + b"\0")
    return digest
