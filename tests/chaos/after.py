"""The calm after the storm: wait until everything has ended, and judge."""

import json
import sys
import time
from pathlib import Path

import django

django.setup()

from tests.chaos.verdict import Verdict  # noqa: E402 - the apps must be ready
from workflows_app.models import Run  # noqa: E402


def main() -> int:
    """Return 0 when every promise was kept."""
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    taken_away, mischief = json.loads(sys.argv[3]), json.loads(sys.argv[4])
    began = time.monotonic()
    while _is_going_on() and time.monotonic() - began < seconds:
        time.sleep(0.2)
    verdict = Verdict(folder, taken_away)
    is_well = verdict.judge()
    figures = {**mischief, **verdict.figures, "calm_s": round(time.monotonic() - began, 1)}
    sys.stdout.write(json.dumps(figures) + "\n")
    for problem in verdict.problems[:40]:
        sys.stderr.write(problem + "\n")
    return 0 if is_well else 1


def _is_going_on() -> bool:
    return Run.objects.active().exists() or Run.objects.filter(hooks_pending__gt=0).exists()


if __name__ == "__main__":
    sys.exit(main())
