"""The commands of pages that speak of a checkout, or of any project, run."""

import shutil
from pathlib import Path

import pytest

from tests.integration.docs import shell

pytestmark = pytest.mark.sqlite_only  # each page has a database of its own


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, made once and copied for each page."""
    folder = tmp_path_factory.mktemp("migrated")
    shell.run("python manage.py migrate --verbosity 0", folder, shell.of_the_checkout(folder))
    return folder / shell.DATABASE


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("docs/terminal.md", "charged 700 for o1"),
        ("docs/operating.md", "0 runs"),
        ("docs/broker.md", ""),
    ],
)
def test_the_commands_of_a_page_run_one_after_the_other(
    page: str, said: str, migrated: Path, tmp_path: Path
) -> None:
    env = shell.of_the_checkout(tmp_path)
    shutil.copy(migrated, tmp_path / shell.DATABASE)
    assert said in shell.run(shell.as_script(page), tmp_path, env)
