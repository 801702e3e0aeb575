"""The addresses that the client knows, to be included as `api/`, after those of the API itself."""

from __future__ import annotations

from typing import Final

from django.urls import re_path

from workflows_app.api.client import looks, operations, runs, schedules, verbs

app_name: Final = "signalbox_client"
#: The order in which addresses are tried: fixed words stand before the ids of `looks`.
OPERATIONS: Final = (looks, runs, verbs, schedules)

urlpatterns = [*operations.patterns(), re_path(r"", operations.nothing, name="nothing")]
