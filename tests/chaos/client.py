"""The load: starts runs, answers questions, cancels and races, until it is told to stop.

Each acknowledged action is written to a file, one per line. Calls that broke on the way are not
written, because they may or may not have happened.
"""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import Error, connection  # noqa: E402 - the apps must be ready

from workflows_app import errors, get_workflow  # noqa: E402

NAMES = (
    "chaos-chain", "chaos-chain", "chaos-fan", "chaos-parallel", "chaos-asks", "chaos-asks",
    "chaos-sleeps", "chaos-flaky", "chaos-atomic", "chaos-nested", "chaos-slow", "chaos-slow",
    "chaos-hooked", "chaos-quick", "chaos-many",
)  # fmt: skip
#: Quick runs are started so many at once: threads work on several of them together.
BURST = 8
#: The part of the runs that somebody cancels soon after they began.
CANCELED = 0.15
#: What `cancel` says when it was done.
IS_DONE = "Workflow run canceled"


class Client:
    """One thread of load."""

    def __init__(self, seed: int, rate: float, until: float, out: Path) -> None:
        self._chance = random.Random(seed)
        self._seed = seed
        self._rate = rate
        self._until = until
        self._out = out.open("a", encoding="utf-8", buffering=1)
        self._asked: list[tuple[str, str]] = []

    def run(self) -> None:
        """Offer load until the time is over."""
        number = 0
        while time.monotonic() < self._until:
            number += 1
            try:
                self._once(number)
            except (Error, errors.WorkflowError):
                connection.close()
                time.sleep(0.1)
            time.sleep(self._chance.expovariate(self._rate))

    def _once(self, number: int) -> None:
        name = self._chance.choice(NAMES)
        for part in range(BURST if name == "chaos-quick" else 1):
            self._start(name, f"c{self._seed}-{number}.{part}")
        if self._asked and self._chance.random() < 0.8:
            self._answer(*self._asked.pop(0))

    def _start(self, name: str, run_id: str) -> None:
        n = self._chance.randrange(100)
        run = get_workflow(name).create_run(run_id=run_id)
        run.start({"n": n}, wait=False)
        self._say("started", run_id, workflow=name, n=n)
        if self._chance.random() < CANCELED:
            time.sleep(self._chance.uniform(0, 0.2))
            if run.cancel(actor="chaos")["message"] == IS_DONE:
                self._say("canceled", run_id)
        elif name == "chaos-asks":
            self._asked.append((name, run_id))

    def _answer(self, name: str, run_id: str) -> None:
        """Answer from two threads at once: of two answers, one counts."""
        accepted: list[int] = []
        threads = [
            threading.Thread(target=self._resume, args=(name, run_id, accepted, by))
            for by in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if accepted:
            self._say("answered", run_id, times=len(accepted), by=accepted[0])
        else:
            self._asked.append((name, run_id))

    def _resume(self, name: str, run_id: str, accepted: list[int], by: int) -> None:
        try:
            get_workflow(name).get_run(run_id).resume({"plus": 5, "by": by}, wait=False)
            accepted.append(by)
        except (Error, errors.WorkflowError):
            return
        finally:
            connection.close()

    def _say(self, what: str, run_id: str, **more: Any) -> None:
        self._out.write(json.dumps({"what": what, "run": run_id, **more}) + "\n")


def main() -> None:
    """Offer load from several threads."""
    seed, seconds, rate = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    folder = Path(sys.argv[4])
    until = time.monotonic() + seconds
    clients = [
        Client(seed * 100 + number, rate / 3, until, folder / f"offered-{os.getpid()}-{number}")
        for number in range(3)
    ]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
