"""Parts: what a page's own script gets at the page's own address."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_vary_headers

#: With this header a script says that it wants only the part that changes.
HEADER = "HX-Request"


def mark(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keep browsers from storing a part, and from showing it in place of the whole page.

    Both have the same address, and somebody may go back to it.
    """
    if response.get("Content-Type", "").startswith("text/html"):
        patch_vary_headers(response, [HEADER])
        if HEADER in request.headers:
            add_never_cache_headers(response)
