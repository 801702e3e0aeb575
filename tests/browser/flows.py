"""A workflow with a schedule, for the pages of operators."""

from typing import Any

from workflows_app import Schedule, Workflow, step


@step
def collect(value: Any) -> Any:
    """Hand on what it was given."""
    return value


nightly = (
    Workflow(
        "nightly-report",
        title="Nightly report",
        schedule=Schedule("0 3 * * *", timezone="Europe/Amsterdam", overlap="skip"),
    )
    .then(collect)
    .commit()
)
