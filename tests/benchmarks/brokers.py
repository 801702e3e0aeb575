"""How soon a worker begins a run: over our lists, and over Dramatiq's broker for Redis.

    python -m tests.benchmarks.brokers [--rounds 3] [--runs 40]

One worker process of four threads, which is idle; a client in another process starts a run of one
quick step, waits for its result, and pauses. Rounds of both kinds alternate; JSON lines give the
milliseconds from the call to the result. Everything shares this machine: compare lines of one
sitting only.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests import servers
from tests.product import Workers

CLIENT = """
import random, statistics, time
from workflows_app import get_workflow
flow = get_workflow("far-adds")
taken = []
for number in range({runs} + 5):
    time.sleep(random.uniform(0.05, 0.2))
    began = time.perf_counter()
    assert flow.create_run().start(number).result == number + 1
    taken.append((time.perf_counter() - began) * 1000)
taken = sorted(taken[5:])
p50, p90 = statistics.median(taken), taken[len(taken) * 9 // 10]
print(json.dumps(dict(p50=round(p50, 1), p90=round(p90, 1))))
"""


def main() -> None:
    """Measure both kinds in turn."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--runs", type=int, default=40)
    asked = options.parse_args()
    with (
        servers.postgres(durable=True) as url,
        servers.redis_server() as redis,
        servers.redis_server() as broker,
        tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder,
    ):
        for number in range(asked.rounds):
            for kind, address in (("own", ""), ("stock", broker.url)):
                env = {
                    "WORKFLOWS_MODULES": "tests.integration.processes.workflows",
                    "WORKFLOWS_BROKER": address,
                }
                workers = Workers(url, redis.url, Path(folder) / "workers.log", env)
                workers.manage("migrate")
                workers.start("--threads", "4")
                try:
                    found = workers.python(CLIENT.format(runs=asked.runs))
                finally:
                    workers.stop()
                line = {"broker": kind, "round": number + 1, **found}
                sys.stdout.write(f"{json.dumps(line)}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
