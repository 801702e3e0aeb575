"""What happens to a run when its process dies in the middle of a step."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.product import Product, product, wait_until

START = """
from workflows_app import get_workflow
run = get_workflow("killed").create_run(run_id="r")
run.start({"n": 1}, wait=False)
"""
LOOK = """
from workflows_app import get_workflow
run = get_workflow("killed").get_run("r")
print(json.dumps({
    "status": run.status,
    "result": run.result().result,
    "numbers": [event.seq for event in run.events()],
    "types": [event.type for event in run.events()],
}))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'killed.sqlite3'}"
    server: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS killed WITH (FORCE)")
        connection.execute("CREATE DATABASE killed")
    return server.rpartition("/")[0] + "/killed"


@pytest.fixture
def installed(database_url: str, tmp_path: Path) -> Iterator[Product]:
    """An installation that knows the workflows of this folder."""
    env = {"WORKFLOWS_MODULES": "tests.integration.processes.workflows", "MARKS": str(tmp_path)}
    with product(database_url, tmp_path, env) as made:
        yield made


@pytest.mark.sqlite_only  # starts its own database, of either kind
def test_a_run_whose_process_was_killed_in_a_step_goes_on_by_itself_from_that_step(
    installed: Product, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    installed.up()
    installed.python(START)
    wait_until(lambda: ran.exists() and "held_up" in ran.read_text(), 20, installed.log.read_text)

    installed.kill()
    (tmp_path / "go").touch()
    installed.up()

    wait_until(lambda: installed.python(LOOK)["status"] == "success", 20, installed.log.read_text)
    seen = installed.python(LOOK)
    assert seen["result"] == {"n": 1, "first": True, "restarted": True}
    assert ran.read_text().split() == ["first", "held_up", "held_up", "last"]
    assert seen["numbers"] == list(range(1, len(seen["numbers"]) + 1))
    assert "workflow-restarted" in seen["types"]


@pytest.mark.sqlite_only  # starts its own database, of either kind
def test_a_process_that_is_asked_to_stop_ends_by_itself_and_hands_its_step_back(
    installed: Product, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    installed.up()
    installed.python(START)
    wait_until(lambda: ran.exists() and "held_up" in ran.read_text(), 20, installed.log.read_text)

    assert installed.stop() in {0, -15}
    (tmp_path / "go").touch()
    installed.up()

    wait_until(lambda: installed.python(LOOK)["status"] == "success", 20, installed.log.read_text)
    assert ran.read_text().split() == ["first", "held_up", "held_up", "last"]
