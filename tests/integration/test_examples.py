"""The Python in the docs runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.documents import PAGES, examples


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md" and examples(page)])
def test_the_examples_of_a_page_run_one_after_the_other(page: str, settings: Any) -> None:
    settings.WORKFLOWS = {"EXECUTION": "inline"}
    names: dict[str, Any] = {"__name__": Path(page).stem}

    for example in examples(page):
        exec(compile(example, page, "exec"), names)
