"""The README agrees with the code: its code runs, and all settings and statuses are in it."""

import re
from pathlib import Path
from typing import Any

import pytest

from workflows_app import conf
from workflows_app.planner.statuses import RunStatus, StepStatus

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.django_db(transaction=True)
def test_the_code_of_the_readme_runs(settings: Any) -> None:
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, Any] = {"__name__": "readme"}

    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)

    assert names["result"].status == "success"


@pytest.mark.parametrize("name", conf.NAMES)
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("status", sorted({*RunStatus, *StepStatus}))
def test_every_status_is_in_the_readme(status: str) -> None:
    assert f"`{status}`" in README
