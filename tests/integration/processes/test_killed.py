"""What happens to a run when its process dies in the middle of a step."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.product import Product, product, wait_until

START = """
WORKFLOW = "killed"
from workflows_app import get_workflow
run = get_workflow(WORKFLOW).create_run(run_id="r")
run.start({"n": 1}, wait=False)
"""
LOOK = """
WORKFLOW = "killed"
from workflows_app import get_workflow
run = get_workflow(WORKFLOW).get_run("r")
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


def of(workflow: str, code: str) -> str:
    """Return the code for another workflow."""
    return code.replace('WORKFLOW = "killed"', f'WORKFLOW = "{workflow}"')


@pytest.mark.sqlite_only  # starts its own database, of either kind
def test_a_kill_between_an_atomic_steps_writes_and_its_result_leaves_neither(
    installed: Product, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    installed.up()
    installed.python(of("killed-atomic", START))
    wait_until(lambda: ran.exists() and "writes" in ran.read_text(), 20, installed.log.read_text)

    installed.kill()
    (tmp_path / "go").touch()
    installed.up()
    look = of("killed-atomic", LOOK)
    wait_until(lambda: installed.python(look)["status"] == "success", 20, installed.log.read_text)

    assert installed.python(look)["result"] == {"n": 1, "groups": 1}
    assert ran.read_text().split() == ["writes", "writes", "last"]
    names = "from django.contrib.auth.models import Group\n"
    names += "print(json.dumps([g.name for g in Group.objects.all()]))"
    assert installed.python(names) == ["written-0"]


@pytest.mark.sqlite_only  # starts its own database, of either kind
def test_a_sleep_outlasts_its_process(installed: Product, tmp_path: Path) -> None:
    installed.up()
    installed.python(of("killed-asleep", START))
    look = of("killed-asleep", LOOK)
    wait_until(lambda: installed.python(look)["status"] == "waiting", 20, installed.log.read_text)

    installed.kill()
    installed.up()
    wait_until(lambda: installed.python(look)["status"] == "success", 20, installed.log.read_text)
    assert (tmp_path / "ran").read_text().split() == ["first", "last"]
