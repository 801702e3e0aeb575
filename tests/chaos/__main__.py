"""Run it: `python -m tests.chaos --seed 1 --seconds 120`. Prints figures as a JSON line.

Exit code 1 if a promise was broken; the folder with all logs is then kept. Exit code 2 if all
promises were kept but a rare path was never taken, because the storm has then shown too little.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import servers
from tests.chaos import rarely
from tests.chaos.mischief import LEASE_SECONDS, Member, Mischief
from tests.product import ROOT, Workers

WORKERS = 3
#: How long everything may take to end once nobody disturbs it any more; mostly it takes five.
CALM_SECONDS = 90.0


def main() -> int:
    """Run one storm for each seed; return 1 if a promise was broken in any, 2 if all were dull."""
    options = argparse.ArgumentParser(prog="make chaos")
    options.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    options.add_argument("--seeds", type=int, default=1, help="so many, one after the other")
    options.add_argument("--seconds", type=float, default=120.0)
    options.add_argument("--rate", type=float, default=12.0, help="runs offered a second")
    options.add_argument("--calm", type=float, default=CALM_SECONDS, help="seconds to end in")
    asked = options.parse_args()
    seeds = range(asked.seed, asked.seed + asked.seeds)
    rare: Counter[str] = Counter()
    codes = [_storm(seed, asked, rare) for seed in seeds]
    missing = rarely.missing(rare, asked.seconds * asked.seeds)
    if missing:
        sys.stderr.write(f"What must be seen in such a time never happened: {missing}.\n")
    return max(codes) or 2 * bool(missing)


def _storm(seed: int, asked: argparse.Namespace, rare: Counter[str]) -> int:
    folder = Path(tempfile.mkdtemp(prefix="signalbox-chaos-"))
    with servers.postgres_server(durable=True) as postgres, servers.redis_server() as redis:
        env = {
            "WORKFLOWS_MODULES": "tests.chaos.flows",
            "WORKFLOWS_LEASE_SECONDS": str(LEASE_SECONDS),
            # A step that loses five workers here is unlucky; it does not kill them.
            "WORKFLOWS_MAX_LOST_ATTEMPTS": "20",
            "CHAOS_MARKS": str(folder),
        }
        workers = Workers(postgres.url, redis.url, folder / "workers.log", env)
        done = workers.manage("migrate")
        if done.returncode:
            raise SystemExit(done.stderr)
        members = [Member(number, workers, postgres, redis) for number in range(WORKERS)]
        mischief = Mischief(seed, members, postgres, redis, folder / "mischief.log")
        try:
            for member in members:
                member.start()
            with (folder / "client.log").open("wb") as log:
                load = map(str, (seed, asked.seconds, asked.rate, folder))
                client = subprocess.Popen(
                    [sys.executable, "-m", "tests.chaos.client", *load],
                    cwd=ROOT, env=workers.env, stdout=log, stderr=log,
                )  # fmt: skip
            mischief.run(time.monotonic() + asked.seconds)
            client.wait(timeout=asked.seconds + 60)
            code = subprocess.run(
                [sys.executable, "-m", "tests.chaos.after", str(folder), str(asked.calm),
                 json.dumps(mischief.taken_away), json.dumps({"seed": seed, **mischief.done})],
                cwd=ROOT, env=workers.env, check=False,
            ).returncode  # fmt: skip
        finally:
            for member in members:
                member.stop()
                member.close()
    rare.update(rarely.counted(folder))
    if code:
        sys.stderr.write(f"Seed {seed}: what everybody said is in {folder}.\n")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
