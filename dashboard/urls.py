"""Which address belongs to which room; the pages' own addresses are in `dashboard.routes`."""

from django.contrib import admin
from django.urls import include, path

from dashboard.views import on_site

urlpatterns = [
    path(
        "admin/r/<path:content_type_id>/<path:object_id>/",
        admin.site.admin_view(on_site.view_on_site),
    ),
    path("admin/", admin.site.urls),
    path("", include("dashboard.routes")),
]
