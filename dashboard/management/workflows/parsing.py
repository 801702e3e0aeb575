"""What may be typed after `manage.py workflows`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from workflows_app import calling
from workflows_app.planner.statuses import RunStatus

from .completion import SHELLS

#: What is typed first, and what it says of itself.
WORDS: Final = {
    "list": "list the workflows",
    "graph": "show the graph of a workflow",
    "start": "start a run, and wait until it settles",
    "runs": "list runs, the newest first",
    "show": "show one run and its steps",
    "events": "show the events of a run",
    "resume": "answer a suspended step; without --data it asks field by field",
    "cancel": "cancel a run",
    "restart": "continue an active run whose worker hangs or was lost",
    "retry": "run the failed steps of a run again",
    "skip-wait": "let a step that sleeps or waits for its next attempt go on now",
    "give-up": "fail a step that waits for its next attempt now",
    "pause": "let nothing of a run start until it proceeds",
    "proceed": "let a paused run on, as it went before the pause",
    "rerun": "start a new run with the same input",
    "fork": "do a time travel in a new run",
    "time-travel": "run again from a step",
    "emit": "send an event to the steps that wait for it",
    "inbox": "list the questions that wait for people",
    "answer": "answer a question by its suspension",
    "completion": "print the script that completes words in a shell",
}
#: Verbs that act on one run, and wait for it.
VERBS: Final = (
    "resume", "cancel", "restart", "retry", "skip-wait", "give-up", "pause", "proceed", "rerun",
    "fork", "time-travel",
)  # fmt: skip
JSON_OR_FILE: Final = "JSON, @FILE, or - for standard input"


def add_arguments(parser: ArgumentParser) -> None:
    """Take one of the words, and what belongs to it."""
    _add_common(parser)
    words = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for word, help_ in WORDS.items():
        sub = words.add_parser(word, help=help_, description=help_.capitalize() + ".")
        sub.set_defaults(parser=sub)
        _add_common(sub, default=SUPPRESS)
        _OWN.get(word, _add_nothing)(sub)
        if word in VERBS:
            _add_run(sub)
            _add_waiting(sub)
    hidden = words.add_parser("known-ids")
    hidden.add_argument("kind", choices=["workflows", "runs"])
    hidden.add_argument("prefix", nargs="?", default="")
    hidden.set_defaults(parser=hidden)


def _add_common(parser: ArgumentParser, default: str | None = None) -> None:
    """Take what may stand before the word and after it; the latter has no `default` of its own."""
    parser.add_argument(
        "--json", action="store_true", default=default or False, help="print JSON, for programs"
    )
    parser.add_argument(
        "--as", dest="acting_as", metavar="USER", default=default,
        help="act on behalf of this user, whose name stands in the audit trail",
    )  # fmt: skip
    if default is not None:
        for flag in ("--no-color", "--force-color", "--traceback"):  # Django's own
            parser.add_argument(flag, action="store_true", default=SUPPRESS, help=SUPPRESS)


def _add_nothing(_sub: ArgumentParser) -> None:
    pass


def _add_run(sub: ArgumentParser) -> None:
    sub.add_argument("run", metavar="RUN", help="the id of the run")


def _add_waiting(sub: ArgumentParser) -> None:
    sub.add_argument("--no-wait", action="store_true", help="do not wait until the run settles")


def _add_page(sub: ArgumentParser) -> None:
    sub.add_argument("--limit", type=int, default=50, help="how many at most, 1 to 200")
    sub.add_argument("--cursor", help="next_cursor of the page before")


def _graph(sub: ArgumentParser) -> None:
    sub.add_argument("workflow", metavar="ID")


def _start(sub: ArgumentParser) -> None:
    sub.add_argument("workflow", metavar="ID")
    sub.add_argument("--input", help=f"the input: {JSON_OR_FILE}")
    sub.add_argument("--run-id")
    sub.add_argument("--resource-id")
    sub.add_argument("--unique", metavar="KEY", help="one run of the workflow holds this key")
    sub.add_argument(
        "--unique-for", type=_unique_for, default="active", metavar="SPAN",
        help=f"until when: active (the run has not ended), ever, or {calling.SPANS}",
    )  # fmt: skip
    sub.add_argument("--state", help=f"the initial state: {JSON_OR_FILE}")
    sub.add_argument("--context", help=f"the request context: {JSON_OR_FILE}")
    sub.add_argument("--tag", action="append", default=[], help="may be repeated")
    sub.add_argument("--per-step", action="store_true", help="run one step, then pause")
    sub.add_argument("--follow", action="store_true", help="show what happens as it happens")
    _add_deadline(sub)
    _add_waiting(sub)


def _add_deadline(sub: ArgumentParser) -> None:
    short = f"such as {calling.SPANS}"
    sub.add_argument("--deadline", type=_span, help=f"how long the run may take, {short}")
    sub.add_argument(
        "--deadline-then", choices=["fail", "cancel", "warn"], help="what happens then: fail"
    )
    sub.add_argument("--deadline-warn-after", type=_span, help="when to warn of it")
    sub.add_argument(
        "--deadline-not-suspended", action="store_true",
        help="do not count the time for which the run is suspended",
    )  # fmt: skip
    sub.add_argument("--start-within", type=_span, help="how long the run may wait to begin")


def _unique_for(text: str) -> str | timedelta:
    return text if text in ("active", "ever") else _span(text)


def _span(text: str) -> timedelta:
    found = calling.span(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time: write {calling.SPANS}")
    return found


def _runs(sub: ArgumentParser) -> None:
    statuses = [status.value for status in RunStatus]
    sub.add_argument("--status", action="append", default=[], choices=statuses, metavar="STATUS")
    sub.add_argument("--workflow")
    sub.add_argument("--resource-id")
    sub.add_argument("--run-id")
    sub.add_argument("--tag", action="append", default=[])
    sub.add_argument("--started-after", metavar="TIME", help="ISO 8601 with an offset")
    sub.add_argument("--started-before", metavar="TIME")
    sub.add_argument("-q", "--query", dest="q", help="a run id or its beginning, or a resource id")
    sub.add_argument("--order", choices=["-created_at", "created_at"], default="-created_at")
    _add_page(sub)


def _show(sub: ArgumentParser) -> None:
    _add_run(sub)


def _events(sub: ArgumentParser) -> None:
    _add_run(sub)
    sub.add_argument("--after", type=int, default=0, metavar="N", help="from after this number on")
    sub.add_argument("--follow", action="store_true", help="until the run has ended")


def _add_answer(sub: ArgumentParser) -> None:
    sub.add_argument("--data", help=f"the answer: {JSON_OR_FILE}")


def _resume(sub: ArgumentParser) -> None:
    _add_answer(sub)
    sub.add_argument("--step", help="the path of the step")
    sub.add_argument("--label", help="the resume label")
    sub.add_argument("--suspension", help="the id of the question")
    sub.add_argument("--index", type=int, help="the item of a foreach")


def _answer(sub: ArgumentParser) -> None:
    sub.add_argument("suspension", metavar="SUSPENSION")
    _add_answer(sub)
    _add_waiting(sub)


def _cancel(sub: ArgumentParser) -> None:
    sub.add_argument("--reason", default="")


def _of_step(sub: ArgumentParser) -> None:
    sub.add_argument("--step", help="the path of the step, if several wait")


def _proceed(sub: ArgumentParser) -> None:
    pace = sub.add_mutually_exclusive_group()
    pace.add_argument("--step", action="store_true", help="run one step, then pause again")
    pace.add_argument("--to-end", action="store_true", help="do not pause again")


def _rerun(sub: ArgumentParser) -> None:
    sub.add_argument("--input", help=f"another input: {JSON_OR_FILE}")


def _fork(sub: ArgumentParser) -> None:
    sub.add_argument("--step", required=True, help="the path of the step to run again from")
    sub.add_argument("--input", help=f"the step's input: {JSON_OR_FILE}")
    sub.add_argument("--data", help=f"resume data for it: {JSON_OR_FILE}")
    sub.add_argument("--state", help=f"the state to begin with: {JSON_OR_FILE}")
    sub.add_argument("--context", help=f"results of steps before it: {JSON_OR_FILE}")
    sub.add_argument("--per-step", action="store_true", help="run one step, then pause")
    sub.add_argument("--reason", default="")


def _time_travel(sub: ArgumentParser) -> None:
    _fork(sub)
    sub.add_argument("--plan", action="store_true", help="only say what it would do")


def _inbox(sub: ArgumentParser) -> None:
    sub.add_argument("--workflow")
    sub.add_argument("--run-id")
    _add_page(sub)


def _emit(sub: ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", help="the name of the event")
    sub.add_argument("--key", default="", help="the key that the steps wait for")
    sub.add_argument("--data", help=f"the data: {JSON_OR_FILE}")
    sub.add_argument("--event-id", help="your own id: a repeated event changes nothing")


def _completion(sub: ArgumentParser) -> None:
    sub.add_argument("shell", choices=SHELLS)


_OWN: Final[dict[str, Callable[[ArgumentParser], None]]] = {
    "graph": _graph,
    "start": _start,
    "runs": _runs,
    "show": _show,
    "events": _events,
    "resume": _resume,
    "cancel": _cancel,
    "skip-wait": _of_step,
    "give-up": _of_step,
    "pause": _cancel,
    "proceed": _proceed,
    "rerun": _rerun,
    "fork": _fork,
    "time-travel": _time_travel,
    "emit": _emit,
    "inbox": _inbox,
    "answer": _answer,
    "completion": _completion,
}
