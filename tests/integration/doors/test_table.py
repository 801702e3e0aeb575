"""Every kind of person asks every door for every action, on a workflow of each kind."""

from __future__ import annotations

from types import ModuleType
from typing import Final

import pytest

from tests.integration.doors import (
    by_admin,
    by_api,
    by_client,
    by_page,
    by_python,
    by_socket,
    by_terminal,
    table,
    world,
)
from tests.integration.doors.table import LOOKS, PLACES, ROWS, Cell, Kind
from tests.integration.doors.world import Subject, Visitor
from workflows_app import actions

DOORS: Final[dict[str, ModuleType]] = {
    "page": by_page,
    "api": by_api,
    "client": by_client,
    "terminal": by_terminal,
    "admin": by_admin,
    "socket": by_socket,
    "python": by_python,
}


def test_the_table_has_every_action_of_the_registry_under_its_permission():
    registry = actions.ACTIONS | actions.SCHEDULE_ACTIONS
    wanted = {name: action.permission for name, action in registry.items()}

    said = {name: f"workflows_app.{need.permission}" for name, need in table.REGISTERED.items()}

    assert said == wanted


def test_every_door_is_in_the_table_and_says_which_actions_it_leaves_out():
    assert set(DOORS) == set(table.RULES)
    for door in DOORS.values():
        assert set(door.NOT_OFFERED) <= set(ROWS)
        assert all(door.NOT_OFFERED.values())


#: What a door asks of the database it asks through the same rule: two are enough over PostgreSQL.
_LEFT_OUT: Final = {"admin", "client", "python", "terminal"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "door",
    [
        pytest.param(name, marks=[pytest.mark.sqlite_only] if name in _LEFT_OUT else [])
        for name in DOORS
        if name != "socket"
    ],
)
def test_a_door_answers_as_the_table_says(door):
    subjects = [world.made(place) for place in PLACES]

    wrong = [line for subject in subjects for line in _disagreements(door, subject)]

    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.django_db(transaction=True)
def test_a_live_connection_answers_as_the_table_says():
    subjects = [world.made(place) for place in PLACES]

    wrong = [line for subject in subjects for line in _disagreements("socket", subject)]

    assert not wrong, "\n" + "\n".join(wrong)


def _disagreements(door: str, subject: Subject) -> list[str]:
    found: list[str] = []
    for name, kind in table.kinds_at(door, subject.place).items():
        visitor = world.visitor(kind)
        found += [
            f"{door}: {name}, {row}, {subject.place.workflow}: {wrong}"
            for row, wrong in _of_kind(door, kind, visitor, subject)
        ]
    return found


def _of_kind(door: str, kind: Kind, visitor: Visitor, subject: Subject) -> list[tuple[str, str]]:
    rows = [row for row in ROWS if row not in DOORS[door].NOT_OFFERED]
    said = {row: table.cell(door, kind, row, subject.place) for row in rows}
    changing = [row for row in rows if said[row] is Cell.ALLOWED and row not in LOOKS]
    ask = DOORS[door].ask
    before = world.state()
    came = {row: ask(visitor, row, subject) for row in rows if row not in changing}
    wrong = [(row, f"{cell}, not {said[row]}") for row, cell in came.items() if cell != said[row]]
    if world.state() != before:
        wrong.append((", ".join(came), "what was refused changed something"))
    for row in changing:
        with world.undone():
            cell = ask(visitor, row, subject)
            if cell is not Cell.ALLOWED:
                wrong.append((row, f"{cell}, not allowed"))
            elif world.state() == before:
                wrong.append((row, "it was allowed, and nothing changed"))
    return wrong
