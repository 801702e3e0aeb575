"""`make bench-tabs`: 200 run pages open on one process while 20 runs emit 100 events a second.

Each tab does what the page's script does: it follows numbered frames over its socket, and orders
the page's live part there, one at a time; with `--polls` it fetches the part, at most so often,
unless it shows all that was heard of. At the end each must have seen the last number of its run,
without a gap. Times go from the moment that an event bears, which is that of its commit, to its
frame, and to the arrival of the part that holds it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

from dashboard.live.open_sockets import MOST
from tests import servers
from tests.product import Product, product

#: As in live.js.
PACE: Final = 0.35
RETRY: Final = 0.5
PATIENCE: Final = 4
#: Seconds over which CPU time is measured.
BUSY: Final = 10.0
_WORKFLOWS: Final = "tests.benchmarks.tab_flows"
_START: Final = """
from tests.benchmarks.tab_flows import TALK
runs = [TALK.create_run() for _ in range({runs})]
for run in runs:
    run.start({{"rounds": {rounds}, "pause": {pause}}}, wait=False)
print(json.dumps([run.run_id for run in runs]))
"""
_LAST: Final = """
from workflows_app.models import Run
print(json.dumps({run_id: [seq, status] for run_id, seq, status in
    Run.objects.values_list("run_id", "event_seq", "status")}))
"""


class Tab:
    """One page of a run that is open."""

    def __init__(self, run: str, *, fetches: bool) -> None:
        self.run = run
        self.fetches = fetches
        self.seq = 0
        self.gaps = 0
        self.frames: list[float] = []
        self.parts: list[float] = []
        #: How many frames and parts came.
        self.told = self.drawn = 0
        self.failed = 0
        #: Events before this moment are not measured: not all tabs were open.
        self.since = float("inf")
        self.is_open = self.is_ordered = False
        #: Up to which number a fetch has shown the run, and when what it has not was committed.
        self.shown = 0
        self.shown_at = 0.0
        self.unseen: list[tuple[int, float]] = []
        self.news = asyncio.Event()
        #: How it sends over its socket; None: it fetches its part.
        self.say: Callable[[str], None] | None = None

    def take(self, frame: dict[str, Any]) -> None:
        """Take in a frame, as `watchRun` does."""
        now = time.time()
        if frame["type"] == "part":
            self.show(frame["seq"], now)
            self.order()
            return
        self.is_open = True
        if not self.is_ordered:
            self.is_ordered = True
            self.order()
        self.told += 1
        for event in frame["events"]:
            if event["seq"] is None:
                continue
            self.gaps += event["seq"] != self.seq + 1
            self.seq = event["seq"]
            at = datetime.fromisoformat(event["at"]).timestamp()
            if at < self.since:
                continue  # it was there before the page
            self.frames.append(now - at)
            if self.seq <= self.shown:  # the part was quicker than the frame
                self.parts.append(self.shown_at - at)
            else:
                self.unseen.append((self.seq, at))
        self.gaps += frame["seq"] != self.seq
        self.news.set()

    def is_at(self, seq: int) -> bool:
        """Whether it has heard of this number, and shows it if it shows anything."""
        return self.seq == seq and (self.shown == seq or not self.fetches)

    def order(self) -> None:
        """Order the next part, where it comes over the socket."""
        if self.fetches and self.say:
            look = f"/runs/{self.run}/?tab=graph"
            self.say(json.dumps({"look": look, "shown": self.shown}))

    def show(self, seq: int, now: float) -> None:
        """Take in a part that holds this number."""
        self.drawn += 1
        self.shown, self.shown_at = seq, now
        self.parts += [now - at for seq, at in self.unseen if seq <= self.shown]
        self.unseen = [each for each in self.unseen if each[0] > self.shown]

    async def refresh(self, port: int, cookie: str) -> None:
        """Fetch the live part at news, at most so often."""
        while True:
            await self.news.wait()
            self.news.clear()
            if self.shown >= self.seq:
                continue
            began = time.monotonic()
            part = await fetch(port, f"/runs/{self.run}/?tab=graph", cookie, seen=self.seq)
            now = time.time()
            number = re.search(rb'data-seq="(\d+)"', part)
            if number is None:
                self.failed += 1
            else:
                self.show(int(number[1]), now)
            took = time.monotonic() - began
            await asyncio.sleep(max(PACE - took, (PATIENCE - 1) * took))


async def fetch(port: int, path: str, cookie: str, *, seen: int | None = None) -> bytes:
    """Ask for a page, or its live part that holds event number `seen`; return a good answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
        head += "" if seen is None else f"HX-Request: true\r\nX-Signalbox-Seen: {seen}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    return answer if answer.split(b" ", 2)[1:2] == [b"200"] else b""


