"""Steps run in the test's own thread, and nobody is refused for asking often."""

import pytest

from dashboard.graph import graphs
from workflows_app.api.entry import rates


@pytest.fixture(autouse=True)
def _inline(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "inline", "API_RATE": "off"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Rows of the test before are gone, and their keys are used again.
    graphs.forget()
    rates._counts.clear()
