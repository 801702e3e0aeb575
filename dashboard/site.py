"""The product as a site of its own: all its addresses, and the pages of its errors."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from . import pages
from .request import errors, on_site

urlpatterns = [
    path(
        "admin/r/<path:content_type_id>/<path:object_id>/",
        admin.site.admin_view(on_site.view_on_site),
    ),
    path("admin/", admin.site.urls),
    path("api/v1/", include("workflows_app.api.urls")),
    path("api/", include("workflows_app.api.client.urls")),
    path("", include(f"{__package__}.monitoring.urls")),
    path("sign-in/", include(f"{__package__}.people.urls")),
    path("", include(f"{__package__}.urls")),
]

handler403 = errors.not_allowed
handler404 = errors.not_found


def handler500(_request: HttpRequest) -> HttpResponse:
    """Say that something broke, without a database or a person."""
    return HttpResponse(pages.render_to_string("dashboard/errors/500.html"), status=500)
