"""Signing in without a password: a link that works once, for a quarter of an hour.

Whoever can start the product on a machine may sign in to it with such a link.
"""

from typing import Final

from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.utils import timezone
from django.utils.encoding import force_str
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode

#: How long a link works.
LINK_SECONDS: Final = 15 * 60

ADMIN: Final = "admin"


class LinkTokens(PasswordResetTokenGenerator):
    """Tokens that the first sign-in makes invalid, because they seal `last_login`."""

    key_salt = "dashboard.signin.LinkTokens"

    def check_token(self, user: User | None, token: str | None) -> bool:
        """Return whether `token` was made for `user`, is recent enough and has not been used."""
        return super().check_token(user, token) and self._age(token or "") <= LINK_SECONDS

    def _age(self, token: str) -> int:
        """Return the age of `token` in seconds; its form has been checked already."""
        made = base36_to_int(token.partition("-")[0])
        return self._num_seconds(self._now()) - made


tokens: Final = LinkTokens()


def link(user: User, base_url: str) -> str:
    """Return an address under `base_url` that signs `user` in, once, for 15 minutes."""
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return f"{base_url.rstrip('/')}/sign-in/{uid}/{tokens.make_token(user)}/"


def check(uidb64: str, token: str) -> User | None:
    """Return the user for whom a link was made; None if it is wrong, too old or used.

    Only the sign-in uses the link up (`use_up`), not this check.
    """
    try:
        pk = int(force_str(urlsafe_base64_decode(uidb64)))
    except ValueError:
        return None
    user = User.objects.filter(pk=pk, is_active=True).first()
    return user if user is not None and tokens.check_token(user, token) else None


def use_up(user: User) -> bool:
    """Make all links of a user worthless, since one is used now; return False if it was too late.

    `user` is as `check` has returned it: of two who use a link at the same time, one signs in.
    """
    unused = User.objects.filter(pk=user.pk, last_login=user.last_login)
    return bool(unused.update(last_login=timezone.now()))


def first_user() -> User | None:
    """Return a user for whom a link may be made as long as nobody has ever signed in, or None.

    It is a superuser, preferably `admin`, which is created if there is no user at all.
    """
    users = User.objects.all()
    if users.filter(last_login__isnull=False).exists():
        return None
    if not users.exists():
        return User.objects.create_superuser(ADMIN)  # without a password: by link only
    able = users.filter(is_superuser=True, is_active=True)
    return able.filter(username=ADMIN).first() or able.order_by("pk").first()
