"""Each test of the contract runs in both modes."""

import pytest


@pytest.fixture(params=["inline", "embedded"])
def execution(request: pytest.FixtureRequest, settings) -> str:
    """The mode that the test runs in."""
    settings.WORKFLOWS = {"EXECUTION": request.param}
    mode: str = request.param
    return mode


@pytest.fixture
def embedded(settings) -> None:
    """Run in threads of this process."""
    settings.WORKFLOWS = {"EXECUTION": "embedded"}
