"""The API of web processes whose steps run elsewhere: it outlives workers and itself."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.product import Workers, wait_until
from tests.servers import free_port

pytestmark = pytest.mark.sqlite_only  # brings a PostgreSQL of its own

TOKEN: Final = """
from django.contrib.auth.models import User
from workflows_app import tokens
print(json.dumps(tokens.make(User.objects.create_superuser("ana"), "all")[1]))
"""


class Api:
    """A program that calls the API of one address."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request; return its status, and its JSON."""
        with self._sent(method, path, body) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None

    def follow(self, path: str, after: int = 0) -> Iterator[tuple[int, Any]]:
        """Yield the events of a stream with their numbers, until it ends."""
        with self._sent("GET", path, accept="text/event-stream", last=after) as answer:
            if answer.status == 204:
                return
            assert answer.status == 200, answer.read()
            number = 0
            for line in answer:
                name, _, said = line.decode().strip().partition(": ")
                if name == "id":
                    number = int(said)
                elif name == "data":
                    yield number, json.loads(said)

    @contextmanager
    def _sent(
        self, method: str, path: str, body: Any = None, accept: str = "*/*", last: int = 0
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=90)
        headers = {"Authorization": f"Bearer {self._token}", "Accept": accept}
        headers |= {"Last-Event-ID": str(last)} if last else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        sent = None if body is None else json.dumps(body)
        with closing(connection):
            connection.request(method, f"/api/v1{path}", sent, headers)
            with connection.getresponse() as answer:
                yield answer


@pytest.fixture
def port(workers: Workers) -> int:
    """Where the web process listens, also after it was started again."""
    return free_port()


@pytest.fixture
def api(workers: Workers, port: int) -> Api:
    """A program with a token; the installation has a web process and a worker."""
    return Api(port, workers.python(TOKEN))


def test_a_run_is_started_waited_for_answered_and_canceled(workers, port, api, tmp_path):
    workers.web(port)
    workers.start()

    made = api.ask("POST", "/workflows/far-adds/runs?wait=true&include=output", {"input": 1})
    assert (made[0], made[1]["status"], made[1]["result"]) == (201, "success", 2)

    status, run = api.ask("POST", "/workflows/far-asks/runs?wait=true", {"input": {"n": 1}})
    assert (status, run["status"]) == (201, "suspended")
    (question,) = api.ask("GET", f"/inbox?run_id={run['run_id']}")[1]["items"]
    path = f"/inbox/{question['suspension']}/answer?wait=true&include=output"
    status, run = api.ask("POST", path, {"resume_data": "yes"})
    assert (status, run["status"], run["result"]["answer"]) == (200, "success", "yes")

    _, run = api.ask("POST", "/workflows/far-cancel/runs", {"input": {}})
    wait_until(lambda: _marks(tmp_path, "waits"), 30, workers.said)
    status, run = api.ask("POST", f"/runs/{run['run_id']}/cancel?wait=true", {})
    assert (status, run["status"]) == (200, "canceled")
    assert run["message"] == "Workflow run canceled"


def test_a_stream_goes_on_after_its_worker_and_its_web_process_were_killed(
    workers, port, api, tmp_path
):
    web, worker = workers.web(port), workers.start()
    _, run = api.ask("POST", "/workflows/killed/runs", {"input": {"n": 1}})
    path = f"/runs/{run['run_id']}/events"
    seen = []
    for number, event in api.follow(path):
        seen.append(number)
        if event["type"] == "workflow-step-start" and event["payload"]["path"] == "held_up":
            break

    worker.kill()
    web.kill()
    for process in (worker, web):
        process.wait(timeout=10)
    workers.web(port)
    workers.start()
    (tmp_path / "go").touch()
    rest = list(api.follow(path, after=seen[-1]))

    numbers = [*seen, *(number for number, _ in rest)]
    assert numbers == list(range(1, len(numbers) + 1))
    last = rest[-1][1]
    assert (last["type"], last["payload"]["status"]) == ("workflow-finish", "success")
    assert last["payload"]["result"] == {"n": 1, "first": True, "restarted": True}
    assert list(api.follow(path, after=numbers[-1])) == []
    status, done = api.ask("GET", f"/runs/{run['run_id']}/result?wait=true")
    assert (status, done["status"]) == (200, "success")


def _marks(folder: Path, name: str) -> bool:
    file = folder / "ran"
    return file.exists() and name in file.read_text().split()
