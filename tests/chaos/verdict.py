"""What must hold after the storm, read from the database and from what the steps wrote."""

import json
import statistics
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count

from tests.chaos.flows import expected
from workflows_app.engine import log
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import ENDED, StepStatus


class Verdict:
    """Problems, and figures."""

    def __init__(self, folder: Path, taken_away: list[float]) -> None:
        self.problems: list[str] = []
        self.figures: dict[str, Any] = {}
        self._offered = _lines(folder, "offered-*")
        self._did = _lines(folder, "*.jsonl")
        self._taken_away = sorted(taken_away)
        self._recoveries: list[float] = []
        self._double = self._gaps = 0

    def judge(self) -> bool:
        """Look at everything; return whether all is well."""
        runs = {run.run_id: run for run in Run.objects.exclude(status="pending")}
        started = {line["run"]: line for line in self._offered if line["what"] == "started"}
        lost = [run_id for run_id in started if run_id not in runs]
        self._say_all("was acknowledged and is not there", lost)
        open_ones = [run_id for run_id, run in runs.items() if run.status not in ENDED]
        for run_id in open_ones:
            if runs[run_id].status != "suspended":
                self.problems.append(f"{run_id} is still {_shown(runs[run_id])}.")
        did: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for line in self._did:
            did[line["run"], line["path"]].append(line["value"])
        for run in runs.values():
            self._judge_run(run, started.get(run.run_id), did)
        self._judge_answers(runs)
        self._judge_rows()
        self._tell(started, runs, lost)
        return not self.problems

    def _judge_run(
        self, run: Run, offer: dict[str, Any] | None, did: dict[tuple[str, str], list[Any]]
    ) -> None:
        events = log.read(run.pk, limit=100_000)
        numbers = [event["seq"] for event in events]
        if numbers != list(range(1, run.event_seq + 1)):
            self._gaps += 1
            self.problems.append(f"{run.run_id}: the numbers of its events have gaps.")
        self._judge_results(run, events)
        if run.status == "success" and offer is not None:
            wanted = expected(run.workflow_id, offer["n"])
            if run.result != wanted:
                self.problems.append(f"{run.run_id} gave {run.result}, not {wanted}.")
        if run.status == "failed":
            self.problems.append(f"{run.run_id} failed: {(run.error or {}).get('message')}")
        counts = (run.active_count, run.waiting_count, run.suspended_count, run.paused_count)
        if run.status in ENDED and any(counts):
            self.problems.append(f"{run.run_id} has ended, and counts {counts}.")
        self._judge_steps(run, did)

    def _judge_steps(self, run: Run, did: dict[tuple[str, str], list[Any]]) -> None:
        steps = StepSnapshot.objects.current().filter(run=run, kind="step")
        for path, output in steps.filter(status="success").values_list("path", "output"):
            if (run.run_id, path) not in did:
                self.problems.append(f"{run.run_id} {path} succeeded, but never ran.")
            elif output is not None and output not in did[run.run_id, path]:
                self.problems.append(f"{run.run_id} {path}: no run of it gave {output}.")
        if run.status in ENDED and steps.filter(status__in=_OPEN).exists():
            self.problems.append(f"{run.run_id} has ended, and has open steps.")

    def _judge_results(self, run: Run, events: list[dict[str, Any]]) -> None:
        results: Counter[tuple[int, str]] = Counter()
        for event in events:
            if event["type"] == "workflow-step-result":
                results[event["timeline"], event["payload"]["path"]] += 1
            if event["type"] == "workflow-restarted":
                self._recovered(event["at"])
        for (_, path), count in results.items():
            if count > 1:
                self._double += count - 1
                self.problems.append(f"{run.run_id} {path} was recorded {count} times.")

    def _recovered(self, at: str) -> None:
        moment = datetime.fromisoformat(at).timestamp()
        before = [gone for gone in self._taken_away if gone <= moment]
        if before:
            self._recoveries.append(moment - before[-1])

    def _judge_answers(self, runs: dict[str, Run]) -> None:
        answers = Counter(line["run"] for line in self._offered if line["what"] == "answered")
        doubled = [line["run"] for line in self._offered if line.get("times", 1) > 1]
        self._say_all("took two answers to one question", doubled)
        self._say_all("was answered twice", [run for run, times in answers.items() if times > 1])
        forgotten = [run for run in answers if run in runs and runs[run].status == "suspended"]
        self._say_all("was answered, and still asks", forgotten)
        canceled = {line["run"] for line in self._offered if line["what"] == "canceled"}
        going_on = [run for run in canceled if run in runs and runs[run].status == "failed"]
        self._say_all("was canceled, and failed all the same", going_on)

    def _judge_rows(self) -> None:
        rows = Group.objects.values("name").annotate(times=Count("pk")).filter(times__gt=1)
        self._say_all("wrote its row twice", [row["name"] for row in rows])
        atomic = Run.objects.filter(workflow_id="chaos-atomic", status="success")
        written = set(Group.objects.values_list("name", flat=True))
        recorded = set(atomic.values_list("run_id", flat=True))
        self._say_all("recorded a result without its row", sorted(recorded - written))
        steps = StepSnapshot.objects.current().filter(path="writes", status="success")
        with_result = set(steps.values_list("run__run_id", flat=True))
        self._say_all("wrote a row without its result", sorted(written - with_result))

    def _tell(self, started: dict[str, Any], runs: dict[str, Run], lost: list[str]) -> None:
        found = sorted(self._recoveries)
        cuts = statistics.quantiles(found, n=20) if len(found) > 1 else found * 19
        self.figures = {
            "runs_offered": len(started),
            "runs_ended": sum(run.status in ENDED for run in runs.values()),
            "runs_suspended": sum(run.status == "suspended" for run in runs.values()),
            "results_recorded_twice": self._double,
            "lost": len(lost),
            "event_gaps": self._gaps,
            "claims_recovered": len(found),
            "recover_p50_s": round(cuts[9], 2) if cuts else None,
            "recover_p95_s": round(cuts[18], 2) if cuts else None,
            "recover_max_s": round(found[-1], 2) if found else None,
            "problems": len(self.problems),
        }

    def _say_all(self, what: str, runs: list[str]) -> None:
        self.problems += [f"{run_id} {what}." for run_id in runs]


def _shown(run: Run) -> str:
    """Return where a run stands, for who has to find out why."""
    names = ("path", "status", "worker_id", "token", "settled_token", "lost_count", "wake_at")
    steps = list(StepSnapshot.objects.current().filter(run=run).values_list(*names))
    counts = (run.active_count, run.waiting_count, run.suspended_count, run.paused_count)
    told = [event["type"] for event in log.read(run.pk)][-12:]
    return f"{run.status} {run.workflow_id} {counts} {run.ending!r} {steps} {told}"


_OPEN = [StepStatus.QUEUED, StepStatus.RUNNING, StepStatus.WAITING, StepStatus.SUSPENDED]


def _lines(folder: Path, pattern: str) -> list[dict[str, Any]]:
    found = []
    for file in folder.glob(pattern):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the process was killed while it wrote this line, and never went on
    return found
