"""Parts: what a page's own script is given under the page's own address."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_vary_headers

#: By this a script says that it wants only the part that changes.
HEADER = "HX-Request"


class PartsMiddleware:
    """Keep browsers from showing a kept part where somebody goes back to the whole page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; a part is kept by nobody, and a page is not taken for the part of its address."""
        response = self._get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, [HEADER])
            if HEADER in request.headers:
                add_never_cache_headers(response)
        return response
