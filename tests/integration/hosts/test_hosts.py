"""Runs `demanding` with the settings of a host: ATOMIC_REQUESTS, values bound by the server."""

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
