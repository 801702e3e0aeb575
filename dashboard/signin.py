"""Signing in without a password: a link that works once, for a quarter of an hour.

Whoever can start the product on a machine may sign in to it; the link is how they do.
"""

from typing import Final

from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils.encoding import force_str
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode

#: How long a link works.
LINK_SECONDS: Final = 15 * 60

ADMIN: Final = "admin"


class LinkTokens(PasswordResetTokenGenerator):
    """Tokens that the first sign-in with any of them makes worthless: they seal `last_login`."""

    key_salt = "dashboard.signin.LinkTokens"

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Return whether `token` was made for `user`, is young enough and was not used."""
        return super().check_token(user, token) and self._age(token or "") <= LINK_SECONDS

    def _age(self, token: str) -> int:
        """Return the seconds since `token`, whose form is already checked, was made."""
        made = base36_to_int(token.partition("-")[0])
        return self._num_seconds(self._now()) - made


tokens: Final = LinkTokens()


def link(user: User, base_url: str) -> str:
    """Return an address under `base_url` that signs `user` in, once, for 15 minutes."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return f"{base_url.rstrip('/')}/sign-in/{uid}/{tokens.make_token(user)}/"


def check(uidb64: str, token: str) -> User | None:
    """Return the user whom a link was made for, or None when it is wrong, old or used.

    It is the sign-in that uses the link up, not this question: the caller passes the user to
    `django.contrib.auth.login`, which records the time.
    """
    try:
        pk = int(force_str(urlsafe_base64_decode(uidb64)))
    except ValueError:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user is not None and tokens.check_token(user, token) else None


def first_user() -> User | None:
    """Return whom a link may be made for while nobody has ever signed in, else None.

    That is a superuser, `admin` before others; `admin` is made when there is no user at all.
    """
    users = User.objects.all()
    if users.filter(last_login__isnull=False).exists():
        return None
    if not users.exists():
        return User.objects.create_superuser(ADMIN)  # without a password: by link only
    able = users.filter(is_superuser=True, is_active=True)
    return able.filter(username=ADMIN).first() or able.order_by("pk").first()