async def keep_open(tab: Tab, port: int, cookie: str, *, polls: bool) -> None:
    """Keep the socket of a tab open, as the page's script does: it goes on from its number."""
    loop = asyncio.get_running_loop()
    while True:
        closed = asyncio.Event()

        class Protocol(WebSocketClientProtocol):
            def onOpen(self) -> None:
                tab.say = None if polls else lambda text: self.sendMessage(text.encode())
                tab.is_ordered = False

            def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N803
                tab.take(json.loads(payload))

            def onClose(self, *_args: Any, closed: asyncio.Event = closed) -> None:
                closed.set()

        factory = WebSocketClientFactory(
            f"ws://127.0.0.1:{port}/ws/runs/{tab.run}/?after={tab.seq}",
            origin=f"http://127.0.0.1:{port}",
            headers={"Cookie": cookie},
        )
        factory.protocol = Protocol
        # Two hundred handshakes at once take their time on a busy machine.
        factory.setProtocolOptions(openHandshakeTimeout=60)
        transport, _ = await loop.create_connection(factory, "127.0.0.1", port)
        try:
            await closed.wait()
        finally:
            transport.close()
        await asyncio.sleep(RETRY)


async def all_open(app: Product, tabs: list[Tab]) -> None:
    """Wait until every tab has had its first frame; measure from then on.

    It also prints the server's CPU time over some seconds of full load, which depends less on other
    load than any other figure here.
    """
    began = time.monotonic()
    used = app.cpu_seconds()
    while not all(tab.is_open for tab in tabs):
        await asyncio.sleep(0.1)
    for tab in tabs:
        tab.since = time.time()
    _say({"all_open_after_s": round(time.monotonic() - began, 1),
          "cpu_s": round(app.cpu_seconds() - used, 1)})  # fmt: skip
    began, used = time.monotonic(), app.cpu_seconds()
    tabs_told = sum(tab.told for tab in tabs)
    parts = sum(tab.drawn for tab in tabs)
    while time.monotonic() - began < BUSY:
        await asyncio.sleep(0.1)
    _say({"seconds": round(time.monotonic() - began, 1),
          "cpu_s": round(app.cpu_seconds() - used, 1),
          "frames": sum(tab.told for tab in tabs) - tabs_told,
          "parts": sum(tab.drawn for tab in tabs) - parts})  # fmt: skip


async def watch_list(port: int, cookie: str, times: list[float]) -> None:
    """Fetch the list of runs twice a second, like one more person."""
    while True:
        began = time.monotonic()
        await fetch(port, "/runs/", cookie)
        times.append(time.monotonic() - began)
        await asyncio.sleep(0.5)


