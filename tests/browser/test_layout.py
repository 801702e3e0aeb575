"""Nothing is wider than the screen, however long the names, and nothing moves while it loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests import pages as every
from tests.product import Product, product

FLOWS = {"WORKFLOWS_MODULES": "tests.browser.wide_flows"}

#: Brings the runs into their states, as somebody with a long name; tells their ids.
RUNS = """
import uuid
from django.contrib.auth.models import User
from tests.browser.wide_flows import long, queued, trying, wide
from workflows_app.engine.host import clock
from workflows_app.engine.verbs import schedules
from workflows_app.models import Schedule, StepSnapshot

person = User.objects.create_superuser(long("person", 150), password="for these pages alone")
User.objects.filter(is_superuser=True).exclude(pk=person.pk).update(username=long("admin", 150))
tags = {"tags": [long("tag"), long("label")]}
options = {"actor": person, "timeout": 60, "tracing_options": tags}

def started(flow, name, wait=True, **given):
    run = flow.create_run(long(name), resource_id=long("resource"))
    if wait:
        run.start(given, **options)
    else:
        run.start(given, **{k: v for k, v in options.items() if k != "timeout"}, wait=False)
    return run

asking = started(wide, "asking", asks=True)
failed = started(wide, "failed", fails=True)
done = started(wide, "done")
fork = done.fork(long("end"), actor=person, timeout=60)
done.time_travel(long("end"), actor=person, timeout=60, reason=long("reason"))
canceled = started(wide, "canceled", asks=True)
canceled.cancel(actor=person)
waiting = started(trying, "trying", wait=False)
idle = started(queued, "queued", wait=False)
(schedule,) = Schedule.objects.filter(workflow=wide.id)
schedules.pause(schedule.pk, long("note"), clock.now(), person)
asked = StepSnapshot.objects.filter(run__run_id=asking.run_id, suspension__isnull=False)
question = asked.get(kind="step")
print(json.dumps({
    "runs": {n: r.run_id for n, r in {
        "asking": asking, "failed": failed, "done": done, "fork": fork, "canceled": canceled,
        "waiting": waiting, "idle": idle}.items()},
    "schedule": schedule.pk, "workflow": wide.id, "item": str(question.suspension),
    "steps": [long("end"), long("each"), long("inner"), long("inner") + "." + long("left")],
}))
"""

#: What is wider than the screen, or reaches out of it, on a page that scrolls sideways.
WIDE = """() => {
    const room = document.documentElement.clientWidth;
    const over = document.documentElement.scrollWidth - room;
    if (over <= 0) return null;
    const found = [...document.querySelectorAll("body *")].filter((one) => {
        const box = one.getBoundingClientRect();
        if (!box.width || box.right <= room + 1) return false;
        for (let up = one.parentElement; up && up !== document.body; up = up.parentElement) {
            if (getComputedStyle(up).overflowX !== "visible") return false;
        }
        return true;
    });
    return `${over} px: ` + found.slice(-3).map((one) => one.outerHTML.slice(0, 120)).join(" | ");
}"""


@pytest.fixture(scope="module")
def wide(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, str, dict[str, str]]]:
    """An installation of long names: its cookies, and its pages by name."""
    folder: Path = tmp_path_factory.mktemp("wide")
    with product(f"sqlite:///{folder / 'wide.sqlite3'}", folder, FLOWS) as made:
        made.up()
        cookies = every.sign_in(chromium, made.sign_in_link, made.address, folder)
        yield made, cookies, dict(_pages(made.python(RUNS)))


def _pages(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    flow, schedule = quote(told["workflow"]), quote(told["schedule"])
    for name, where in {
        "overview": "/",
        "runs": "/runs/?cols=run,input,reason,resource,tags,timeline,started,took",
        "runs of a search": f"/runs/?q={'q' * 200}",
        "an unknown word": f"/runs/?{'w' * 200}=1",
        "inbox": "/inbox/?tab=all",
        "question": f"/inbox/?tab=all&item={told['item']}",
        "take over": f"/inbox/{told['item']}/take-over/",
        "answers": "/inbox/?tab=done",
        "workflows": "/workflows/",
        "workflow": f"/workflows/{flow}/",
        "start": f"/workflows/{flow}/start/",
        "copied": f"/workflows/{flow}/start/?from={told['runs']['done']}",
        "schedules": "/schedules/",
        "schedule": f"/schedules/{schedule}/",
        "unpause": f"/schedules/{schedule}/unpause/",
        "workers": "/workers/",
        "audit": "/audit/",
        "settings": "/settings/",
        "gone": f"/runs/{'g' * 200}/",
        "compare": f"/runs/compare/?a={told['runs']['done']}&b={told['runs']['failed']}&only=0",
        "compare one": f"/runs/compare/?a={told['runs']['done']}&b={'b' * 200}",
    }.items():
        yield name, where
    for name, run in told["runs"].items():
        for tab in ("graph", "timeline", "events", "data", "related", "audit"):
            yield f"{name} {tab}", f"/runs/{quote(run)}/?tab={tab}"
    home = f"/runs/{quote(told['runs']['done'])}/"
    for path in told["steps"]:
        yield f"step {path[:9]}", f"{home}steps/{quote(path)}/"
    yield "drawer", f"{home}?step={quote(told['steps'][0])}"
    yield "value", f"{home}values/input/"
    yield "log", f"{home}log/"
    yield "travel", f"{home}time-travel/?from={quote(told['steps'][0])}"
    yield "grouped", f"{home}?tab=timeline&group=branch"
    for act in ("rerun", "delete", "cancel"):
        yield act, f"{home}{act}/"


@pytest.mark.parametrize("look", ["desktop-light", "phone-light"])
def test_no_page_scrolls_sideways_or_moves_for_a_long_name(
    chromium: Browser, wide: tuple[Product, str, dict[str, str]], look: str
) -> None:
    made, cookies, found = wide
    context = every.look(chromium, cookies, look)
    context.add_init_script(every.SHIFTS)
    page = context.new_page()
    broken: list[str] = []
    for name, where in found.items():
        page.goto(made.address + where)
        broken += [f"{name}: {what}" for what in every.shifts(page)]
        _open_all(page)
        if over := page.evaluate(WIDE):
            broken.append(f"{name}: {over}")
    context.close()
    assert not broken, "\n".join(broken)


def _open_all(page: Page) -> None:
    """Open all that is folded, but menus, which are looked at by themselves."""
    folded = "main details:not(.menu)"
    page.evaluate(f"document.querySelectorAll('{folded}').forEach((one) => {{ one.open = true; }})")
