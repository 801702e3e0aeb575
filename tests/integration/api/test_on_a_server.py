"""The API of a running server: the examples of its page, and what a waiting request costs."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests import product as products
from tests.documents import blocks
from tests.product import ROOT, Product

#: Requests that wait at once.
MANY: Final = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Product]:
    """One running installation with the workflows of `orders`."""
    folder = tmp_path_factory.mktemp("server")
    url = f"sqlite:///{folder / 'signalbox.sqlite3'}"
    env = {"WORKFLOWS_MODULES": "tests.integration.api.orders", "WORKFLOWS_API_RATE": "off"}
    with products.product(url, folder, env) as made:
        made.up()
        yield made


@pytest.fixture(scope="module")
def token(server: Product) -> str:
    """A token of the installation's first person."""
    done = subprocess.run(
        [sys.executable, "manage.py", "token", "admin"], cwd=ROOT, env=server._env,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


def call(server: Product, token: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{server.address}/api/v1{path}", data, headers)
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def threads(server: Product) -> int:
    assert server._process is not None
    status = Path(f"/proc/{server._process.pid}/status").read_text()
    return int(re.findall(r"Threads:\s+(\d+)", status)[0])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples call curl")
def test_the_examples_of_the_page_run_one_after_the_other(server: Product) -> None:
    commands = [block.text for block in blocks("docs/http.md") if block.language == "sh"]
    script = "\n".join(commands).replace("http://127.0.0.1:8000", server.address)
    script = script.replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=server._env,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "charged 700 for o-1" in done.stdout
    assert "\ndata: {" in done.stdout


def test_a_refusal_looks_as_the_page_shows(server: Product, token: str) -> None:
    (shown,) = [block for block in blocks("docs/http.md") if block.language == "json"]
    with pytest.raises(HTTPError) as refusal:
        call(server, token, "/runs/o-99")
    assert json.load(refusal.value) == json.loads(shown.text)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form_is_no_json(server: Product, token: str, kind: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    sent = Request(f"{server.address}/api/v1/workflows/orders/runs", b"--x\r\nbroken", headers)

    with pytest.raises(HTTPError) as refused:
        urlopen(sent, timeout=30)

    assert refused.value.code == 415
    assert json.load(refused.value)["error"]["type"] == "UnsupportedMediaType"


async def opened(server: Product, token: str, path: str, accept: str) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [
        f"GET /api/v1{path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {token}", f"Accept: {accept}", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return writer


async def test_requests_that_wait_hold_no_thread_and_keep_nobody_waiting(
    server: Product, token: str
) -> None:
    body = {"run_id": "asks", "input": {"id": "asks", "total": 900}}
    call(server, token, "/workflows/orders/runs?wait=true", body)
    call(server, token, "/workflows/lingering/runs", {"run_id": "lingers", "input": 20})
    before = threads(server)
    writers = [
        await opened(server, token, path, accept)
        for path, accept in (
            ("/runs/lingers/result?wait=true&timeout=60", "application/json"),
            ("/runs/asks/events", "text/event-stream"),
            ("/events", "text/event-stream"),
        )
        for _ in range(MANY)
    ]
    await asyncio.sleep(2.0)
    began = time.monotonic()
    for _ in range(5):
        await asyncio.to_thread(call, server, token, "/runs?limit=1")
    took = time.monotonic() - began
    grown = threads(server) - before
    for writer in writers:
        writer.close()

    assert grown < 25, grown  # a pool of threads that all requests share
    assert took < 5, took


async def test_a_wait_ends_with_the_run(server: Product, token: str) -> None:
    began = time.monotonic()
    path = "/workflows/lingering/runs?wait=true&include=output"
    answer = await asyncio.to_thread(call, server, token, path, {"input": 0.5})
    assert (answer["status"], answer["result"]) == ("success", 0.5)
    assert time.monotonic() - began < 5
    slow = "/workflows/lingering/runs?wait=true&timeout=0.3"
    answer = await asyncio.to_thread(call, server, token, slow, {"input": 2})
    assert answer["status"] == "running"