async def watch(
    app: Product, cookies: list[str], runs: list[str], asked: argparse.Namespace
) -> tuple[list[Tab], list[float]]:
    """Keep the tabs open until all have seen the end of their runs.

    `cookies`: one for each browser, which has no more tabs than a session may have sockets.
    """
    cookie = cookies[0]
    number = asked.tabs
    tabs = [Tab(runs[n % len(runs)], fetches=n < number * asked.fetching) for n in range(number)]
    tasks = [
        asyncio.create_task(keep_open(tab, app.port, cookies[n // MOST], polls=asked.polls))
        for n, tab in enumerate(tabs)
    ]
    tasks.append(asyncio.create_task(all_open(app, tabs)))
    if asked.polls:
        tasks += [asyncio.create_task(tab.refresh(app.port, cookie)) for tab in tabs if tab.fetches]
    times: list[float] = []
    tasks.append(asyncio.create_task(watch_list(app.port, cookie, times)))
    began = time.monotonic()
    last: dict[str, list[Any]] = {}
    while time.monotonic() - began < asked.seconds + asked.patience:
        await asyncio.sleep(3)
        if time.monotonic() - began < asked.seconds:
            continue
        last = await asyncio.to_thread(app.python, _LAST)
        ended = all(last[run][1] == "success" for run in runs)
        if ended and all(tab.is_at(last[tab.run][0]) for tab in tabs):
            break
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    behind = sum(tab.seq != last[tab.run][0] for tab in tabs)
    _say({"tabs": len(tabs), "behind": behind, "gaps": sum(tab.gaps for tab in tabs),
          "old_pages": sum(tab.fetches and tab.shown != last[tab.run][0] for tab in tabs),
          "failed_fetches": sum(tab.failed for tab in tabs),
          "events": sum(last[run][0] for run in runs),
          "statuses": sorted({last[run][1] for run in runs})})  # fmt: skip
    return tabs, times


#: Makes sessions of the only user, beside the one that came by the link.
_SESSIONS: Final = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth.models import User
user = User.objects.get()
made = []
for _ in range({number}):
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    made.append(f"{{settings.SESSION_COOKIE_NAME}}={{session.session_key}}")
print(json.dumps(made))
"""


def sign_in(link: str) -> str:
    """Follow the link that the product printed; return the cookies."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_args: Any) -> None:
            return None

    jar = urllib.request.HTTPCookieProcessor()
    opener = urllib.request.build_opener(jar, Stay)
    with opener.open(link, timeout=20) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    with suppress(urllib.error.HTTPError):
        body = f"csrfmiddlewaretoken={token[1] if token else ''}".encode()
        opener.open(link, body, timeout=20)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar.cookiejar)


def figures(name: str, times: list[float]) -> dict[str, Any]:
    """Return the usual cuts of these times."""
    if len(times) < 2:
        return {"times": name, "number": len(times)}
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return {
        "times": name,
        "number": len(times),
        "p50_ms": round(statistics.median(times) * 1000, 1),
        "p95_ms": round(cuts[18] * 1000, 1),
        "max_ms": round(max(times) * 1000, 1),
    }


def _say(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def measure(url: str, folder: Path, asked: argparse.Namespace) -> None:
    """Start the product, open the tabs, print the figures."""
    with product(url, folder, {"WORKFLOWS_MODULES": _WORKFLOWS}) as app:
        app.up("--threads", str(asked.threads))
        cookie = sign_in(app.sign_in_link)
        pause = 2 * asked.runs / asked.rate  # a round is two events
        given = {"runs": asked.runs, "pause": pause, "rounds": int(asked.seconds / pause)}
        runs = app.python(_START.format(**given))
        cookies = [cookie, *app.python(_SESSIONS.format(number=asked.tabs // MOST))]
        tabs, times = asyncio.run(watch(app, cookies, runs, asked))
    _say(figures("commit to frame", [t for tab in tabs for t in tab.frames]))
    _say(figures("commit to part", [t for tab in tabs for t in tab.parts]))
    _say(figures("the list meanwhile", times))


def main() -> int:
    """Measure over PostgreSQL, or over SQLite."""
    options = argparse.ArgumentParser()
    options.add_argument("--tabs", type=int, default=200)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--rate", type=float, default=100, help="events a second, all together")
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--patience", type=float, default=60)
    options.add_argument("--fetching", type=float, default=0.5, help="share of tabs that fetch")
    options.add_argument("--polls", action="store_true", help="parts are fetched, not ordered")
    options.add_argument("--threads", type=int, default=24)
    options.add_argument("--sqlite", action="store_true")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as name:
        folder = Path(name)
        if asked.sqlite:
            measure(f"sqlite:///{folder / 'tabs.sqlite3'}", folder, asked)
        else:
            with servers.postgres() as url:
                measure(url, folder, asked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
