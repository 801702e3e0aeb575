"""The intake of a workflow on its page: pausing and resuming it, and who may do that."""

import pytest
from django.contrib.auth import get_user_model

from workflows_app import Workflow, step
from workflows_app.models import Action

pytestmark = pytest.mark.django_db

flow = Workflow("intake-page").then(step(lambda data: data, id="a")).commit()


@pytest.fixture
def ana(client):
    """A superuser who is signed in."""
    found = get_user_model().objects.create_superuser("ana", password="x")
    client.force_login(found)
    return found


def test_the_intake_is_paused_with_a_reason_and_resumed(client, ana):
    address = f"/workflows/{flow.id}/intake/pause/"
    assert "stay pending" in client.get(address).content.decode()
    client.post(address, {"op": "pause", "reason": " upgrade "})
    assert (flow.intake.reason, flow.intake.actor) == ("upgrade", "ana")
    run = flow.create_run()
    run.start(1, wait=False)
    page = client.get(f"/workflows/{flow.id}/").content.decode()
    assert "The intake is paused" in page
    assert "upgrade" in page
    shown = client.get(f"/runs/{run.run_id}/").content.decode()
    assert "Held because the intake of its workflow is paused: upgrade" in shown
    assert (
        "1 run that waits begins"
        in client.get(f"/workflows/{flow.id}/intake/resume/").content.decode()
    )

    client.post(f"/workflows/{flow.id}/intake/resume/", {"op": "resume"})

    assert flow.intake is None
    assert [row.door for row in Action.objects.exclude(verb="start")] == ["page", "page"]


def test_who_may_not_steer_runs_may_not_pause_the_intake(client):
    viewer = get_user_model().objects.create_user("ben")
    client.force_login(viewer)
    answer = client.post(f"/workflows/{flow.id}/intake/pause/", {"op": "pause"})
    assert answer.status_code == 403
    assert flow.intake is None


def test_there_is_nothing_else_to_do_with_an_intake(client, ana):
    assert client.get(f"/workflows/{flow.id}/intake/drain/").status_code == 404
