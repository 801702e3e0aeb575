"""Which address belongs to which room; the pages' own addresses are in `dashboard.routes`."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("dashboard.routes")),
]
