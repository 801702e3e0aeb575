"""People, workflows and runs for the pages' tests. Steps run in the test's own thread."""

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from dashboard.graph import graphs
from tests.integration.dashboard import flows
from workflows_app.engine.host import clock
from workflows_app.models import Run as RunRow
from workflows_app.run import Run

#: The button that sends the form at each kind of address; a group: its own last part.
BUTTONS: Final = (
    (r"/runs/[^/]+/answer/[^/]+/$", "send"),
    (r"/runs/[^/]+/time-travel/value/$", "send"),
    (r"/runs/[^/]+/time-travel/", "plan"),
    (r"/workflows/[^/]+/start/", "send"),
    (r"/settings/$", "save"),
    (r"/settings/tokens/$", "make"),
    (r"/(?:runs|inbox|schedules)/[^/]+/([^/]+)/$", r"\1"),
)


class Person(Client):
    """A person who presses buttons; a form without a named button is sent by its first one."""

    def post(self, path: str, data: Any = None, *args: Any, **more: Any) -> Any:  # type: ignore[override]
        """Send a form; `op` is the button."""
        found = next(((rule, op) for rule, op in BUTTONS if re.match(rule, path)), None)
        if found and isinstance(data, dict | None) and "op" not in (data or {}):
            match = re.match(found[0], path)
            data = {**(data or {}), "op": match.expand(found[1]) if match else ""}
        return super().post(path, data, *args, **more)


@pytest.fixture(autouse=True)
def _inline(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "EXECUTION": "inline"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Rows of the previous test are gone, and their keys are used again.
    graphs.forget()


@pytest.fixture(autouse=True)
def _time_costs_no_query(monkeypatch):
    """Leave out the look at the database's clock that one page in half a minute makes."""
    monkeypatch.setattr(clock, "_measured", (time.monotonic(), datetime.now(UTC)))


@pytest.fixture
def ana(db) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("ana", password="secret-of-ana")


@pytest.fixture
def pages(ana) -> Client:
    """A browser in which Ana is signed in."""
    client = Person()
    client.force_login(ana)
    return client


@pytest.fixture
def person(db):
    """Make a person with some permissions, and groups, and return them with their browser.

    Whoever has any of them sees values, unless that is said otherwise.
    """

    def make(
        *permissions: str, groups: tuple[str, ...] = (), values: bool = True
    ) -> tuple[User, Client]:
        user = User.objects.create_user(f"person-{User.objects.count()}")
        for name in {*permissions, *(["view_payload"] if values and permissions else [])}:
            user.user_permissions.add(
                Permission.objects.get(codename=name, content_type__app_label="workflows_app")
            )
        for name in groups:
            user.groups.add(Group.objects.get_or_create(name=name)[0])
        client = Person()
        client.force_login(user)
        return user, client

    return make


def started(flow: Any = flows.approval, **values: Any) -> Run:
    """Start a run and let it go as far as it can."""
    run: Run = flow.create_run()
    run.start({"title": "Desk", "amount": 700, **values})
    run.refresh()
    return run


def row_of(run: Run | RunRow) -> RunRow:
    """Return a run's current row."""
    return RunRow.objects.get(run_id=run.run_id)


def question_of(run: Run) -> Any:
    """Return the only step of the run that asks."""
    (step,) = RunRow.objects.get(run_id=run.run_id).steps.filter(status="suspended", kind="step")
    return step
