"""Live connections for a project's ASGI application, and the application of the product.

    from signalbox.dashboard.asgi import websockets

    application = websockets(get_asgi_application())

A project imports this module before Django is set up, so it imports nothing of ours at once.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


def websockets(application: Application) -> Application:
    """Return an ASGI application that also serves the live connections of the pages.

    Everything else goes to `application`. Without this, pages ask every few seconds.
    """
    from .sockets import with_sockets  # noqa: PLC0415 - see above

    return with_sockets(application)


def __getattr__(name: str) -> Any:
    """Make the product's `application` when a server asks for it."""
    if name != "application":
        raise AttributeError(name)
    import django  # noqa: PLC0415 - see above

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__package__}.settings")
    django.setup(set_prefix=False)
    from .product import application  # noqa: PLC0415 - see above

    globals()[name] = application
    return application
