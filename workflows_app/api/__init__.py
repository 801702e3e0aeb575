"""The HTTP API: what an operator can do in the pages, for programs.

`path("api/v1/", include("workflows_app.api.urls"))` serves it whole; `workflows_app.api.router`
goes into a `NinjaAPI` of your own. `entry` lets requests in or refuses them, `shapes` says what
things look like as JSON, `routes` has one module a resource. Nothing here decides: the verbs do.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ninja import Router

    router: Router


def __getattr__(name: str) -> Any:
    """Make the router when it is first asked for: it needs the tables."""
    if name == "router":
        return import_module("workflows_app.api.routes.all").router
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
