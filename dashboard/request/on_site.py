"""The admin's link from a row to its page; an id that no row can have is not found."""

from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase


def view_on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponseBase:
    """Redirect to the page of a row; Django itself fails if an id is not a UUID."""
    try:
        return shortcut(request, content_type_id, object_id)
    except (ValidationError, ValueError, OverflowError) as impossible:
        raise Http404 from impossible
