"""People, tokens and workflows for the tests of the HTTP API."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.integration.api import flows
from workflows_app import tokens
from workflows_app.api.entry import rates
from workflows_app.models import Run as RunRow
from workflows_app.run import Run


class Program(Client):
    """A program that calls the API: paths from `/api/v1` on, JSON in and out."""

    base = "/api/v1"

    def __init__(self, token: str = "", **more: Any) -> None:
        super().__init__(**more)
        self.headers_of_all = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; `body` is sent as JSON. Headers by their names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {} if body is None else {"data": body, "content_type": "application/json"}
        call = getattr(self, method.lower())
        return call(f"{self.base}{path}", headers={**self.headers_of_all, **named}, **sent)

    def look(self, path: str, **headers: str) -> Any:
        """Get something."""
        return self.ask("GET", path, **headers)

    def act(self, path: str, body: Any = None, **headers: str) -> Any:
        """Post something: an empty object where nothing is said."""
        return self.ask("POST", path, {} if body is None else body, **headers)


@pytest.fixture(autouse=True)
def _inline(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "inline", "API_RATE": "off"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    rates._counts.clear()


@pytest.fixture
def ana(db) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("ana", password="secret-of-ana")


@pytest.fixture
def program(ana) -> Program:
    """A program with a token of Ana's."""
    return Program(tokens.make(ana, "all")[1])


@pytest.fixture
def with_rights(db):
    """Make a person with some permissions and groups, and a program with a token of theirs."""

    def make(
        *permissions: str, groups: tuple[str, ...] = (), user: User | None = None, **token: Any
    ) -> tuple[User, Program]:
        found = user or User.objects.create_user(f"person-{User.objects.count()}")
        for name in permissions:
            found.user_permissions.add(
                Permission.objects.get(codename=name, content_type__app_label="workflows_app")
            )
        for name in groups:
            found.groups.add(Group.objects.get_or_create(name=name)[0])
        return found, Program(tokens.make(found, "some", **token)[1])

    return make


def started(flow: Any = flows.order, given: Any = None, **more: Any) -> Run:
    """Start a run and let it go as far as it can."""
    run: Run = flow.create_run(more.pop("run_id", None), more.pop("resource_id", None))
    run.start({"id": "o1", "total": 700} if given is None else given, **more)
    return run.refresh()


def row_of(run: Run) -> RunRow:
    """Return a run's row as it stands."""
    return RunRow.objects.get(run_id=run.run_id)


def refused(answer: Any, status: int, kind: str) -> Any:
    """Check that an answer says no in this way; return the error."""
    assert answer.status_code == status, answer.content
    error = answer.json()["error"]
    assert error["type"] == kind
    assert set(error) == {"type", "message", "details"}
    assert error["message"]
    return error
