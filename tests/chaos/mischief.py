"""What happens to the processes and services of an installation, and when, by a seed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.chaos.proxy import Wire
from tests.product import ROOT, Workers
from tests.servers import Postgres, Redis

LEASE_SECONDS: Final = 3


class Member:
    """One worker process with wires of its own to PostgreSQL and Redis; replaced when killed."""

    def __init__(self, number: int, workers: Workers, postgres: Postgres, redis: Redis) -> None:
        self.number = number
        self._workers = workers
        self.wires = {"postgres": Wire(postgres.port), "redis": Wire(redis.port)}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, clock: float = 0.0) -> None:
        """Start the process; it may take a while until it is ready."""
        env = {
            **self._workers.env,
            "DATABASE_URL": f"postgres://postgres@127.0.0.1:{self.wires['postgres'].port}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.wires['redis'].port}/0",
            "CHAOS_CLOCK": str(clock),
        }
        with self._lock, self._workers.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", "--threads", "4"],
                cwd=ROOT, env=env, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """End the process at once."""
        with self._lock:
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process.pid, signal.SIGCONT)
                self._process.kill()
                self._process.wait()

    def stand_still(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Stop the process for a while, as on a machine that swaps; do something at the end."""
        with self._lock:
            if self._process is None:
                return
            pid = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
            meanwhile()
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> int | None:
        """Ask the process to stop, and wait."""
        with self._lock:
            if self._process is None:
                return None
            self._process.terminate()
            try:
                return self._process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self._process.kill()
                return self._process.wait()

    def close(self) -> None:
        """Take its wires down."""
        for wire in self.wires.values():
            wire.close()


class Mischief:
    """Does one thing after the other until the time is over, and notes what and when."""

    def __init__(
        self, seed: int, members: list[Member], postgres: Postgres, redis: Redis, notes: Path
    ) -> None:
        self._chance = random.Random(seed)
        self._members = members
        self._postgres = postgres
        self._redis = redis
        self._notes = notes.open("a", encoding="utf-8", buffering=1)
        #: When workers were taken away, so that their steps must be recovered from then on.
        self.taken_away: list[float] = []
        self.done: dict[str, int] = {}

    def run(self, until: float) -> None:
        """Make mischief."""
        acts: list[tuple[int, Callable[[], None]]] = [
            (6, self.kill_a_worker),
            (3, self.stop_a_worker_for_longer_than_its_lease),
            (3, self.lose_a_claim_on_its_way),
            (2, self.flush_redis),
            (2, self.restart_redis),
            (1, self.restart_postgres),
            (1, self.crash_postgres),
            (2, self.cut_a_wire),
            (1, self.move_a_clock),
        ]
        weights = [weight for weight, _ in acts]
        # Even a short storm has some of everything: each once, then at random.
        first = self._chance.sample([act for _, act in acts], k=len(acts))
        while time.monotonic() < until:
            time.sleep(self._chance.uniform(0.5, 3.0))
            act = first.pop() if first else self._chance.choices(acts, weights)[0][1]
            name = act.__name__
            self._notes.write(f"{time.time():.3f} {name}\n")
            self.done[name] = self.done.get(name, 0) + 1
            act()

    def kill_a_worker(self) -> None:
        """SIGKILL; another takes its place soon."""
        member = self._chance.choice(self._members)
        member.kill()
        self.taken_away.append(time.time())
        time.sleep(self._chance.uniform(0, 2))
        member.start()

    def stop_a_worker_for_longer_than_its_lease(self) -> None:
        """SIGSTOP, and SIGCONT when others have taken over: the late worker."""
        self.taken_away.append(time.time())
        seconds = LEASE_SECONDS + self._chance.uniform(1, 4)
        self._chance.choice(self._members).stand_still(seconds)

    def lose_a_claim_on_its_way(self) -> None:
        """Stop a worker that offers itself for less than its lease; forget what it is given."""
        seconds = self._chance.uniform(0.8, LEASE_SECONDS / 2)
        self._chance.choice(self._members).stand_still(seconds, self._redis.flush)

    def flush_redis(self) -> None:
        """Forget every hint."""
        self._redis.flush()

    def restart_redis(self) -> None:
        """Redis is away for a while, and comes back empty."""
        self._redis.stop()
        time.sleep(self._chance.uniform(0.2, 4))
        self._redis.start()

    def restart_postgres(self) -> None:
        """PostgreSQL ends its connections and is back after a while."""
        self._postgres.stop(signal.SIGINT)
        time.sleep(self._chance.uniform(0, 3))
        self._postgres.start()

    def crash_postgres(self) -> None:
        """PostgreSQL ends as if the power had gone."""
        self._postgres.stop(signal.SIGQUIT)
        self._postgres.start()

    def cut_a_wire(self) -> None:
        """Nothing passes between a worker and a service, and neither side learns of it."""
        wire = self._chance.choice(self._members).wires[self._chance.choice(["postgres", "redis"])]
        self.taken_away.append(time.time())
        wire.cut()
        time.sleep(self._chance.uniform(1, LEASE_SECONDS + 3))
        wire.repair()

    def move_a_clock(self) -> None:
        """A worker comes back with a clock that is an hour off."""
        member = self._chance.choice(self._members)
        member.kill()
        self.taken_away.append(time.time())
        member.start(clock=self._chance.choice([-3600.0, 3600.0]))
