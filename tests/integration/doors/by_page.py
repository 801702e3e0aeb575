"""The pages: forms that a person sends in a browser."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Final

from tests.integration.doors.table import Cell
from tests.integration.doors.world import PAST, Subject, Visitor, target

NOT_OFFERED: Final = {
    "change-schedule": "the pages have no form for it; it is done over HTTP",
    "delete-schedule": "the pages have no button for it; it is done over HTTP",
}


def ask(visitor: Visitor, row: str, subject: Subject) -> Cell:
    """Ask for it; return what came."""
    if row == "create-schedule":
        return read(_planned(visitor, subject))
    path, form = _schedule(row, subject) if row.endswith("-schedule") else _run(row, subject)
    answer = visitor.browser.get(path) if form is None else visitor.browser.post(path, form)
    return shown(answer, row, subject)


def shown(answer: Any, row: str, subject: Subject) -> Cell:
    """Return what a page says, which may leave out the values of a run."""
    is_page = row == "values" and answer.status_code == 200
    if is_page and subject.value not in answer.content.decode():
        return Cell.REFUSED
    return read(answer)


def read(answer: Any) -> Cell:
    """Return what an answer says."""
    is_sent_to_sign_in = answer.status_code == 302 and answer.url.startswith("/sign-in/")
    if answer.status_code in {401, 403} or is_sent_to_sign_in:
        return Cell.REFUSED
    # An answer to a question that is not there, or is asked no more, is a conflict.
    if answer.status_code in {404, 409}:
        return Cell.ABSENT
    assert answer.status_code in {200, 302}, (answer.status_code, answer.content.decode()[-3000:])
    return Cell.ALLOWED


Sent = tuple[str, dict[str, str] | None]


def _schedule(row: str, subject: Subject) -> Sent:
    op = row.partition("-")[0]
    return f"/schedules/{subject.schedules[row].pk}/{op}/", {"op": op}


def _run(row: str, subject: Subject) -> Sent:
    name, run_id = row.partition(" ")[0], subject.runs[row].run_id
    home, asked = f"/runs/{run_id}/", subject.questions.get(row)
    of_its_own: dict[str, Sent] = {
        "view": (home, None),
        "values": (f"{home}values/input/", None),
        "resume": (f"{home}answer/{asked}/", {"tab": "form", "data": "true", "op": "send"}),
        "claim": (f"/inbox/{asked}/claim/", {"op": "claim"}),
        "start": (f"/workflows/{subject.flow.id}/start/", start(subject, run_id)),
    }
    if name in {"fork", "time-travel"}:
        return f"{home}time-travel/", travel(row, subject.plans[row])
    return of_its_own.get(name) or (f"{home}{name}/", {"op": name})


def start(subject: Subject, run_id: str) -> dict[str, str]:
    """Return the form that starts the run with an id."""
    given = json.dumps(subject.value)
    return {"tab": "json", "json": given, "op": "send", "run_key": run_id}


def travel(row: str, token: str) -> dict[str, str]:
    """Return the form of a time travel or a fork, whose plan was seen."""
    changed = {path: given["output"] for path, given in PAST.items()} if "past" in row else {}
    mode = "new" if row.startswith("fork") else "here"
    form = {"from": target(row), "changed": json.dumps(changed), "mode": mode}
    return {**form, "token": token, "op": "start"}


def _planned(visitor: Visitor, subject: Subject) -> Any:
    address = f"/workflows/{subject.flow.id}/start/"
    form = {
        **start(subject, str(uuid.uuid4())), "when": "cron", "data.~when.cron": "0 6 * * *",
        "data.~when.timezone": "UTC", "data.~when.overlap": "allow",
    }  # fmt: skip
    seen = visitor.browser.post(address, form)
    found = re.search(r'name="planned" value="([^"]+)"', seen.content.decode())
    if seen.status_code != 200 or found is None:
        return seen
    return visitor.browser.post(address, {**form, "planned": found[1]})
