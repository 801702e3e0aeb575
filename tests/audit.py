"""`make audit`: whether a package of the locks has a known vulnerability.

It asks PyPI's database of vulnerabilities. Where that cannot be reached nothing is audited, which
is said and is no failure: a mirror of packages has no such data.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from typing import Any


def main(locks: list[str]) -> int:
    """Audit each lock; return 1 if a package of one has a known vulnerability."""
    findings = [finding for lock in locks for finding in _audited(lock)]
    for finding in sorted(set(findings)):
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


def _audited(lock: str) -> list[str]:
    command = [
        sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json",
        "--progress-spinner", "off", "--requirement", lock,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        sys.stdout.write(f"{lock}: not audited: {last}\n")
        return []
    sys.stdout.write(summary(lock, packages))
    return list(vulnerable(packages))


def summary(lock: str, packages: list[dict[str, Any]]) -> str:
    """Return how many packages were audited, in a line."""
    known = [package for package in packages if "vulns" in package]
    if not known:
        return f"{lock}: not audited: no data about vulnerabilities can be reached from here.\n"
    return f"{lock}: {len(known)} of {len(packages)} packages were audited.\n"


def vulnerable(packages: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Yield a line for each vulnerability."""
    for package in packages:
        for found in package.get("vulns", ()):
            mended = ", ".join(found["fix_versions"]) or "no release yet"
            name = f"{package['name']} {package['version']}"
            yield f"{name}: {found['id']}, fixed in {mended}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
