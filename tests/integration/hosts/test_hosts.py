"""What other projects are like: ATOMIC_REQUESTS, values bound by the server, no Redis at all."""

import os
import subprocess
import sys

from tests.product import ROOT


def test_a_host_may_ask_for_atomic_requests_and_server_side_binding():
    settings = "tests.integration.hosts.settings"
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds", settings,
            "tests/integration/hosts/demanding.py",
        ],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


#: Runs a program as if nobody had installed the client of Redis.
HIDDEN = """
import sys
sys.modules["redis"] = None
from tests.integration.hosts import without_redis
without_redis.main()
"""


def test_a_host_without_a_redis_need_not_install_its_client(tmp_path):
    env = {key: value for key, value in os.environ.items() if key != "REDIS_URL"}
    env["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path}/host.sqlite3", "WORKFLOWS_EXECUTION": "embedded"}
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("all of it\n"), done.stdout[-4000:] + done.stderr[-4000:]
