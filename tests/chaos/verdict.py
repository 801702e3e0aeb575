"""What must be true after the storm, read from the database and from what the steps wrote."""

import json
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.contrib.auth.models import Group

from tests.chaos import checks, rarely
from tests.chaos.figures import spread
from tests.chaos.flows import HOOKED, expected
from workflows_app.engine.run import log
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.planner.statuses import ENDED, StepStatus

#: How far a step's reading of the database's time may differ from the engine's, in seconds, because
#: the engine measures the offset now and then.
OFF: Final = 0.25

Marks = dict[tuple[str, str], list[dict[str, Any]]]


class Verdict:
    """Problems, and figures."""

    def __init__(self, folder: Path, taken_away: list[float]) -> None:
        self.problems: list[str] = []
        self.figures: dict[str, Any] = {}
        self.rare = rarely.counted(folder)
        self._offered = _lines(folder, "offered-*")
        self._did: Marks = defaultdict(list)
        for line in _lines(folder, "*.jsonl"):
            self._did[line["run"], line["path"]].append(line)
        self._called: dict[str, set[int]] = defaultdict(set)
        for line in _lines(folder, "*.hooks"):
            self._called[line["run"]].add(line["seq"])
        self._taken_away = sorted(taken_away)
        self._recoveries: list[float] = []
        self._double = self._gaps = 0

    def judge(self) -> bool:
        """Check everything; return whether all promises were kept."""
        runs = {run.run_id: run for run in Run.objects.exclude(status="pending")}
        started = {line["run"]: line for line in self._offered if line["what"] == "started"}
        lost = [run_id for run_id in started if run_id not in runs]
        self._say_all("was acknowledged and is not there", lost)
        for run in runs.values():
            events = log.read(run.pk, limit=100_000)
            self._judge_log(run, events)
            self._judge_order(run, events)
            self._judge_end(run, started.get(run.run_id))
            self._judge_steps(run)
        self._judge_answers(runs)
        self._judge_cancels(runs)
        self._judge_rows()
        self._tell(started, runs, lost)
        return not self.problems

    def _judge_log(self, run: Run, events: list[dict[str, Any]]) -> None:
        if checks.has_gaps(events, run.event_seq):
            self._gaps += 1
            self._say(run, "the numbers of its events have gaps")
        for path in checks.recorded_twice(events):
            self._double += 1
            self._say(run, f"{path} was recorded twice")
        for event in events:
            if event["type"] == "workflow-restarted":
                self._recovered(event["at"])

    def _judge_order(self, run: Run, events: list[dict[str, Any]]) -> None:
        for path in checks.too_early(events):
            self._say(run, f"{path} went on before it was due")
        for path in checks.answered_twice(events):
            self._say(run, f"{path} was answered, and had asked nothing since")
        if run.workflow_id in HOOKED:
            for seq in checks.without_hook(events, self._called[run.run_id]):
                self._say(run, f"no hook was called for its settling {seq}")
        if run.workflow_id == "chaos-sleeps":
            self._judge_sleep(run, events)

    def _judge_sleep(self, run: Run, events: list[dict[str, Any]]) -> None:
        """Compare the planned end of a sleep with the start of the step after it."""
        waits = [event for event in events if event["type"] == "workflow-step-waiting"]
        for event in waits:
            due = datetime.fromisoformat(event["payload"]["resume_at"]).timestamp()
            if any(mark["at"] < due - OFF for mark in self._did[run.run_id, "wakes"]):
                self._say(run, "woke before its time, by the database's clock")

    def _judge_end(self, run: Run, offer: dict[str, Any] | None) -> None:
        if run.status not in ENDED:
            if run.status != "suspended":
                self._say(run, f"it is still {_shown(run)}")
            return
        if run.status == "success" and offer is not None:
            wanted = expected(run.workflow_id, offer["n"])
            if run.result != wanted:
                self._say(run, f"it gave {run.result}, not {wanted}")
        if run.status == "failed":
            self._say(run, f"it failed: {(run.error or {}).get('message')}")
        left = (run.active_count, run.waiting_count, run.suspended_count, run.paused_count)
        if any(left) or run.hooks_pending or run.ending:
            self._say(run, f"it has ended, and counts {left}, {run.hooks_pending}, {run.ending!r}")

    def _judge_steps(self, run: Run) -> None:
        steps = StepSnapshot.objects.current().filter(run=run, kind="step")
        for path, output in steps.filter(status="success").values_list("path", "output"):
            marks = self._did.get((run.run_id, path), [])
            if not marks:
                self._say(run, f"{path} succeeded, but never ran")
            elif output is not None and output not in [mark["value"] for mark in marks]:
                self._say(run, f"no attempt of {path} gave {output}")
        if run.status in ENDED and steps.filter(status__in=_OPEN).exists():
            self._say(run, "it has ended, and has open steps")

    def _recovered(self, at: str) -> None:
        moment = datetime.fromisoformat(at).timestamp()
        before = [gone for gone in self._taken_away if gone <= moment]
        if before:
            self._recoveries.append(moment - before[-1])

    def _judge_answers(self, runs: dict[str, Run]) -> None:
        lines = [line for line in self._offered if line["what"] == "answered"]
        answers = Counter(line["run"] for line in lines)
        doubled = [line["run"] for line in lines if line["times"] > 1]
        self._say_all("took two answers to one question", doubled)
        self._say_all("was answered twice", [run for run, times in answers.items() if times > 1])
        forgotten = [run for run in answers if run in runs and runs[run].status == "suspended"]
        self._say_all("was answered, and still asks", forgotten)
        asked = StepSnapshot.objects.filter(path="asks", run__run_id__in=answers)
        kept = dict(asked.values_list("run__run_id", "resume_payload"))
        others = [
            each["run"] for each in lines if (kept.get(each["run"]) or {}).get("by") != each["by"]
        ]
        self._say_all("kept another answer than the one it took", others)

    def _judge_cancels(self, runs: dict[str, Run]) -> None:
        canceled = {line["run"] for line in self._offered if line["what"] == "canceled"}
        known = set(Action.objects.filter(verb="cancel").values_list("public_run_id", flat=True))
        self._say_all("was canceled, and nobody knows by whom", sorted(canceled - known))
        found = {run: runs[run].status for run in canceled if run in runs}
        going_on = sorted(run for run, status in found.items() if status != "canceled")
        self._say_all("was canceled, and went on all the same", going_on)

    def _judge_rows(self) -> None:
        rows = Counter(name.split()[0] for name in Group.objects.values_list("name", flat=True))
        steps = StepSnapshot.objects.current().filter(path="writes", status="success")
        recorded = set(steps.values_list("run__run_id", flat=True))
        self._say_all("wrote its row twice", [run for run, count in rows.items() if count > 1])
        self._say_all("recorded a result without its row", sorted(recorded - rows.keys()))
        self._say_all("wrote a row without its result", sorted(rows.keys() - recorded))

    def _tell(self, started: dict[str, Any], runs: dict[str, Run], lost: list[str]) -> None:
        recoveries = {f"recover_{name}_s": at for name, at in spread(self._recoveries).items()}
        self.figures = {
            "runs_offered": len(started),
            "runs_ended": sum(run.status in ENDED for run in runs.values()),
            "runs_suspended": sum(run.status == "suspended" for run in runs.values()),
            "results_recorded_twice": self._double,
            "lost": len(lost),
            "event_gaps": self._gaps,
            "claims_recovered": len(self._recoveries),
            **recoveries,
            "problems": len(self.problems),
            "rare": dict(self.rare),
        }

    def _say(self, run: Run, what: str) -> None:
        self.problems.append(f"{run.run_id} ({run.workflow_id}): {what}.")

    def _say_all(self, what: str, runs: list[str]) -> None:
        self.problems += [f"{run_id} {what}." for run_id in runs]


def _shown(run: Run) -> str:
    """Return the state of a run as text, for debugging."""
    names = ("path", "status", "worker_id", "token", "settled_token", "lost_count", "wake_at")
    steps = list(StepSnapshot.objects.current().filter(run=run).values_list(*names))
    counts = (run.active_count, run.waiting_count, run.suspended_count, run.paused_count)
    told = [event["type"] for event in log.read(run.pk)][-12:]
    return f"{run.status} {counts} {run.ending!r} {steps} {told}"


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
